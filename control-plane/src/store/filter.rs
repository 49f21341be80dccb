//! Which tokens a list holds.

use crate::domain::listing::{KeyRange, Sort};
use crate::domain::token::{State, Token};

/// Which tokens a list holds. All conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct TokenFilter {
    /// Only of these owners; of all if empty.
    pub owners: Vec<i64>,
    /// None of admins, but for this one's own.
    pub no_admins_but: Option<i64>,
    /// Only made by one of these; by all if empty.
    pub creators: Vec<String>,
    /// Only those whose description holds this, as [`crate::domain::text::fold`] writes it.
    pub description: Option<String>,
    /// Only those made then.
    pub created: Option<KeyRange>,
    /// Only those used last then.
    pub last_used: Option<KeyRange>,
    /// Only those that end then.
    pub expires: Option<KeyRange>,
    /// Only in one of these states at `now`; in all if empty.
    pub states: Vec<State>,
    /// Only those that nobody has replaced by rotation, of owners whose tokens work.
    pub in_use: bool,
    /// Unix time in seconds.
    pub now: i64,
    /// The order.
    pub sort: Sort,
    /// Only those behind this place.
    pub after: Option<Position>,
    /// At most so many.
    pub limit: usize,
}

/// What a list is ordered by, of one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// A time.
    Number(i64),
    /// A name or a description.
    Text(String),
}

/// A place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// What the list is ordered by.
    pub key: SortKey,
    /// Unix time in seconds of the token's creation.
    pub created_at: i64,
    /// The token's number.
    pub number: i64,
}

/// A part of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenPage {
    /// The tokens.
    pub tokens: Vec<Token>,
    /// The place of the last one, if there are more behind it.
    pub next: Option<Position>,
}
