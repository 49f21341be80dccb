//! Entries as they are shown.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::domain::audit::Entry;
use crate::domain::{spreadsheet, terminal};
use crate::schema;

/// An entry as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct EntryView {
    pub(crate) seq: i64,
    #[schema(value_type = schema::Time)]
    pub(crate) at: String,
    pub(crate) actor: String,
    #[schema(required)]
    pub(crate) actor_token_id: Option<String>,
    #[schema(required)]
    pub(crate) ip: Option<String>,
    pub(crate) action: String,
    pub(crate) target: String,
    /// What was, of what was changed.
    #[schema(value_type = schema::Anything, required)]
    pub(crate) before: Value,
    /// What is, of what was changed.
    #[schema(value_type = schema::Anything, required)]
    pub(crate) after: Value,
    /// Its place in the chain.
    pub(crate) mac: String,
}

impl From<&Entry> for EntryView {
    fn from(entry: &Entry) -> Self {
        let mut detail: Value = serde_json::from_str(&entry.draft.detail).unwrap_or_default();
        let mut part = |name: &str| detail.get_mut(name).map(Value::take).unwrap_or_default();
        Self {
            seq: entry.seq,
            at: rfc3339(entry.draft.at),
            actor: entry.draft.actor.clone(),
            actor_token_id: entry.draft.actor_token_id.clone(),
            ip: entry.draft.ip.clone(),
            action: entry.draft.action.clone(),
            target: entry.draft.target.clone(),
            before: part("before"),
            after: part("after"),
            mac: hex::encode(entry.mac),
        }
    }
}

/// How entries are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180 with a header, for spreadsheets: what could be a formula is defused, see [`spreadsheet`].
    Csv,
    /// One JSON object a line, exactly as the entry is.
    JsonLines,
}

/// The columns of CSV.
const COLUMNS: [&str; 10] =
    ["seq", "at", "actor", "actor_token_id", "ip", "action", "target", "before", "after", "mac"];

impl Format {
    /// What stands before the first entry.
    pub fn head(self) -> String {
        match self {
            Self::Csv => spreadsheet::row(COLUMNS),
            Self::JsonLines => String::new(),
        }
    }

    /// One entry, with the end of its line. It steers no terminal, whatever the entry holds.
    pub fn line(self, entry: &EntryView) -> String {
        match self {
            Self::Csv => csv(entry),
            Self::JsonLines => {
                // Without control characters in the way of a line's end, which serde_json escapes.
                let json = serde_json::to_string(entry).unwrap_or_default();
                format!("{}\n", terminal::harmless(&json))
            }
        }
    }
}

fn csv(entry: &EntryView) -> String {
    let json = |value: &Value| if value.is_null() { String::new() } else { value.to_string() };
    let cells = [
        entry.seq.to_string(),
        entry.at.clone(),
        entry.actor.clone(),
        entry.actor_token_id.clone().unwrap_or_default(),
        entry.ip.clone().unwrap_or_default(),
        entry.action.clone(),
        entry.target.clone(),
        json(&entry.before),
        json(&entry.after),
        entry.mac.clone(),
    ];
    let cells = cells.map(|cell| terminal::harmless(&cell));
    spreadsheet::row(cells.iter().map(String::as_str))
}
