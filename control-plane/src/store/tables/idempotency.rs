//! The table of requests with an idempotency key.

use sqlx::Row as _;

use super::{Connection, Result, one_row, unsigned};
use crate::idempotency::{Key, Known};
use crate::store::StoreError;

pub(super) async fn known(db: &mut Connection, key: &Key) -> Result<Option<Known>> {
    let sql = "SELECT fingerprint, reply FROM idempotency_keys WHERE caller = $1 AND key = $2";
    let row = sqlx::query(sql).bind(&key.caller).bind(key.hash.as_slice()).fetch_optional(db).await?;
    let Some(row) = row else { return Ok(None) };
    let fingerprint = row.try_get::<&[u8], _>(0)?.try_into();
    let fingerprint = fingerprint.map_err(|_| StoreError::Unreadable("idempotency key"))?;
    Ok(Some(Known { fingerprint, reply: row.try_get(1)? }))
}

pub(super) async fn begin(db: &mut Connection, key: &Key, fingerprint: &[u8; 32], at: i64) -> Result<()> {
    sqlx::query("INSERT INTO idempotency_keys (caller, key, fingerprint, begun_at) VALUES ($1, $2, $3, $4)")
        .bind(&key.caller)
        .bind(key.hash.as_slice())
        .bind(fingerprint.as_slice())
        .bind(at)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn finish(db: &mut Connection, key: &Key, reply: &str) -> Result<()> {
    let sql = "UPDATE idempotency_keys SET reply = $1 WHERE caller = $2 AND key = $3";
    let done = sqlx::query(sql).bind(reply).bind(&key.caller).bind(key.hash.as_slice()).execute(db).await?;
    one_row(done.rows_affected(), "idempotency key")
}

pub(super) async fn forget(db: &mut Connection, key: &Key) -> Result<()> {
    let sql = "DELETE FROM idempotency_keys WHERE caller = $1 AND key = $2";
    sqlx::query(sql).bind(&key.caller).bind(key.hash.as_slice()).execute(db).await?;
    Ok(())
}

pub(super) async fn count(db: &mut Connection, caller: &str) -> Result<u64> {
    let sql = "SELECT count(*) FROM idempotency_keys WHERE caller = $1";
    unsigned(sqlx::query_scalar(sql).bind(caller).fetch_one(db).await?)
}

pub(super) async fn remove(db: &mut Connection, before: i64) -> Result<u64> {
    let sql = "DELETE FROM idempotency_keys WHERE begun_at < $1";
    Ok(sqlx::query(sql).bind(before).execute(db).await?.rows_affected())
}
