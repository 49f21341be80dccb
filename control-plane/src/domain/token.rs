//! Tokens as they are kept: never their secret.

use gatepass::decision::has_expired;
use gatepass::token::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::address::IpList;
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
    /// Whether the owner is active.
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
    /// Unix time in seconds.
    pub revoked_at: Option<i64>,
    /// Who revoked it.
    pub revoked_by: Option<String>,
    /// Its last use behind a proxy, as far as it was read and reported.
    pub last_used: Option<LastUse>,
}

/// What has become of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TokenState)]
pub enum State {
    /// Neither of the others.
    Active,
    /// Past its expiry.
    Expired,
    /// Ended by somebody.
    Revoked,
}

impl State {
    /// The name that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
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
}
