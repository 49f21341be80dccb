//! The statements of lists of tokens, which all databases share.
//!
//! A list is read in one of two ways. Either along the index of its order, leaving out what the filter does not hold:
//! that ends soon if the filter holds much. Or from the one condition that holds least, if it holds few: those are all
//! looked at and sorted. Which one is decided by counting, up to [`FEW`], what each condition holds.

mod conditions;

use std::collections::BTreeSet;

use crate::domain::listing::SortBy;
use crate::domain::token::State;
use crate::store::filter::{Position, SortKey, TokenFilter};
pub(super) use conditions::{EXPIRY, Source};

/// Most tokens that a list sorts. With a million tokens, reading along an index until a page of 50 is full takes about
/// as many steps where a condition holds one in 300.
pub(super) const FEW: i64 = 3000;

/// Most threes of characters that the index of descriptions is asked for; it is exact enough by then.
pub(super) const MAX_TRIGRAMS: usize = 16;

/// What descriptions are sorted by: their first hundred characters, since PostgreSQL's indexes take no longer keys than
/// some 2,700 bytes.
const DESCRIPTION: &str = "substr(t.description_key, 1, 100)";

/// A value in a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Arg {
    Number(i64),
    Text(String),
}

/// What the databases write differently.
pub(super) trait Dialect: Sync {
    /// The join that keeps to the order in which the tables are named, where there is one.
    fn join(&self) -> &'static str;
    /// Names the index to use, where that can be said.
    fn indexed_by(&self, index: &str) -> String;
    /// A condition: that the text `key` holds the text `part`.
    fn holds(&self, key: &str, part: &str) -> String;
    /// A statement for the `number` of tokens whose description may hold the text, `{}` being its one value; `None` if
    /// the text is too short for the index.
    fn candidates(&self, text: &str) -> Option<(&'static str, Arg)>;
}

/// A statement under construction.
pub(super) struct Statement<'a> {
    pub(super) sql: String,
    pub(super) args: Vec<Arg>,
    dialect: &'a dyn Dialect,
}

impl<'a> Statement<'a> {
    fn new(dialect: &'a dyn Dialect) -> Self {
        Self { sql: String::new(), args: Vec::new(), dialect }
    }

    fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    fn arg(&mut self, arg: Arg) -> &mut Self {
        self.args.push(arg);
        let place = self.args.len();
        self.push(&format!("${place}"))
    }

    fn number(&mut self, number: i64) -> &mut Self {
        self.arg(Arg::Number(number))
    }
}

/// The threes of characters that stand in a text, each once; none in a shorter one.
pub(super) fn trigrams(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let all: BTreeSet<String> = characters.windows(3).map(|three| three.iter().collect()).collect();
    all.into_iter().take(MAX_TRIGRAMS).collect()
}

/// Which part of a page is read: all of it, or what follows a place, first what is equal to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Equal,
    Beyond,
}

impl Part {
    /// The parts of a page, in order.
    pub(super) fn of(filter: &TokenFilter) -> &'static [Self] {
        if filter.after.is_some() { &[Self::Equal, Self::Beyond] } else { &[Self::Whole] }
    }
}

/// A statement that counts what `source` holds, up to one more than [`FEW`].
pub(super) fn count<'a>(dialect: &'a dyn Dialect, filter: &TokenFilter, source: Source) -> Statement<'a> {
    let mut statement = Statement::new(dialect);
    statement.push("SELECT count(*) FROM (");
    source.write(&mut statement, filter);
    statement.push(&format!(" LIMIT {}) few", FEW + 1));
    statement
}

