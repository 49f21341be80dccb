//! Tokens as they are shown.

use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::domain::address::IpList;
use crate::domain::token::{State, Token};
use crate::domain::usage::LastUse;
use crate::schema;

/// A token as it is shown: without secret and digest.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenView {
    #[serde(flatten)]
    pub(crate) record: TokenRecord,
    /// Its last use behind a proxy, as far as that was reported.
    #[schema(required)]
    pub(crate) last_used: Option<LastUseView>,
}

/// A token as the audit shows it: what somebody made it, without what became of it by use.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TokenRecord {
    #[schema(value_type = schema::TokenId)]
    pub(crate) id: String,
    /// The owner.
    #[schema(value_type = schema::UserName)]
    pub(crate) user: String,
    /// Who made it.
    #[schema(value_type = schema::Actor)]
    pub(crate) creator: String,
    /// What it is for.
    #[schema(value_type = schema::Text)]
    pub(crate) description: String,
    #[schema(value_type = schema::Time)]
    pub(crate) created_at: String,
    /// When it ends; null is never.
    #[schema(value_type = Option<schema::Time>, required)]
    pub(crate) expires_at: Option<String>,
    /// What it is good for; null is every request.
    #[schema(value_type = Option<schema::ScopeName>, required)]
    pub(crate) scope: Option<String>,
    /// Where it may be used from.
    #[schema(value_type = schema::Cidrs)]
    pub(crate) allowed_ips: IpList,
    /// Whether it may manage.
    pub(crate) control_plane: bool,
    pub(crate) state: State,
    /// The last characters of the secret.
    pub(crate) hint: String,
    #[schema(value_type = Option<schema::Time>, required)]
    pub(crate) disabled_at: Option<String>,
    /// Who disabled it; whom its owner cannot overrule, if it was somebody else.
    #[schema(value_type = Option<schema::Actor>, required)]
    pub(crate) disabled_by: Option<String>,
    /// The token that this one replaced, by rotation.
    #[schema(value_type = Option<schema::TokenId>, required)]
    pub(crate) predecessor: Option<String>,
    /// The token that replaced this one, by rotation.
    #[schema(value_type = Option<schema::TokenId>, required)]
    pub(crate) successor: Option<String>,
    #[schema(value_type = Option<schema::Time>, required)]
    pub(crate) revoked_at: Option<String>,
    #[schema(value_type = Option<schema::Actor>, required)]
    pub(crate) revoked_by: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = LastUse)]
pub(crate) struct LastUseView {
    #[schema(value_type = schema::Time)]
    pub(crate) at: String,
    /// Null where the proxy could not tell.
    #[schema(value_type = Option<schema::Ip>, required)]
    pub(crate) ip: Option<IpAddr>,
    /// The client's own claim, cut to 256 bytes.
    #[schema(value_type = Option<String>, required)]
    pub(crate) user_agent: Option<String>,
}

impl TokenView {
    /// `token` at `now`, in Unix seconds.
    pub fn new(token: &Token, now: i64) -> Self {
        let last_used = token.last_used.clone().map(LastUseView::from);
        Self { record: TokenRecord::new(token, now), last_used }
    }

    /// The public id.
    pub fn id(&self) -> &str {
        &self.record.id
    }
}

impl From<LastUse> for LastUseView {
    fn from(LastUse { at, ip, user_agent }: LastUse) -> Self {
        Self { at: rfc3339(at), ip, user_agent }
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
            disabled_at: token.disabled.as_ref().map(|disabled| rfc3339(disabled.at)),
            disabled_by: token.disabled.as_ref().map(|disabled| disabled.by.clone()),
            predecessor: token.predecessor.clone(),
            successor: token.successor.clone(),
            revoked_at: token.revoked_at.map(rfc3339),
            revoked_by: token.revoked_by.clone(),
        }
    }
}
