//! Where the next page begins, opaque to clients: what it holds may change.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::http::problem::Problem;
use crate::tokens::Page;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;
/// Longest cursor, in characters: longer than any that there is.
pub(crate) const MAX_CURSOR: usize = 4096;

pub(crate) fn encode<T: Serialize>(page: Page<T>) -> Page<T> {
    Page { next_cursor: page.next_cursor.as_deref().map(encode_key), ..page }
}

pub(super) fn encode_key(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

pub(crate) fn decode(cursor: Option<String>) -> Result<Option<String>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let cursor = Some(cursor).filter(|cursor| (1..=MAX_CURSOR).contains(&cursor.len()));
    let key = cursor
        .and_then(|cursor| URL_SAFE_NO_PAD.decode(cursor).ok())
        .and_then(|key| String::from_utf8(key).ok());
    key.map(Some).ok_or_else(|| Problem::invalid("cursor", "is not the next_cursor of a page"))
}

/// The `limit` of a query. It is text until here: the query's parser would speak of digits in strings.
pub(super) fn limit(asked: Option<&str>) -> Result<usize, Problem> {
    let Some(asked) = asked else { return Ok(DEFAULT_LIMIT) };
    let limit = asked.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| Problem::invalid("limit", format!("must be 1 to {MAX_LIMIT}")))
}