/// The statement for one part of a page: `columns` of tokens `t` with their owners `u` and uses `l`, the key of the
/// order as `list_key` and the number as `list_number`. `source` is the condition that holds few, if any.
pub(super) fn page<'a>(
    dialect: &'a dyn Dialect,
    columns: &str,
    filter: &TokenFilter,
    source: Option<Source>,
    part: Part,
    limit: usize,
) -> Statement<'a> {
    let by = filter.sort.by;
    let mut statement = Statement::new(dialect);
    let key = key(by);
    statement.push(&format!("SELECT {columns}, {key} AS list_key, t.number AS list_number FROM "));
    match source {
        Some(source) => {
            statement.push("(");
            source.write(&mut statement, filter);
            let join = dialect.join();
            statement.push(&format!(
                ") few {join} tokens t ON t.number = few.number {join} users u ON u.id = t.user_id
                 {join} token_uses l ON l.number = t.number",
            ));
        }
        None => along(&mut statement, filter),
    }
    statement.push(" WHERE ");
    // Along the users, their tokens are looked up by user and nothing else: by a list of users they come in its order.
    let along_users = source.is_none() && by == SortBy::User;
    conditions::write(&mut statement, filter, if along_users { "u.id" } else { "t.user_id" });
    if let Some(position) = &filter.after {
        follow(&mut statement, filter, position, part);
    }
    let way = if filter.sort.descending { "DESC" } else { "ASC" };
    // Among equals the key decides nothing, and SQLite would sort by it where it is an expression.
    let keys = [key].into_iter().filter(|_| part != Part::Equal).chain(ties(by).iter().copied());
    let order: Vec<_> = keys.map(|key| format!("{key} {way}")).collect();
    statement.push(&format!(" ORDER BY {}", order.join(", ")));
    statement.push(&format!(" LIMIT {limit}"));
    statement
}

/// What a list is ordered by.
fn key(by: SortBy) -> &'static str {
    match by {
        SortBy::Created => "t.created_at",
        SortBy::LastUsed => "l.used_at",
        SortBy::Expires => EXPIRY,
        SortBy::User => "u.name_key",
        SortBy::Description => DESCRIPTION,
    }
}

/// What decides between equal keys; each is the end of the index that the list is read along.
fn ties(by: SortBy) -> &'static [&'static str] {
    match by {
        SortBy::LastUsed => &["l.number"],
        SortBy::User => &["t.created_at", "t.number"],
        SortBy::Created | SortBy::Expires | SortBy::Description => &["t.number"],
    }
}

/// The tables in an order in which the list's order needs no sorting.
fn along(statement: &mut Statement<'_>, filter: &TokenFilter) {
    let dialect = statement.dialect;
    let join = dialect.join();
    let owners = format!(" {join} users u ON u.id = t.user_id");
    let uses = format!(" {join} token_uses l ON l.number = t.number");
    let index = |name| dialect.indexed_by(name);
    let from = match filter.sort.by {
        SortBy::Created => format!("tokens t{}{owners}{uses}", index(created_index(filter))),
        SortBy::Expires => format!("tokens t{}{owners}{uses}", index("tokens_by_expiry")),
        SortBy::Description => format!("tokens t{}{owners}{uses}", index("tokens_by_description")),
        SortBy::LastUsed => {
            let by_time = index("token_uses_by_time");
            format!("token_uses l{by_time} {join} tokens t ON t.number = l.number{owners}")
        }
        SortBy::User => {
            // SQLite's own name for the index of the column that is unique.
            let (names, tokens) = (index("sqlite_autoindex_users_1"), index("tokens_by_user"));
            format!("users u{names} {join} tokens t{tokens} ON t.user_id = u.id{uses}")
        }
    };
    statement.push(&from);
}

/// The indexes of what is equal are in the order of creation as well.
fn created_index(filter: &TokenFilter) -> &'static str {
    if filter.owners.len() == 1 {
        "tokens_by_user"
    } else if filter.creators.len() == 1 {
        "tokens_by_creator"
    } else if filter.states == [State::Revoked] {
        "tokens_revoked"
    } else if filter.states == [State::Disabled] {
        "tokens_disabled"
    } else {
        "tokens_by_created"
    }
}

fn follow(statement: &mut Statement<'_>, filter: &TokenFilter, position: &Position, part: Part) {
    let key = key(filter.sort.by);
    let beyond = if filter.sort.descending { "<" } else { ">" };
    let value = match &position.key {
        SortKey::Number(number) => Arg::Number(*number),
        SortKey::Text(text) => Arg::Text(text.clone()),
    };
    let compared = if part == Part::Equal { "=" } else { beyond };
    statement.push(&format!(" AND {key} {compared} ")).arg(value);
    if part == Part::Equal {
        match ties(filter.sort.by) {
            [number] => {
                statement.push(&format!(" AND {number} {beyond} ")).number(position.number);
            }
            ties => {
                statement.push(&format!(" AND ({}) {beyond} (", ties.join(", ")));
                statement.number(position.created_at).push(", ").number(position.number).push(")");
            }
        }
    }
}
