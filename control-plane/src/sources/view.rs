//! Sources, push tokens and entries as they are shown.

use gatepass::config::wire::StatedRefusal;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::domain::address::IpList;
use crate::domain::settings::Settings;
use crate::domain::source::{PushToken, Source, entry_id};
use crate::domain::token::{State, Token};
use crate::schema;
use crate::snapshot::stated_refusal;
use crate::tokens::LastUseView;

/// A source as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Source)]
pub struct SourceView {
    #[serde(flatten)]
    record: SourceRecord,
    /// Of the source and its entries together, for `If-Match`.
    revision: i64,
    /// How many entries it has.
    entries: u64,
    /// The last push that changed something.
    #[schema(value_type = Option<schema::Time>, required)]
    pushed_at: Option<String>,
    /// Who did it: an admin's name, or the source itself (`source:NAME`).
    #[schema(value_type = Option<schema::Actor>, required)]
    pushed_by: Option<String>,
    /// SHA-256 of what was pushed then, in hex.
    #[schema(required)]
    document: Option<String>,
    /// Those that are not revoked.
    push_tokens: Vec<PushTokenView>,
}

/// A source as the audit shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct SourceRecord {
    #[schema(value_type = schema::SourceName)]
    name: String,
    /// What it is for; empty is nothing that was said.
    description: String,
    /// Whom its entries may name, exactly.
    #[schema(value_type = schema::SourceUsers)]
    users: Vec<String>,
    /// And whoever's name begins with this and who cannot sign in.
    #[schema(value_type = Option<schema::UserPrefix>, required)]
    user_prefix: Option<String>,
    /// How many entries it may have.
    #[schema(value_type = schema::SourceEntries)]
    max_entries: u32,
    #[schema(value_type = schema::Actor)]
    creator: String,
    #[schema(value_type = schema::Time)]
    created_at: String,
}

impl From<&Source> for SourceRecord {
    fn from(source: &Source) -> Self {
        Self {
            name: source.name.clone(),
            description: source.description.clone(),
            users: source.users.exact.clone(),
            user_prefix: source.users.prefix.clone(),
            max_entries: source.max_entries,
            creator: source.creator.clone(),
            created_at: rfc3339(source.created_at),
        }
    }
}

impl SourceView {
    pub(super) fn new(source: &Source, entries: u64, push_tokens: &[PushToken]) -> Self {
        let pushed = source.pushed.as_ref();
        Self {
            record: source.into(),
            revision: source.revision,
            entries,
            pushed_at: pushed.map(|pushed| rfc3339(pushed.at)),
            pushed_by: pushed.map(|pushed| pushed.by.clone()),
            document: pushed.map(|pushed| pushed.document.clone()),
            push_tokens: push_tokens.iter().map(PushTokenView::from).collect(),
        }
    }

    /// Of the source and its entries together.
    pub fn revision(&self) -> i64 {
        self.revision
    }
}

/// A push token as it is shown: without secret and digest.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PushToken)]
pub struct PushTokenView {
    #[schema(value_type = schema::TokenId)]
    id: String,
    /// What it is for; empty is nothing that was said.
    description: String,
    #[schema(value_type = schema::Actor)]
    creator: String,
    #[schema(value_type = schema::Time)]
    created_at: String,
    /// When it ends; null is never.
    #[schema(value_type = Option<schema::Time>, required)]
    expires_at: Option<String>,
    /// Where it may be used from.
    #[schema(value_type = schema::Cidrs)]
    allowed_ips: IpList,
    /// The last characters of the secret.
    hint: String,
    /// The push token that replaced this one, by rotation.
    #[schema(value_type = Option<schema::TokenId>, required)]
    successor: Option<String>,
    /// When it pushed last, whether or not that changed something.
    #[schema(value_type = Option<schema::Time>, required)]
    last_pushed_at: Option<String>,
    /// From where.
    #[schema(value_type = Option<schema::Ip>, required)]
    last_pushed_ip: Option<String>,
}

impl PushTokenView {
    /// The public id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl From<&PushToken> for PushTokenView {
    fn from(token: &PushToken) -> Self {
        Self {
            id: token.id.clone(),
            description: token.description.clone(),
            creator: token.creator.clone(),
            created_at: rfc3339(token.created_at),
            expires_at: token.expires_at.map(rfc3339),
            allowed_ips: token.allowed_ips.clone(),
            hint: token.hint.clone(),
            successor: token.successor.clone(),
            last_pushed_at: token.last_push.as_ref().map(|(at, _)| rfc3339(*at)),
            last_pushed_ip: token.last_push.as_ref().and_then(|(_, ip)| ip.clone()),
        }
    }
}

/// An entry that is in force, as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SourceEntry)]
pub struct EntryView {
    /// Within its source.
    #[schema(value_type = schema::EntryId)]
    id: String,
    /// As proxies know it, and the audit.
    #[schema(value_type = schema::TokenId)]
    token_id: String,
    #[schema(value_type = schema::Sha256)]
    sha256: String,
    #[schema(value_type = schema::UserName)]
    user: String,
    /// What it is for; null is nothing that was said.
    #[schema(required)]
    description: Option<String>,
    /// When it was pushed first with this digest.
    #[schema(value_type = schema::Time)]
    created_at: String,
    /// When it ends; null is never.
    #[schema(value_type = Option<schema::Time>, required)]
    expires_at: Option<String>,
    /// What it is good for; null is every request.
    #[schema(value_type = Option<schema::ScopeName>, required)]
    scope: Option<String>,
    /// Where it may be used from.
    #[schema(value_type = schema::Cidrs)]
    allowed_ips: IpList,
    state: State,
    /// What proxies answer to it, whatever else holds: that it is disabled, its user deactivated, or no longer let use
    /// tokens.
    #[schema(value_type = Option<schema::StatedRefusalCode>, required)]
    refused: Option<StatedRefusal>,
    /// Its last use behind a proxy, as far as that was reported.
    #[schema(required)]
    last_used: Option<LastUseView>,
}

impl EntryView {
    pub(super) fn new(entry: &Token, settings: &Settings, now: i64) -> Self {
        Self {
            id: entry_id(&entry.id).to_owned(),
            token_id: entry.id.clone(),
            sha256: entry.digest.to_string(),
            user: entry.owner.clone(),
            description: Some(entry.description.clone()).filter(|text| !text.is_empty()),
            created_at: rfc3339(entry.created_at),
            expires_at: entry.expires_at.map(rfc3339),
            scope: entry.scope.clone(),
            allowed_ips: entry.allowed_ips.clone(),
            state: entry.state(now),
            refused: stated_refusal(entry, settings),
            last_used: entry.last_used.clone().map(LastUseView::from),
        }
    }
}
