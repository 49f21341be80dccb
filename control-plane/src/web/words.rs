//! English texts between which code chooses. All others are in `templates/`.

use crate::domain::listing::{Preset, TimeField};
use crate::domain::token::State;
use crate::domain::traffic::Span;
use crate::domain::user::Role;
use crate::domain::validity::Validity;
use crate::explain::Kind;

/// What somebody may do, in a word.
pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::User => "User",
        Role::TokenManager => "Token manager",
        Role::Admin => "Administrator",
    }
}

/// How long a token lives, in words.
pub(crate) fn validity(validity: Validity) -> &'static str {
    match validity {
        Validity::SixMonths => "6 months",
        Validity::OneYear => "1 year",
        Validity::TwoYears => "2 years",
        Validity::Never => "Never expires",
    }
}

/// What has become of a token, in a word.
pub(crate) fn state(state: State) -> &'static str {
    match state {
        State::Active => "Active",
        State::Disabled => "Disabled",
        State::Expired => "Expired",
        State::Revoked => "Deleted",
    }
}

/// What the page before this one has done, by the code that it left in the address.
pub(crate) fn done(code: &str) -> Option<&'static str> {
    Some(match code {
        "deleted" => "The token is deleted. It opens nothing any more.",
        "disabled" => "The token is disabled. Requests with it are refused until it is enabled again.",
        "enabled" => "The token is enabled. It works again.",
        "reset" => "The count of failed sign-ins is 0 again.",
        "saved" => "Saved.",
        "sessions-ended" => "The user is signed out everywhere.",
        "settings-saved" => "The settings are saved. Proxies have them within a second.",
        "session-ended" => "Your session has ended. Sign in again to go on.",
        "password-set" => "The new password holds. The user is signed out everywhere.",
        "user-created" => "The user is created. Give a password, so that the user can sign in.",
        "signed-out" => "You are signed out.",
        _ => return None,
    })
}

/// What is counted, in words.
pub(crate) fn span(span: Span) -> &'static str {
    match span {
        Span::LastHour => "Last hour",
        Span::Last24Hours => "24 hours",
        Span::Last7Days => "7 days",
        Span::Last30Days => "30 days",
        Span::Last90Days => "90 days",
    }
}

/// What a request carries that is no token.
pub(crate) fn credentials(kind: Kind) -> &'static str {
    match kind {
        Kind::Token => "A token",
        Kind::Password => "A user name and a password",
        Kind::Other => "Another service’s Bearer token",
        Kind::None => "No credentials at all",
    }
}

/// What a decision of the filter means.
pub(crate) fn decision(name: &str) -> &'static str {
    match name {
        "allow.token" => "A token opened the gate.",
        "allow.password" => "A password went on to the service, which checks it.",
        "allow.foreign" => "Credentials of another kind went on to the service.",
        "allow.anonymous" => "A request without credentials went on to the service.",
        "allow.unprotected" => "The path is not protected.",
        "refuse.not_ready" => "A proxy had no configuration.",
        "refuse.credentials_missing" => "There were no credentials.",
        "refuse.authorization_malformed" => "The credentials were not written as they should be.",
        "refuse.ip_not_allowed" => "The address is not on a list that it must be on.",
        "refuse.credentials_unknown" => "A token that is not known, was deleted, or is another user’s.",
        "refuse.password_refused" => "A password, where only tokens are accepted.",
        "refuse.scheme_refused" => "Credentials of another kind, where only tokens are accepted.",
        "refuse.token_disabled" => "The token is disabled.",
        "refuse.user_inactive" => "The token’s owner is deactivated or suspended.",
        "refuse.use_not_allowed" => "The settings do not let the owner use tokens.",
        "refuse.token_expired" => "The token has expired.",
        "refuse.scope_exceeded" => "The token’s scope does not allow the request.",
        "refuse.internal_error" => "The proxy failed the gate.",
        _ => "A reason of another version’s filter.",
    }
}

/// How many tokens the page before this one has done something to, by the code and the number that it left in the address.
pub(crate) fn counted(code: &str, count: &str) -> Option<String> {
    let count: u32 = count.parse().ok()?;
    let tokens = if count == 1 { "1 token is".to_owned() } else { format!("{count} tokens are") };
    match code {
        "bulk-deleted" => Some(format!("{tokens} deleted.")),
        "bulk-disabled" => Some(format!("{tokens} disabled.")),
        "bulk-enabled" => Some(format!("{tokens} enabled.")),
        _ => None,
    }
}

/// A span of time, in words.
pub(crate) fn preset(preset: Preset, field: TimeField) -> &'static str {
    match preset {
        Preset::Today => "Today (UTC)",
        Preset::Last7Days => "In the last 7 days",
        Preset::Last30Days => "In the last 30 days",
        Preset::Last90Days => "In the last 90 days",
        Preset::Never if field == TimeField::LastUsed => "Never used",
        Preset::Never => "Never expires",
        Preset::Expired => "Expired",
        Preset::Within1Day => "Within 24 hours",
        Preset::Within7Days => "Within 7 days",
        Preset::Within30Days => "Within 30 days",
    }
}

/// What to call a refusal, by its status.
pub(crate) fn refusal(status: u16) -> &'static str {
    match status {
        400 => "That request was not right",
        403 => "You may not do that",
        404 => "There is nothing here",
        405 | 415 => "That cannot be done here",
        408 => "That took too long",
        409 | 412 => "That is not possible as things are",
        413 => "That was too much at once",
        421 => "This server has another name",
        429 => "That was too often",
        _ => "Something went wrong",
    }
}

/// What a use case says, as a sentence of its own.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// `text` in parts, each with whether it is code: what stands between backticks.
pub(crate) fn parts(text: &str) -> Vec<(bool, String)> {
    let parts = text.split('`').enumerate().map(|(place, part)| (place % 2 == 1, part.to_owned()));
    parts.filter(|(_, part)| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_apart() {
        let of = |text: &str| {
            parts(text).into_iter().map(|(is_code, part)| format!("{is_code} {part}")).collect::<Vec<_>>()
        };
        assert_eq!(of("see `a` and `b`."), ["false see ", "true a", "false  and ", "true b", "false ."]);
        assert_eq!(of("plain"), ["false plain"]);
        assert!(of("").is_empty());
    }

    #[test]
    fn only_numbers_are_told_from_an_address() {
        assert_eq!(counted("bulk-deleted", "3").as_deref(), Some("3 tokens are deleted."));
        assert_eq!(counted("bulk-enabled", "1").as_deref(), Some("1 token is enabled."));
        for (code, count) in [("bulk-deleted", "many"), ("bulk-deleted", "-1"), ("nonsense", "1")] {
            assert_eq!(counted(code, count), None);
        }
    }

    #[test]
    fn sentences_begin_and_end() {
        for (text, expected) in [("no", "No."), ("it is so.", "It is so."), ("ändern", "Ändern."), ("", ".")]
        {
            assert_eq!(sentence(text), expected);
        }
    }
}
