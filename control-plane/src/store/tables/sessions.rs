//! The table of sessions.

use sqlx::Row as _;

use super::{Connection, Result, Row, one_row};
use crate::domain::session::{Method, SecretHash, Session};
use crate::store::StoreError;

pub(super) async fn insert(db: &mut Connection, session: &Session) -> Result<()> {
    sqlx::query(
        "INSERT INTO sessions (id, secret_hash, user_id, method, created_at, last_used_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&session.id)
    .bind(session.secret_hash.as_slice())
    .bind(session.user_id)
    .bind(session.method.as_str())
    .bind(session.created_at)
    .bind(session.last_used_at)
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn by_hash(db: &mut Connection, hash: &SecretHash) -> Result<Option<Session>> {
    let row = sqlx::query(
        "SELECT id, secret_hash, user_id, method, created_at, last_used_at
         FROM sessions WHERE secret_hash = $1",
    )
    .bind(hash.as_slice())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(from_row).transpose()
}

pub(super) async fn touch(db: &mut Connection, id: &str, at: i64) -> Result<()> {
    let sql = "UPDATE sessions SET last_used_at = $1 WHERE id = $2";
    one_row(sqlx::query(sql).bind(at).bind(id).execute(db).await?.rows_affected(), "session row")
}

pub(super) async fn remove(db: &mut Connection, id: &str) -> Result<bool> {
    let sql = "DELETE FROM sessions WHERE id = $1";
    Ok(sqlx::query(sql).bind(id).execute(db).await?.rows_affected() == 1)
}

pub(super) async fn remove_of(db: &mut Connection, user_id: i64, but: Option<&str>) -> Result<u64> {
    let sql = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";
    Ok(sqlx::query(sql).bind(user_id).bind(but.unwrap_or_default()).execute(db).await?.rows_affected())
}

pub(super) async fn trim(db: &mut Connection, user_id: i64, most: i64) -> Result<u64> {
    let sql = "DELETE FROM sessions WHERE id IN
        (SELECT id FROM sessions WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 9223372036854775807 OFFSET $2)";
    Ok(sqlx::query(sql).bind(user_id).bind(most).execute(db).await?.rows_affected())
}

pub(super) async fn remove_old(db: &mut Connection, created: i64, used: i64) -> Result<u64> {
    let sql = "DELETE FROM sessions WHERE created_at <= $1 OR last_used_at <= $2";
    Ok(sqlx::query(sql).bind(created).bind(used).execute(db).await?.rows_affected())
}

fn from_row(row: &Row) -> Result<Session> {
    let unreadable = || StoreError::Unreadable("session row");
    let hash = row.try_get::<&[u8], _>("secret_hash")?;
    Ok(Session {
        id: row.try_get("id")?,
        secret_hash: hash.try_into().map_err(|_| unreadable())?,
        user_id: row.try_get("user_id")?,
        method: Method::from_name(row.try_get("method")?).ok_or_else(unreadable)?,
        created_at: row.try_get("created_at")?,
        last_used_at: row.try_get("last_used_at")?,
    })
}
