//! Lists of tokens.

use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Database, Row as _};

use super::tokens::{COLUMNS, from_row};
use super::{Connection, DIALECT, Db, Result, Row};
use crate::domain::listing::SortBy;
use crate::store::filter::{Position, SortKey, TokenFilter, TokenPage};
use crate::store::listing::{Arg, FEW, Part, Source, Statement, count, page};

pub(super) async fn read(db: &mut Connection, filter: &TokenFilter) -> Result<TokenPage> {
    let source = source(db, filter).await?;
    let mut rows = Vec::new();
    // One more than is shown tells whether there are more.
    let wanted = filter.limit.saturating_add(1);
    for part in Part::of(filter) {
        let statement = page(DIALECT, COLUMNS, filter, source, *part, wanted - rows.len());
        rows.extend(query(statement).fetch_all(&mut *db).await?);
        if rows.len() >= wanted {
            break;
        }
    }
    let more = rows.len() > filter.limit;
    rows.truncate(filter.limit);
    let next = rows.last().filter(|_| more).map(|row| position(row, filter.sort.by)).transpose()?;
    Ok(TokenPage { tokens: rows.iter().map(from_row).collect::<Result<_>>()?, next })
}

/// The condition that holds least, if it holds few and the list's order does not begin with it anyway.
async fn source(db: &mut Connection, filter: &TokenFilter) -> Result<Option<Source>> {
    let indexed = filter.description.as_ref().is_some_and(|text| DIALECT.candidates(text).is_some());
    let sources = Source::all(filter, indexed);
    if let [only] = sources.as_slice()
        && only.is_along_the_order(filter)
    {
        return Ok(None);
    }
    let mut least: Option<(i64, Source)> = None;
    for source in sources {
        let row = query(count(DIALECT, filter, source)).fetch_one(&mut *db).await?;
        let held: i64 = row.try_get(0)?;
        if held <= FEW && least.is_none_or(|(fewest, _)| held < fewest) {
            least = Some((held, source));
        }
    }
    Ok(least.map(|(_, source)| source).filter(|source| !source.is_along_the_order(filter)))
}

fn query(statement: Statement<'_>) -> Query<'static, Db, <Db as Database>::Arguments> {
    // Every value is bound: what is written into the text is this program's own. There are too many texts to keep them
    // all prepared, and PostgreSQL plans for the values this way: one user's tokens are not found like everybody's.
    let query = sqlx::query(AssertSqlSafe(statement.sql)).persistent(false);
    statement.args.into_iter().fold(query, |query, arg| match arg {
        Arg::Number(number) => query.bind(number),
        Arg::Text(text) => query.bind(text),
    })
}

fn position(row: &Row, by: SortBy) -> Result<Position> {
    let key = if by.is_text() {
        SortKey::Text(row.try_get("list_key")?)
    } else {
        SortKey::Number(row.try_get("list_key")?)
    };
    Ok(Position { key, created_at: row.try_get("created_at")?, number: row.try_get("list_number")? })
}

#[cfg(test)]
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "token_list/tests.rs"]
mod tests;
