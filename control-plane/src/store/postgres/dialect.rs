//! How PostgreSQL writes the statements of lists.

use crate::store::listing::{Arg, Dialect, trigrams};

/// Where a text stands in another.
pub(super) const POSITION: &str = "strpos";
/// Whether the fifth parameter is one of a user's groups.
pub(super) const GROUP_IS_5: &str = "CAST(group_names AS JSONB) ? $5";
/// What an audit entry is about, and whose it is, as the indexes have it, to the letter.
pub(super) const SUBJECT_OF_TARGET: &str = "left(target, strpos(target || ' user:', ' user:') - 1)";
/// See above.
pub(super) const USER_OF_TARGET: &str = "substr(target, strpos(target, ' user:') + 1)";

/// PostgreSQL chooses indexes by its statistics, and cannot be told which.
pub(super) struct PostgresDialect;

impl Dialect for PostgresDialect {
    fn join(&self) -> &'static str {
        "JOIN"
    }

    fn indexed_by(&self, _: &str) -> String {
        String::new()
    }

    fn holds(&self, key: &str, part: &str) -> String {
        format!("strpos({key}, {part}) > 0")
    }

    fn candidates(&self, text: &str) -> Option<(&'static str, Arg)> {
        // Descriptions have no control characters.
        let joined = trigrams(text).join("\u{1f}");
        let sql = "SELECT number FROM tokens
                   WHERE gatepass_trigrams(description_key) @> string_to_array({}, chr(31))";
        (!joined.is_empty()).then_some((sql, Arg::Text(joined)))
    }
}
