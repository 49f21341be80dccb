//! English texts between which code chooses. All others are in `templates/`.

use crate::domain::token::State;
use crate::domain::user::Role;
use crate::domain::validity::Validity;

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
        "session-ended" => "Your session has ended. Sign in again to go on.",
        "signed-out" => "You are signed out.",
        _ => return None,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_begin_and_end() {
        for (text, expected) in [("no", "No."), ("it is so.", "It is so."), ("ändern", "Ändern."), ("", ".")]
        {
            assert_eq!(sentence(text), expected);
        }
    }
}
