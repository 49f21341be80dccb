//! The plugin configuration that the filter is to enforce, from the state of the database.

mod published;

use std::sync::{Arc, Mutex, PoisonError};

use gatepass::compact::{Encoding, TokenSet};
use gatepass::config::ConfigError;
use gatepass::config::wire;
use gatepass::policy::{MAX_TOKENS, Policy, too_many_tokens};
use gatepass::token::Digest;
use jiff::Timestamp;

use crate::callers::Caller;
use crate::context::Context;
use crate::domain::authority::administers;
use crate::domain::settings::Settings;
use crate::domain::token::Token;
use crate::error::Error;
use crate::store::unrevoked::Unrevoked;
use crate::store::{StoreError, Transaction, Version};
pub(crate) use published::stated_refusal;
use published::{is_published, publishes_alike, rest_of, wire_token};

/// How long after its expiry a token stays known, in seconds: its user then reads `token_expired` rather than
/// `credentials_unknown`.
const KEPT_AFTER_EXPIRY: i64 = 30 * 24 * 60 * 60;

/// Most tokens that a snapshot follows another by; of more changes all tokens are read, some at a time.
const MOST_CHANGED: i64 = 50_000;

/// Most tokens of a snapshot that is written in a few milliseconds: 5 MB.
const LARGE: usize = 50_000;

/// One published state.
#[derive(Debug)]
pub struct Snapshot {
    /// Which one.
    pub version: Version,
    settings: Arc<Settings>,
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
        let settings = Arc::new(tx.settings().await?.settings);
        let (now, without) = (now.as_second(), without(now));
        let rest = rest_of(&version, &settings, report);
        Policy::from_wire(rest.clone()).map_err(refused)?;
        // Reading them takes long, and those that have not expired are all published.
        if tx.count_unrevoked_tokens(now).await? > MAX_TOKENS as u64 {
            return Err(refused(too_many_tokens()));
        }
        let mut tokens = TokenSet::default();
        let mut unrevoked = Unrevoked::at(without);
        while let Some(read) = unrevoked.next(tx).await? {
            let settings = Arc::clone(&settings);
            tokens = apart(move || put(&tokens, &[], &read, &settings, now)).await?;
        }
        Ok(Self { version, settings, rest, tokens, without })
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
        let settings = Arc::new(tx.settings().await?.settings);
        if !publishes_alike(&self.settings, &settings) {
            return Self::build(tx, report, now).await;
        }
        let Some(removed) = tx.entries_gone_since(self.version.revision).await? else {
            return Self::build(tx, report, now).await;
        };
        let without = without(now).max(self.without);
        let changed = tx.tokens_changed_since(self.version.revision, MOST_CHANGED + 1).await?;
        if i64::try_from(changed.len()).is_ok_and(|changed| changed > MOST_CHANGED) {
            return Self::build(tx, report, now).await;
        }
        let ended = tx.tokens_expired_between(self.without, without).await?;
        let rest = rest_of(&version, &settings, report);
        let now = now.as_second();
        apart(move || {
            Policy::from_wire(rest.clone()).map_err(refused)?;
            let (staying, gone): (Vec<_>, Vec<_>) = changed.into_iter().partition(|token| {
                let has_ended = token.expires_at.is_some_and(|end| end <= without);
                token.revoked_at.is_none() && !has_ended && is_published(token, &settings, now)
            });
            let gone: Vec<_> = gone.iter().map(|token| token.digest).chain(ended).chain(removed).collect();
            let tokens = put(&self.tokens, &gone, &staying, &settings, now)?;
            Ok(Self { version, settings, rest, tokens, without })
        })
        .await
    }

    /// Its compact encoding, which the filter's own rules have read.
    ///
    /// # Errors
    /// None that a database could cause: what the filter would refuse.
    pub fn encode(&self) -> Result<Encoding<'_>, Error> {
        self.tokens.encode(&self.rest).map_err(refused)
    }

    /// Whether it takes so long to write that nobody should wait for it.
    pub fn is_large(&self) -> bool {
        self.tokens.len() > LARGE
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

/// The set without `gone`, and with those of `staying` that are published.
fn put(
    tokens: &TokenSet,
    gone: &[Digest],
    staying: &[Token],
    settings: &Settings,
    now: i64,
) -> Result<TokenSet, Error> {
    let published = staying.iter().filter(|token| is_published(token, settings, now));
    let put: Vec<wire::Token> = published.map(|token| wire_token(token, settings)).collect();
    let scopes: Vec<&str> = settings.scopes.0.keys().map(String::as_str).collect();
    tokens.changed(gone, &put, &scopes).map_err(refused)
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

    /// Whether the one that is held is large, see [`Snapshot::is_large`].
    pub fn is_large(&self) -> bool {
        self.held().as_ref().is_some_and(|held| held.is_large())
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
pub async fn show(context: &Context, caller: &Caller) -> Result<Arc<Snapshot>, Error> {
    administers(caller.principal())?;
    let mut tx = context.store.read().await?;
    context.newest.of(tx.as_mut(), context.report.as_ref(), context.clock.now()).await
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
