//! The plugin configuration that the filter is to enforce, from the state of the database.

mod published;

use std::sync::{Arc, Mutex, PoisonError};

use gatepass::compact::TokenSet;
use gatepass::config::ConfigError;
use gatepass::config::wire;
use gatepass::policy::Policy;
use gatepass::token::Digest;
use jiff::Timestamp;

use crate::callers::Caller;
use crate::context::Context;
use crate::domain::authority::administers;
use crate::domain::settings::Settings;
use crate::error::Error;
use crate::store::{StoreError, Transaction, Version};
use published::{is_published, publishes_alike, rest_of, wire_token};

/// How long after its expiry a token stays known, in seconds: its user then reads `token_expired` rather than
/// `credentials_unknown`.
const KEPT_AFTER_EXPIRY: i64 = 30 * 24 * 60 * 60;

/// One published state.
#[derive(Debug)]
pub struct Snapshot {
    /// Which one.
    pub version: Version,
    settings: Settings,
    /// All but the tokens, of which there are none here.
    rest: wire::PluginConfiguration,
    tokens: TokenSet,
    /// Tokens that ended by then, in Unix seconds, are left out.
    without: i64,
}

impl Snapshot {
    /// The snapshot of what `tx` sees, with `report` as where the filter reports. Reads every token.
    ///
    /// # Errors
    /// The database failed, or has not been set up; or what the filter would refuse, named by the field that the caller
    /// knows.
    pub async fn build(
        tx: &mut dyn Transaction,
        report: Option<&wire::Report>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let version = tx.version().await?.ok_or(StoreError::Unreadable("epoch"))?;
        let settings = tx.settings().await?.settings;
        let (now, without) = (now.as_second(), without(now));
        let tokens = tx.unrevoked_tokens(without).await?;
        let rest = rest_of(&version, &settings, report);
        apart(move || {
            let published = tokens.iter().filter(|token| is_published(token, &settings, now));
            let tokens = published.map(|token| wire_token(token, &settings)).collect();
            let whole = wire::PluginConfiguration { tokens: Some(tokens), ..rest.clone() };
            let tokens = TokenSet::of(whole).map_err(refused)?;
            Ok(Self { version, settings, rest, tokens, without })
        })
        .await
    }

    /// The snapshot of what `tx` sees, which is `version`, by what has changed in its epoch since this one. Costs what has
    /// changed.
    ///
    /// # Errors
    /// As above.
    async fn followed(
        self: Arc<Self>,
        tx: &mut dyn Transaction,
        version: Version,
        report: Option<&wire::Report>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let settings = tx.settings().await?.settings;
        if !publishes_alike(&self.settings, &settings) {
            return Self::build(tx, report, now).await;
        }
        let (now, without) = (now.as_second(), without(now).max(self.without));
        let changed = tx.tokens_changed_since(self.version.revision).await?;
        let ended = tx.tokens_expired_between(self.without, without).await?;
        let rest = rest_of(&version, &settings, report);
        apart(move || {
            Policy::from_wire(rest.clone()).map_err(refused)?;
            let (put, gone): (Vec<_>, Vec<_>) = changed.iter().partition(|token| {
                let has_ended = token.expires_at.is_some_and(|end| end <= without);
                token.revoked_at.is_none() && !has_ended && is_published(token, &settings, now)
            });
            let gone: Vec<_> = gone.iter().map(|token| token.digest).chain(ended).collect();
            let put: Vec<_> = put.iter().map(|token| wire_token(token, &settings)).collect();
            let scopes: Vec<&str> = settings.scopes.0.keys().map(String::as_str).collect();
            let tokens = self.tokens.changed(&gone, &put, &scopes).map_err(refused)?;
            Ok(Self { version, settings, rest, tokens, without })
        })
        .await
    }

    /// Its compact encoding, which the filter's own rules have read. Takes a while if there are many tokens.
    ///
    /// # Errors
    /// None that a database could cause: what the filter would refuse.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        self.tokens.encode(&self.rest).map_err(refused)
    }

    /// The plugin configuration, the tokens listed in the order of their ids.
    pub fn configuration(&self) -> wire::PluginConfiguration {
        let mut tokens: Vec<wire::Token> = self.tokens.tokens().collect();
        tokens.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        wire::PluginConfiguration { tokens: Some(tokens), ..self.rest.clone() }
    }

    /// The plugin configuration with those of `tokens` alone that proxies are told of, in their order.
    pub fn of_some<'a>(&self, tokens: impl IntoIterator<Item = &'a Digest>) -> wire::PluginConfiguration {
        let told = tokens.into_iter().filter_map(|digest| Some(self.tokens.find(digest)?.to_wire(digest)));
        wire::PluginConfiguration { tokens: Some(told.collect()), ..self.rest.clone() }
    }

    /// Its JSON. Takes a while if there are many tokens.
    ///
    /// # Errors
    /// None that a configuration could cause.
    pub fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string(&self.configuration())
            .map_err(|error| Error::Internal(format!("the snapshot could not be written: {error}")))
    }
}

