//! The table of what the proxies decided.

use std::collections::BTreeMap;

use sqlx::Row as _;

use super::{Connection, Result, signed, unsigned};
use crate::domain::traffic::{self, HOUR, MINUTE};
use crate::store::Decided;

/// Adds to what was decided in the minute of `at`.
pub(super) async fn add(db: &mut Connection, at: i64, decided: &BTreeMap<&str, u64>) -> Result<()> {
    for (decision, requests) in decided {
        put(db, MINUTE, traffic::begin(at, MINUTE), decision, *requests).await?;
    }
    Ok(())
}

/// What is more than a row holds is not added: sums of all rows stay numbers that a database can keep.
async fn put(db: &mut Connection, seconds: i64, at: i64, decision: &str, requests: u64) -> Result<()> {
    let requests = signed(requests.min(traffic::MOST))?;
    sqlx::query(
        "INSERT INTO decision_counts (seconds, at, decision, requests) VALUES ($1, $2, $3, $4)
         ON CONFLICT (seconds, at, decision) DO UPDATE
         SET requests = CASE WHEN decision_counts.requests > $5 - excluded.requests THEN $5
                             ELSE decision_counts.requests + excluded.requests END",
    )
    .bind(seconds)
    .bind(at)
    .bind(decision)
    .bind(requests)
    .bind(signed(traffic::MOST)?)
    .execute(db)
    .await?;
    Ok(())
}

/// Makes hours of the minutes before `minutes`, and forgets the hours before `hours`.
pub(super) async fn fold(db: &mut Connection, minutes: i64, hours: i64) -> Result<()> {
    let sql = "SELECT at, decision, requests FROM decision_counts WHERE seconds = 60 AND at < $1";
    let rows = sqlx::query(sql).bind(minutes).fetch_all(&mut *db).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let mut folded: BTreeMap<(i64, String), u64> = BTreeMap::new();
    for row in rows {
        let hour = traffic::begin(row.try_get(0)?, HOUR);
        let sum = folded.entry((hour, row.try_get(1)?)).or_default();
        *sum = sum.saturating_add(unsigned(row.try_get(2)?)?);
    }
    for ((hour, decision), requests) in folded {
        put(db, HOUR, hour, &decision, requests).await?;
    }
    sqlx::query("DELETE FROM decision_counts WHERE seconds = 60 AND at < $1")
        .bind(minutes)
        .execute(&mut *db)
        .await?;
    sqlx::query("DELETE FROM decision_counts WHERE seconds = 3600 AND at < $1")
        .bind(hours)
        .execute(db)
        .await?;
    Ok(())
}

/// What was decided from `from` until before `until`, in spans of `step` seconds that begin at multiples of it; ordered by
/// time and decision.
pub(super) async fn read(db: &mut Connection, from: i64, until: i64, step: i64) -> Result<Vec<Decided>> {
    let rows = sqlx::query(
        "SELECT at - at % $3 AS span, decision, CAST(sum(requests) AS BIGINT) FROM decision_counts
         WHERE seconds IN (60, 3600) AND at >= $1 AND at < $2 GROUP BY 1, 2 ORDER BY 1, 2",
    );
    let rows = rows.bind(from).bind(until).bind(step).fetch_all(db).await?;
    let decided = |row: &super::Row| {
        Ok(Decided { at: row.try_get(0)?, decision: row.try_get(1)?, requests: unsigned(row.try_get(2)?)? })
    };
    rows.iter().map(decided).collect()
}
