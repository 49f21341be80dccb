//! Tokens as they are shown.

use serde::Serialize;

use crate::clock::rfc3339;
use crate::domain::address::IpList;
use crate::domain::token::{State, Token};

/// A token as it is shown, in lists and in the audit: without secret and digest.
#[derive(Clone, Debug, Serialize)]
pub struct TokenView {
    id: String,
    user: String,
    creator: String,
    description: String,
    created_at: String,
    expires_at: Option<String>,
    scope: Option<String>,
    allowed_ips: IpList,
    control_plane: bool,
    state: State,
    hint: String,
    revoked_at: Option<String>,
    revoked_by: Option<String>,
}

impl TokenView {
    /// `token` at `now`, in Unix seconds.
    pub fn new(token: &Token, now: i64) -> Self {
        Self {
            id: token.id.clone(),
            user: token.owner.clone(),
            creator: token.creator.clone(),
            description: token.description.clone(),
            created_at: rfc3339(token.created_at),
            expires_at: token.expires_at.map(rfc3339),
            scope: token.scope.clone(),
            allowed_ips: token.allowed_ips.clone(),
            control_plane: token.control_plane,
            state: token.state(now),
            hint: token.hint.clone(),
            revoked_at: token.revoked_at.map(rfc3339),
            revoked_by: token.revoked_by.clone(),
        }
    }

    /// The public id.
    pub fn id(&self) -> &str {
        &self.id
    }
}
