//! People who have not signed in for long.

use super::{Connection, Result, one_row};
use crate::domain::suspension::Rule;
use crate::store::StoreError;

pub(super) async fn since(db: &mut Connection) -> Result<Option<i64>> {
    let found = sqlx::query_scalar("SELECT suspends_since FROM settings WHERE id = 1");
    let found: Option<Option<i64>> = found.fetch_optional(db).await?;
    found.ok_or(StoreError::Unreadable("settings row"))
}

pub(super) async fn set_since(db: &mut Connection, at: Option<i64>) -> Result<()> {
    let done =
        sqlx::query("UPDATE settings SET suspends_since = $1 WHERE id = 1").bind(at).execute(db).await?;
    one_row(done.rows_affected(), "settings row")
}

pub(super) async fn to_suspend(db: &mut Connection, rule: Rule, now: i64, limit: i64) -> Result<Vec<i64>> {
    // The conditions are those of an index.
    let sql = "SELECT id FROM users
               WHERE suspended_at IS NULL AND active AND NOT exempt_from_suspension
                 AND coalesce(last_sign_in_at, created_at) <= $1 AND (last_sign_in_at IS NOT NULL OR $2 <= $1)
               ORDER BY coalesce(last_sign_in_at, created_at), id LIMIT $3";
    let ids = sqlx::query_scalar(sql).bind(rule.limit(now)).bind(rule.since).bind(limit);
    Ok(ids.fetch_all(db).await?)
}

pub(super) async fn to_resume(
    db: &mut Connection,
    rule: Option<Rule>,
    now: i64,
    limit: i64,
) -> Result<Vec<i64>> {
    let sql = "SELECT id FROM users
               WHERE suspended_at IS NOT NULL
                 AND (exempt_from_suspension OR coalesce(last_sign_in_at, created_at) > $1
                      OR (last_sign_in_at IS NULL AND $2 > $1))
               ORDER BY id LIMIT $3";
    // Without a rule nobody is due: everybody signed in after the earliest time.
    let (bound, since) = rule.map_or((i64::MIN, i64::MAX), |rule| (rule.limit(now), rule.since));
    Ok(sqlx::query_scalar(sql).bind(bound).bind(since).bind(limit).fetch_all(db).await?)
}

pub(super) async fn set(db: &mut Connection, user_id: i64, at: Option<i64>) -> Result<()> {
    let done = sqlx::query("UPDATE users SET suspended_at = $1 WHERE id = $2").bind(at).bind(user_id);
    one_row(done.execute(db).await?.rows_affected(), "user row")
}
