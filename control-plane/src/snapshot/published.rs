//! What proxies are told of settings and tokens.

use gatepass::config::wire;

use crate::domain::authority::may_use;
use crate::domain::settings::Settings;
use crate::domain::token::Token;
use crate::domain::user::Role;
use crate::store::Version;

/// All but the tokens; `report` is where the filter reports.
pub(super) fn rest_of(
    version: &Version,
    settings: &Settings,
    report: Option<&wire::Report>,
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
        tokens: Some(Vec::new()),
        token_set: None,
        report: report.cloned(),
    }
}

/// Whether the same tokens are published, and as the same, under both settings.
pub(super) fn publishes_alike(one: &Settings, other: &Settings) -> bool {
    let of = |settings: &Settings| {
        let scopes: Vec<String> = settings.scopes.0.keys().cloned().collect();
        (scopes, [Role::User, Role::TokenManager, Role::Admin].map(|role| may_use(role, settings)))
    };
    of(one) == of(other)
}

/// An expired token keeps no scope from being removed: it goes with it. It never loses the scope alone, since a proxy
/// whose clock is behind ours still admits it.
pub(super) fn is_published(token: &Token, settings: &Settings, now: i64) -> bool {
    let has_its_scope = token.scope.as_ref().is_none_or(|name| settings.scopes.0.contains_key(name));
    has_its_scope || !token.is_expired(now)
}

pub(super) fn wire_token(token: &Token, settings: &Settings) -> wire::Token {
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

pub(crate) fn stated_refusal(token: &Token, settings: &Settings) -> Option<wire::StatedRefusal> {
    if token.disabled.is_some() {
        Some(wire::StatedRefusal::TokenDisabled)
    } else if !token.owner_active {
        Some(wire::StatedRefusal::UserInactive)
    } else if !may_use(token.owner_role, settings) || token.is_entry() && token.owner_role != Role::User {
        // Whom a source named has become more since than it may name.
        Some(wire::StatedRefusal::UseNotAllowed)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::token::Disabled;
    use crate::domain::token::tests::token;

    #[test]
    fn an_expired_token_keeps_its_scope_or_goes_with_it() {
        let scoped = Token { expires_at: Some(100), scope: Some("read_only".into()), ..token() };
        let lost = Token { scope: Some("gone".into()), id: "t2".into(), ..scoped.clone() };
        let published = |token: &Token, now: i64| is_published(token, &Settings::default(), now);
        assert!(published(&scoped, 100) && published(&scoped, 99));
        assert!(published(&lost, 99) && !published(&lost, 100));
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
            (Token { id: "ci.a".into(), ..token() }, &Settings::default(), None),
            (
                Token { id: "ci.a".into(), owner_role: Role::Admin, ..token() },
                &Settings::default(),
                Some("use_not_allowed"),
            ),
            (Token { owner_role: Role::Admin, ..token() }, &Settings::default(), None),
        ] {
            let stated = serde_json::to_value(stated_refusal(&token, settings)).unwrap();
            assert_eq!(stated.as_str(), expected, "{token:?}");
        }
    }
}
