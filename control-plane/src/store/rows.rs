//! What every database's rows have in common.

use super::StoreError;
use crate::domain::groups::Groups;
use crate::domain::source;
use crate::domain::usage::TokenUse;

/// A number that is never negative.
pub(super) fn unsigned(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::Unreadable("number"))
}

/// A number that a database can keep.
pub(super) fn signed(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::Unreadable("number"))
}

/// A statement that must have changed one row did not.
pub(super) fn one_row(affected: u64, what: &'static str) -> Result<(), StoreError> {
    if affected == 1 { Ok(()) } else { Err(StoreError::Unreadable(what)) }
}

/// Groups as they are kept.
pub(super) fn group_names(groups: &Groups) -> String {
    serde_json::Value::from(groups.names()).to_string()
}

/// Groups from what is kept.
pub(super) fn groups(text: &str) -> Result<Groups, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Unreadable("user row"))
}

/// Uses of entries of sources, and those of people's tokens.
pub(super) fn of_entries_and_tokens(uses: &[TokenUse]) -> (Vec<TokenUse>, Vec<TokenUse>) {
    uses.iter().cloned().partition(|used| source::is_entry(&used.id))
}
