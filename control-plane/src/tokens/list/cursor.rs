//! Where a page of a list of tokens begins.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ListWish;
use crate::domain::listing::SortBy;
use crate::error::Error;
use crate::store::{Position, SortKey};

/// A place in the list of one wish.
pub(super) struct Cursor {
    /// When the list was begun, in Unix seconds.
    pub(super) at: i64,
    /// The last token of the page before.
    pub(super) position: Position,
}

/// A cursor as it is written. It holds nothing that the page before did not show but the number, and gives no right.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    list: String,
    at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    created: i64,
    number: i64,
}

impl Cursor {
    /// Reads one that was written for the list of this fingerprint, in the order of `by`. It may come from anybody.
    pub(super) fn read(text: &str, fingerprint: &str, by: SortBy) -> Result<Self, Error> {
        let foreign =
            || Error::invalid("cursor", "is not the next_cursor of a page of this filter and order");
        let wire: Wire = serde_json::from_str(text).map_err(|_| foreign())?;
        let key = match (wire.time, wire.text) {
            (Some(time), None) if !by.is_text() => SortKey::Number(time),
            // PostgreSQL takes no NUL.
            (None, Some(text)) if by.is_text() && !text.contains('\0') => SortKey::Text(text),
            _ => return Err(foreign()),
        };
        // Beyond these, no preset could be reckoned from it.
        let is_time = jiff::Timestamp::from_second(wire.at).is_ok();
        if wire.list != fingerprint || !is_time {
            return Err(foreign());
        }
        Ok(Self { at: wire.at, position: Position { key, created_at: wire.created, number: wire.number } })
    }

    pub(super) fn write(self, fingerprint: &str) -> String {
        let Position { key, created_at, number } = self.position;
        let (time, text) = match key {
            SortKey::Number(time) => (Some(time), None),
            SortKey::Text(text) => (None, Some(text)),
        };
        let wire =
            Wire { list: fingerprint.to_owned(), at: self.at, time, text, created: created_at, number };
        serde_json::to_string(&wire).unwrap_or_default()
    }
}

/// What tells one filter and order from others.
pub(super) fn fingerprint(wish: &ListWish) -> String {
    let wish = serde_json::to_vec(&(wish, wish.order())).unwrap_or_default();
    let digest = Sha256::digest(wish);
    hex::encode(digest.get(..8).unwrap_or_default())
}
