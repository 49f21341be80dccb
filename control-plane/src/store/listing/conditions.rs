//! The conditions of a list, by themselves and as where a list is read from.

use super::{Arg, Statement};
use crate::domain::listing::{KeyRange, SortBy};
use crate::domain::token::State;
use crate::store::filter::TokenFilter;

/// The key of a token's end; what never ends comes after every time. As in the index.
pub(in crate::store) const EXPIRY: &str = "coalesce(t.expires_at, 9223372036854775807)";

const DISABLED: &str = "t.disabled_at IS NOT NULL AND t.revoked_at IS NULL";
const REVOKED: &str = "t.revoked_at IS NOT NULL";
const NEITHER: &str = "t.disabled_at IS NULL AND t.revoked_at IS NULL";

/// A condition that has an index of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Source {
    Owners,
    Creators,
    Description,
    Created,
    LastUsed,
    Expires,
    Disabled,
    Revoked,
    Expired,
}

impl Source {
    /// The conditions of `filter` that a list could be read from.
    pub(in crate::store) fn all(filter: &TokenFilter, has_candidates: bool) -> Vec<Self> {
        [
            (Self::Owners, !filter.owners.is_empty()),
            (Self::Creators, !filter.creators.is_empty()),
            (Self::Description, has_candidates),
            (Self::Created, filter.created.is_some()),
            (Self::LastUsed, filter.last_used.is_some()),
            (Self::Expires, filter.expires.is_some()),
            (Self::Disabled, filter.states == [State::Disabled]),
            (Self::Revoked, filter.states == [State::Revoked]),
            (Self::Expired, filter.states == [State::Expired]),
        ]
        .into_iter()
        .filter_map(|(source, given)| given.then_some(source))
        .collect()
    }

    /// Whether the index that the list's order is read along begins with this condition.
    pub(in crate::store) fn is_along_the_order(self, filter: &TokenFilter) -> bool {
        match (filter.sort.by, self) {
            (SortBy::Created, Self::Owners) => filter.owners.len() == 1,
            (SortBy::Created, Self::Creators) => filter.creators.len() == 1 && filter.owners.len() != 1,
            (SortBy::Created, Self::Created | Self::Disabled | Self::Revoked) => {
                filter.owners.len() != 1 && filter.creators.len() != 1
            }
            (SortBy::LastUsed, Self::LastUsed) | (SortBy::Expires, Self::Expires | Self::Expired) => true,
            _ => false,
        }
    }

    /// A statement for the numbers of its tokens.
    pub(super) fn write(self, statement: &mut Statement<'_>, filter: &TokenFilter) {
        if self == Self::Description {
            let text = filter.description.as_deref().unwrap_or_default();
            if let Some((sql, arg)) = statement.dialect.candidates(text) {
                let (before, after) = sql.split_once("{}").unwrap_or((sql, ""));
                statement.push(before).arg(arg).push(after);
            }
            return;
        }
        let table = if self == Self::LastUsed { "token_uses l" } else { "tokens t" };
        let alias = if self == Self::LastUsed { "l" } else { "t" };
        statement.push(&format!("SELECT {alias}.number FROM {table} WHERE "));
        match self {
            Self::Owners => owners(statement, filter, "t.user_id"),
            Self::Creators => creators(statement, filter),
            Self::Created => range(statement, "t.created_at", filter.created.unwrap_or_default()),
            Self::LastUsed => range(statement, "l.used_at", filter.last_used.unwrap_or_default()),
            Self::Expires => range(statement, EXPIRY, filter.expires.unwrap_or_default()),
            Self::Disabled => state(statement, State::Disabled, filter.now),
            Self::Revoked => state(statement, State::Revoked, filter.now),
            Self::Expired | Self::Description => state(statement, State::Expired, filter.now),
        }
    }
}

/// All conditions but the place that the page begins at. `owner` is the column to compare owners with.
pub(super) fn write(statement: &mut Statement<'_>, filter: &TokenFilter, owner: &str) {
    statement.push("1 = 1");
    if !filter.owners.is_empty() {
        owners(statement.push(" AND "), filter, owner);
    }
    if let Some(own) = filter.no_admins_but {
        statement.push(" AND (u.role <> 'admin' OR u.id = ").number(own).push(")");
    }
    if !filter.creators.is_empty() {
        creators(statement.push(" AND "), filter);
    }
    if let Some(text) = &filter.description {
        let place = statement.args.len() + 1;
        let holds = statement.dialect.holds("t.description_key", &format!("${place}"));
        statement.args.push(Arg::Text(text.clone()));
        statement.push(" AND ").push(&holds);
    }
    let ranges =
        [("t.created_at", filter.created), ("l.used_at", filter.last_used), (EXPIRY, filter.expires)];
    for (key, keys) in ranges {
        if let Some(keys) = keys {
            range(statement.push(" AND "), key, keys);
        }
    }
    if filter.in_use {
        statement.push(" AND t.successor IS NULL AND u.active AND u.suspended_at IS NULL");
    }
    states(statement, filter);
}

fn owners(statement: &mut Statement<'_>, filter: &TokenFilter, column: &str) {
    list(statement, column, filter.owners.iter().map(|id| Arg::Number(*id)));
}

fn creators(statement: &mut Statement<'_>, filter: &TokenFilter) {
    list(statement, "t.creator", filter.creators.iter().map(|name| Arg::Text(name.clone())));
}

/// That a column is one of some values: one alone is compared, so that an index goes on in its own order.
fn list(statement: &mut Statement<'_>, column: &str, values: impl ExactSizeIterator<Item = Arg>) {
    let one = values.len() == 1;
    statement.push(column).push(if one { " = " } else { " IN (" });
    for (place, value) in values.enumerate() {
        statement.push(if place == 0 { "" } else { ", " }).arg(value);
    }
    statement.push(if one { "" } else { ")" });
}

fn range(statement: &mut Statement<'_>, key: &str, keys: KeyRange) {
    statement.push("1 = 1");
    if let Some(from) = keys.from {
        statement.push(&format!(" AND {key} >= ")).number(from);
    }
    if let Some(to) = keys.to {
        statement.push(&format!(" AND {key} < ")).number(to);
    }
}

/// One state alone stands without `OR`, so that its index fits.
fn states(statement: &mut Statement<'_>, filter: &TokenFilter) {
    match filter.states.as_slice() {
        [] => {}
        [one] => state(statement.push(" AND "), *one, filter.now),
        several => {
            for (place, one) in several.iter().enumerate() {
                statement.push(if place == 0 { " AND ((" } else { ") OR (" });
                state(statement, *one, filter.now);
            }
            statement.push("))");
        }
    }
}

/// The rule of [`crate::domain::token::Token::state`].
fn state(statement: &mut Statement<'_>, state: State, now: i64) {
    match state {
        State::Revoked => {
            statement.push(REVOKED);
        }
        State::Disabled => {
            statement.push(DISABLED);
        }
        State::Expired => {
            statement.push(NEITHER).push(&format!(" AND {EXPIRY} <= ")).number(now);
        }
        State::Active => {
            statement.push(NEITHER).push(&format!(" AND {EXPIRY} > ")).number(now);
        }
    }
}
