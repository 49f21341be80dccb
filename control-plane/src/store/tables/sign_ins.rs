//! The tables of failed attempts to sign in and of identities.

use sqlx::Row as _;

use super::{Connection, Result, Row};
use crate::domain::sign_in::{Failures, NOBODY, NameHash};
use crate::domain::user::Identity;
use crate::store::StoreError;

pub(super) async fn failures(db: &mut Connection, hash: &NameHash) -> Result<Option<Failures>> {
    let row = sqlx::query(
        "SELECT name_hash, user_id, failures, last_at, unaudited, audited_at, ip
         FROM sign_in_failures WHERE name_hash = $1",
    )
    .bind(hash.as_slice())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(from_row).transpose()
}

pub(super) async fn put(db: &mut Connection, failures: &Failures) -> Result<()> {
    sqlx::query(
        "INSERT INTO sign_in_failures (name_hash, user_id, failures, last_at, unaudited, audited_at, ip)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (name_hash) DO UPDATE SET
             user_id = excluded.user_id, failures = excluded.failures, last_at = excluded.last_at,
             unaudited = excluded.unaudited, audited_at = excluded.audited_at, ip = excluded.ip",
    )
    .bind(failures.name_hash.as_slice())
    .bind(failures.user_id)
    .bind(failures.failures)
    .bind(failures.last_at)
    .bind(failures.unaudited)
    .bind(failures.audited_at)
    .bind(&failures.ip)
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn due(db: &mut Connection, audited_before: i64, limit: i64) -> Result<Vec<Failures>> {
    let rows = sqlx::query(
        "SELECT name_hash, user_id, failures, last_at, unaudited, audited_at, ip
         FROM sign_in_failures WHERE unaudited > 0 AND audited_at <= $1 ORDER BY audited_at LIMIT $2",
    )
    .bind(audited_before)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn remove_old(db: &mut Connection, before: i64, most: i64) -> Result<u64> {
    let old = "DELETE FROM sign_in_failures WHERE user_id IS NULL AND unaudited = 0 AND last_at < $1";
    let old = sqlx::query(old).bind(before).execute(&mut *db).await?.rows_affected();
    let many = "DELETE FROM sign_in_failures WHERE name_hash IN
        (SELECT name_hash FROM sign_in_failures WHERE user_id IS NULL AND name_hash <> $1
         ORDER BY last_at DESC LIMIT 9223372036854775807 OFFSET $2)";
    let many = sqlx::query(many).bind(NOBODY.as_slice()).bind(most).execute(db).await?.rows_affected();
    Ok(old + many)
}

pub(super) async fn note_sign_in(db: &mut Connection, user_id: i64, at: i64) -> Result<()> {
    sqlx::query("UPDATE users SET last_sign_in_at = $1 WHERE id = $2")
        .bind(at)
        .bind(user_id)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn identity(db: &mut Connection, issuer: &str, subject: &str) -> Result<Option<Identity>> {
    let sql =
        "SELECT issuer, subject, user_id, created_at FROM identities WHERE issuer = $1 AND subject = $2";
    let row = sqlx::query(sql).bind(issuer).bind(subject).fetch_optional(db).await?;
    row.as_ref().map(identity_from_row).transpose()
}

pub(super) async fn identities_of(db: &mut Connection, user_id: i64) -> Result<Vec<Identity>> {
    let sql = "SELECT issuer, subject, user_id, created_at FROM identities WHERE user_id = $1
               ORDER BY issuer, subject";
    let rows = sqlx::query(sql).bind(user_id).fetch_all(db).await?;
    rows.iter().map(identity_from_row).collect()
}

pub(super) async fn insert_identity(db: &mut Connection, identity: &Identity) -> Result<()> {
    sqlx::query("INSERT INTO identities (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4)")
        .bind(&identity.issuer)
        .bind(&identity.subject)
        .bind(identity.user_id)
        .bind(identity.created_at)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn remove_identity(db: &mut Connection, issuer: &str, subject: &str) -> Result<bool> {
    let sql = "DELETE FROM identities WHERE issuer = $1 AND subject = $2";
    Ok(sqlx::query(sql).bind(issuer).bind(subject).execute(db).await?.rows_affected() == 1)
}

fn identity_from_row(row: &Row) -> Result<Identity> {
    Ok(Identity {
        issuer: row.try_get("issuer")?,
        subject: row.try_get("subject")?,
        user_id: row.try_get("user_id")?,
        created_at: row.try_get("created_at")?,
    })
}

fn from_row(row: &Row) -> Result<Failures> {
    let hash = row.try_get::<&[u8], _>("name_hash")?;
    Ok(Failures {
        name_hash: hash.try_into().map_err(|_| StoreError::Unreadable("failed sign-in"))?,
        user_id: row.try_get("user_id")?,
        failures: row.try_get("failures")?,
        last_at: row.try_get("last_at")?,
        unaudited: row.try_get("unaudited")?,
        audited_at: row.try_get("audited_at")?,
        ip: row.try_get("ip")?,
    })
}