/// When tokens have to have ended that are left out at `now`, in Unix seconds.
fn without(now: Timestamp) -> i64 {
    now.as_second().saturating_sub(KEPT_AFTER_EXPIRY)
}

/// The newest snapshot of a process, which the next one is made of.
#[derive(Debug, Default)]
pub struct Newest(Mutex<Option<Arc<Snapshot>>>);

impl Newest {
    /// The snapshot of what `tx` sees. What is made of a change that is not committed yet is not kept by itself.
    ///
    /// # Errors
    /// The database failed, or has not been set up; or what the filter would refuse, named by the field that the caller
    /// knows.
    pub async fn of(
        &self,
        tx: &mut dyn Transaction,
        report: Option<&wire::Report>,
        now: Timestamp,
    ) -> Result<Arc<Snapshot>, Error> {
        let version = tx.version().await?.ok_or(StoreError::Unreadable("epoch"))?;
        let held = self.held().clone();
        match held.filter(|held| held.version.epoch == version.epoch) {
            Some(held) if held.version.revision == version.revision => Ok(held),
            Some(held) if held.version.revision < version.revision => {
                held.followed(tx, version, report, now).await.map(Arc::new)
            }
            _ => Snapshot::build(tx, report, now).await.map(Arc::new),
        }
    }

    /// Whether a later revision than this one is held already.
    pub fn is_ahead_of(&self, version: &Version) -> bool {
        let held = self.held();
        held.as_ref().is_some_and(|held| is_later(&held.version, version))
    }

    /// Keeps a snapshot whose change is durable, unless a later one was kept meanwhile.
    pub fn keep(&self, snapshot: Arc<Snapshot>) {
        let mut held = self.held();
        if held.as_ref().is_none_or(|held| !is_later(&held.version, &snapshot.version)) {
            *held = Some(snapshot);
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Arc<Snapshot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_later(one: &Version, other: &Version) -> bool {
    one.epoch == other.epoch && one.revision > other.revision
}

/// What proxies are told of `settings`, without tokens.
pub fn of_settings(settings: &Settings) -> wire::PluginConfiguration {
    rest_of(&Version { epoch: String::new(), revision: 0 }, settings, None)
}

/// Has the filter's own rules read `settings` alone.
///
/// # Errors
/// What the filter would refuse, named by the setting.
pub fn check_settings(settings: &Settings) -> Result<(), Error> {
    Policy::from_wire(of_settings(settings)).map(drop).map_err(refused)
}

/// Does off the async threads what takes a while if there are many tokens.
///
/// # Errors
/// That of `work`, or its panic.
pub async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Internal(format!("the work on a snapshot ended: {error}")))?
}

/// The present snapshot. It holds every token's digest and owner, so it is for admins.
///
/// # Errors
/// The caller is no admin.
pub async fn show(context: &Context, caller: &Caller) -> Result<Snapshot, Error> {
    administers(caller.principal())?;
    let mut tx = context.store.read().await?;
    Snapshot::build(tx.as_mut(), context.report.as_ref(), context.clock.now()).await
}

fn refused(error: ConfigError) -> Error {
    Error::invalid(callers_field(&error), error.problem)
}

/// `settings.protected_paths[0]` → `protected_paths[0]`, `tokens[3].allowed_ips[0]` → `allowed_ips[0]`.
fn callers_field(error: &ConfigError) -> String {
    let field = error.field.as_str();
    if let Some(setting) = field.strip_prefix("settings.") {
        return setting.to_owned();
    }
    let of_token = field.strip_prefix("tokens[").and_then(|rest| rest.split_once("]."));
    of_token.map_or(field, |(_, own)| own).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_those_that_the_caller_sent() {
        for (published, sent) in [
            ("settings.protected_paths[0]", "protected_paths[0]"),
            ("scopes.ci[0].methods", "scopes.ci[0].methods"),
            ("tokens[3].allowed_ips[0]", "allowed_ips[0]"),
            ("tokens[3]", "tokens[3]"),
            ("", ""),
        ] {
            assert_eq!(callers_field(&ConfigError::new(published, "")), sent);
        }
    }
}
