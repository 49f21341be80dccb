//! The plugin configuration that the filter is to enforce, from the state of the database.

use gatepass::compact;
use gatepass::config::ConfigError;
use gatepass::config::wire;
use gatepass::policy::Policy;
use jiff::Timestamp;

use crate::callers::Caller;
use crate::context::Context;
use crate::domain::authority::{administers, may_use};
use crate::domain::settings::Settings;
use crate::domain::token::Token;
use crate::error::Error;
use crate::store::{StoreError, Transaction, Version};

/// How long after its expiry a token stays known, in seconds: its user then reads `token_expired` rather than
/// `credentials_unknown`.
const KEPT_AFTER_EXPIRY: i64 = 30 * 24 * 60 * 60;

/// One published state.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Which one.
    pub version: Version,
    /// The plugin configuration.
    pub configuration: wire::PluginConfiguration,
}

impl Snapshot {
    /// The snapshot of what `tx` sees, with `report` as where the filter reports.
    ///
    /// # Errors
    /// The database failed, or has not been set up.
    pub async fn build(
        tx: &mut dyn Transaction,
        report: Option<&wire::Report>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let version = tx.version().await?.ok_or(StoreError::Unreadable("epoch"))?;
        let settings = tx.settings().await?.settings;
        let now = now.as_second();
        let tokens = tx.unrevoked_tokens(now.saturating_sub(KEPT_AFTER_EXPIRY)).await?;
        let report = report.cloned();
        apart(move || {
            let rest = configuration(&version, &settings, &tokens, now);
            Ok(Self { version, configuration: wire::PluginConfiguration { report, ..rest } })
        })
        .await
    }

    /// What proxies are told of `settings`, without tokens.
    pub fn of_settings(settings: &Settings) -> wire::PluginConfiguration {
        configuration(&Version { epoch: String::new(), revision: 0 }, settings, &[], 0)
    }

    /// Has the filter's own rules read it.
    ///
    /// # Errors
    /// What the filter would refuse, named by the field that the caller knows.
    pub async fn check(self) -> Result<(), Error> {
        apart(move || Policy::from_wire(self.configuration).map(drop).map_err(refused)).await
    }

    /// Its compact encoding, which the filter's own rules have read. Takes a while if there are many tokens.
    ///
    /// # Errors
    /// What the filter would refuse, as [`Self::check`] names it.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        compact::encode(&self.configuration).map_err(refused)
    }

    /// Its JSON. Takes a while if there are many tokens.
    ///
    /// # Errors
    /// None that a configuration could cause.
    pub fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string(&self.configuration)
            .map_err(|error| Error::Internal(format!("the snapshot could not be written: {error}")))
    }
}

/// Has the filter's own rules read `settings` alone.
///
/// # Errors
/// What the filter would refuse, named by the setting.
pub fn check_settings(settings: &Settings) -> Result<(), Error> {
    let version = Version { epoch: String::new(), revision: 0 };
    Policy::from_wire(configuration(&version, settings, &[], 0)).map(drop).map_err(refused)
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

fn configuration(
    version: &Version,
    settings: &Settings,
    tokens: &[Token],
    now: i64,
) -> wire::PluginConfiguration {
    wire::PluginConfiguration {
        version: wire::Integer(wire::VERSION),
        epoch: version.epoch.clone(),
        revision: version.revision.to_string(),
        settings: wire::Settings {
            anonymous: settings.anonymous,
            password_auth: if settings.password_auth { wire::Mode::Forward } else { wire::Mode::Refuse },
            foreign_credentials: settings.foreign_credentials,
            allowed_ips: settings.allowed_ips.to_strings(),
            protected_paths: settings.protected_paths.clone(),
            identity_headers: settings.identity_headers.clone(),
            forward_authorization: settings.forward_authorization,
            token_headers: settings.token_headers.clone(),
            token_prefixes: settings.token_prefixes.clone(),
        },
        scopes: settings.scopes.clone(),
        tokens: Some(
            tokens
                .iter()
                .filter(|token| is_published(token, settings, now))
                .map(|token| wire_token(token, settings))
                .collect(),
        ),
        token_set: None,
        report: None,
    }
}

/// An expired token keeps no scope from being removed: it goes with it. It never loses the scope alone, since a proxy
/// whose clock is behind ours still admits it.
fn is_published(token: &Token, settings: &Settings, now: i64) -> bool {
    let has_its_scope = token.scope.as_ref().is_none_or(|name| settings.scopes.0.contains_key(name));
    has_its_scope || !token.is_expired(now)
}

fn wire_token(token: &Token, settings: &Settings) -> wire::Token {
    wire::Token {
        id: token.id.clone(),
        sha256: token.digest.to_string(),
        user: token.owner.clone(),
        expires_at: token.expires_at.map(|end| wire::Integer(u64::try_from(end).unwrap_or(0))),
        scope: token.scope.clone(),
        allowed_ips: token.allowed_ips.to_strings(),
        refuse: stated_refusal(token, settings),
    }
}

fn stated_refusal(token: &Token, settings: &Settings) -> Option<wire::StatedRefusal> {
    if token.disabled.is_some() {
        Some(wire::StatedRefusal::TokenDisabled)
    } else if !token.owner_active {
        Some(wire::StatedRefusal::UserInactive)
    } else if !may_use(token.owner_role, settings) {
        Some(wire::StatedRefusal::UseNotAllowed)
    } else {
        None
    }
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
    use crate::domain::token::Disabled;
    use crate::domain::token::tests::token;
    use crate::domain::user::Role;

    #[test]
    fn an_expired_token_keeps_its_scope_or_goes_with_it() {
        let scoped = Token { expires_at: Some(100), scope: Some("read_only".into()), ..token() };
        let lost = Token { scope: Some("gone".into()), id: "t2".into(), ..scoped.clone() };
        let version = Version { epoch: "a".into(), revision: 1 };
        let published =
            configuration(&version, &Settings::default(), &[scoped, lost], 100).tokens.unwrap_or_default();
        let scopes: Vec<_> =
            published.iter().map(|token| (token.id.as_str(), token.scope.as_deref())).collect();
        assert_eq!(scopes, [("t1", Some("read_only"))]);
    }

    #[test]
    fn the_stated_refusal_is_the_first_that_applies() {
        let strict =
            Settings { only_admins_create_tokens: true, users_may_use_tokens: false, ..Settings::default() };
        let disabled = || Some(Disabled { at: 5, by: "mary".into() });
        for (token, settings, expected) in [
            (token(), &Settings::default(), None),
            (token(), &strict, Some("use_not_allowed")),
            (Token { owner_role: Role::Admin, ..token() }, &strict, None),
            (Token { owner_active: false, ..token() }, &strict, Some("user_inactive")),
            (Token { owner_active: false, disabled: disabled(), ..token() }, &strict, Some("token_disabled")),
            (Token { disabled: disabled(), ..token() }, &Settings::default(), Some("token_disabled")),
        ] {
            let stated = serde_json::to_value(stated_refusal(&token, settings)).unwrap();
            assert_eq!(stated.as_str(), expected, "{token:?}");
        }
    }

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
