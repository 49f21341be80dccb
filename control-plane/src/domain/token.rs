//! Tokens as they are kept: never their secret.

use gatepass::decision::has_expired;
use gatepass::token::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::address::IpList;
use super::source;
use super::usage::LastUse;
use super::user::Role;

/// One token, with what is needed of its owner.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// The public id; sorts by time of creation.
    pub id: String,
    /// SHA-256 of the whole token.
    pub digest: Digest,
    /// The owner's id in the database.
    pub owner_id: i64,
    /// The owner's name.
    pub owner: String,
    /// The owner's role.
    pub owner_role: Role,
    /// Whether the owner is active and not suspended.
    pub owner_active: bool,
    /// Who made it.
    pub creator: String,
    /// What it is for.
    pub description: String,
    /// Unix time in seconds.
    pub created_at: i64,
    /// Unix time in seconds at which it ends; `None` is never.
    pub expires_at: Option<i64>,
    /// The scope's name; `None` is every request.
    pub scope: Option<String>,
    /// Where it may be used from.
    pub allowed_ips: IpList,
    /// What the secret starts with.
    pub prefix: String,
    /// The last characters of the secret.
    pub hint: String,
    /// Whether it may manage.
    pub control_plane: bool,
    /// When and by whom it was disabled, if it is.
    pub disabled: Option<Disabled>,
    /// The id of the first token of a chain of rotations; `None` where there is none.
    pub chain: Option<String>,
    /// The token that this one replaced.
    pub predecessor: Option<String>,
    /// The token that replaced this one.
    pub successor: Option<String>,
    /// Unix time in seconds.
    pub revoked_at: Option<i64>,
    /// Who revoked it.
    pub revoked_by: Option<String>,
    /// Its last use behind a proxy, as far as it was read and reported.
    pub last_used: Option<LastUse>,
}

/// That a token does not work for the time being.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disabled {
    /// Unix time in seconds.
    pub at: i64,
    /// Who did it: a user's name or a system actor.
    pub by: String,
}

/// What has become of a token: the first that applies, in the order in which the filter looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TokenState)]
pub enum State {
    /// None of the others.
    Active,
    /// Stopped for the time being.
    Disabled,
    /// Past its expiry.
    Expired,
    /// Ended by somebody.
    Revoked,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Active, Self::Disabled, Self::Expired, Self::Revoked];

    /// The name that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl Token {
    /// The state at `now`, in Unix seconds. The filter's rule: expired when `now >= expires_at`.
    pub fn state(&self, now: i64) -> State {
        if self.revoked_at.is_some() {
            State::Revoked
        } else if self.disabled.is_some() {
            State::Disabled
        } else if self.is_expired(now) {
            State::Expired
        } else {
            State::Active
        }
    }

    /// Whether `now`, in Unix seconds, is at or past the expiry.
    pub fn is_expired(&self, now: i64) -> bool {
        self.expires_at.is_some_and(|end| has_expired(now, end))
    }

    /// Whether a source has pushed it, and nobody made it here.
    pub fn is_entry(&self) -> bool {
        source::is_entry(&self.id)
    }

    /// Whether the owner disabled it, and may therefore enable it.
    pub fn is_disabled_by_its_owner(&self) -> bool {
        self.disabled.as_ref().is_some_and(|disabled| disabled.by == self.owner)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A token of fred's, made at 0, that never ends.
    pub(crate) fn token() -> Token {
        Token {
            id: "t1".into(),
            digest: Digest::from_bytes([7; 32]),
            owner_id: 1,
            owner: "fred".into(),
            owner_role: Role::User,
            owner_active: true,
            creator: "fred".into(),
            description: "x".into(),
            created_at: 0,
            expires_at: None,
            scope: None,
            allowed_ips: IpList::default(),
            prefix: "gp_".into(),
            hint: "abcd".into(),
            control_plane: false,
            disabled: None,
            chain: None,
            predecessor: None,
            successor: None,
            revoked_at: None,
            revoked_by: None,
            last_used: None,
        }
    }

    #[test]
    fn the_state_is_the_first_that_applies() {
        let disabled = Some(Disabled { at: 5, by: "mary".into() });
        for (expires_at, disabled, revoked_at, expected) in [
            (None, None, None, State::Active),
            (Some(101), None, None, State::Active),
            (Some(100), None, None, State::Expired),
            (Some(99), None, None, State::Expired),
            (None, disabled.clone(), None, State::Disabled),
            (Some(100), disabled.clone(), None, State::Disabled),
            (Some(100), disabled, Some(6), State::Revoked),
            (None, None, Some(100), State::Revoked),
        ] {
            let token = Token { expires_at, disabled, revoked_at, ..token() };
            assert_eq!(token.state(100), expected, "{token:?}");
        }
    }
}
