//! Tokens as they are shown.

use std::net::IpAddr;

use serde::Serialize;

use crate::clock::rfc3339;
use crate::domain::address::IpList;
use crate::domain::token::{State, Token};
use crate::domain::usage::LastUse;

/// A token as it is shown: without secret and digest.
#[derive(Clone, Debug, Serialize)]
pub struct TokenView {
    #[serde(flatten)]
    record: TokenRecord,
    last_used: Option<LastUseView>,
}

/// A token as the audit shows it: what somebody made it, without what became of it by use.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TokenRecord {
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

#[derive(Clone, Debug, Serialize)]
struct LastUseView {
    at: String,
    ip: Option<IpAddr>,
    user_agent: Option<String>,
}

impl TokenView {
    /// `token` at `now`, in Unix seconds.
    pub fn new(token: &Token, now: i64) -> Self {
        let last_used = token.last_used.clone();
        let last_used =
            last_used.map(|LastUse { at, ip, user_agent }| LastUseView { at: rfc3339(at), ip, user_agent });
        Self { record: TokenRecord::new(token, now), last_used }
    }

    /// The public id.
    pub fn id(&self) -> &str {
        &self.record.id
    }
}

impl TokenRecord {
    /// `token` at `now`, in Unix seconds.
    pub(crate) fn new(token: &Token, now: i64) -> Self {
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
}
