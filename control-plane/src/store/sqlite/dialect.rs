//! How SQLite writes the statements of lists.

use crate::store::listing::{Arg, Dialect, trigrams};

/// Where a text stands in another.
pub(super) const POSITION: &str = "instr";
/// Whether the fifth parameter is one of a user's groups.
pub(super) const GROUP_IS_5: &str = "EXISTS (SELECT 1 FROM json_each(group_names) WHERE value = $5)";
/// What an audit entry is about, and whose it is, as the indexes have it, to the letter.
pub(super) const SUBJECT_OF_TARGET: &str = "substr(target, 1, instr(target || ' user:', ' user:') - 1)";
/// See above.
pub(super) const USER_OF_TARGET: &str = "substr(target, instr(target, ' user:') + 1)";

/// SQLite has statistics only if somebody asks for them, so that its planner is told what to use.
pub(super) struct SqliteDialect;

impl Dialect for SqliteDialect {
    fn join(&self) -> &'static str {
        "CROSS JOIN"
    }

    fn indexed_by(&self, index: &str) -> String {
        format!(" INDEXED BY {index}")
    }

    fn holds(&self, key: &str, part: &str) -> String {
        format!("instr({key}, {part}) > 0")
    }

    fn candidates(&self, text: &str) -> Option<(&'static str, Arg)> {
        // In quotes, which are doubled inside: nothing in it is an operator of the query language then.
        let quote = |three: &String| format!("\"{}\"", three.replace('"', "\"\""));
        let quoted: Vec<_> = trigrams(text).iter().map(quote).collect();
        let sql = "SELECT rowid AS number FROM token_descriptions WHERE token_descriptions MATCH {}";
        (!quoted.is_empty()).then(|| (sql, Arg::Text(quoted.join(" "))))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::store::listing::MAX_TRIGRAMS;

    #[test]
    fn the_index_is_asked_for_each_three_characters_once() {
        let asked = |text: &str| SqliteDialect.candidates(text).map(|(_, arg)| arg);
        assert_eq!(asked("ab"), None);
        assert_eq!(asked("aaaa"), Some(Arg::Text("\"aaa\"".to_owned())));
        assert_eq!(asked("a\"öß"), Some(Arg::Text("\"\"\"öß\" \"a\"\"ö\"".to_owned())));
        let Some(Arg::Text(many)) = asked(&('a'..='z').collect::<String>()) else { panic!("nothing asked") };
        let asked: BTreeSet<_> = many.split(' ').collect();
        assert_eq!(asked.len(), MAX_TRIGRAMS);
    }
}
