//! The tables of failed attempts to sign in and of identities.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::Result;
use crate::domain::sign_in::{Failures, NOBODY, NameHash};
use crate::domain::user::Identity;
use crate::store::StoreError;

pub(super) async fn failures(db: &mut SqliteConnection, hash: &NameHash) -> Result<Option<Failures>> {
    let row = sqlx::query(
        "SELECT name_hash, user_id, failures, last_at, unaudited, audited_at, ip
         FROM sign_in_failures WHERE name_hash = ?",
    )
    .bind(hash.as_slice())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(from_row).transpose()
}

pub(super) async fn put(db: &mut SqliteConnection, failures: &Failures) -> Result<()> {
    sqlx::query(
        "INSERT INTO sign_in_failures (name_hash, user_id, failures, last_at, unaudited, audited_at, ip)
         VALUES (?, ?, ?, ?, ?, ?, ?)
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

pub(super) async fn due(db: &mut SqliteConnection, audited_before: i64, limit: i64) -> Result<Vec<Failures>> {
    let rows = sqlx::query(
        "SELECT name_hash, user_id, failures, last_at, unaudited, audited_at, ip
         FROM sign_in_failures WHERE unaudited > 0 AND audited_at <= ? ORDER BY audited_at LIMIT ?",
    )
    .bind(audited_before)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn remove_old(db: &mut SqliteConnection, before: i64, most: i64) -> Result<u64> {
    let old = "DELETE FROM sign_in_failures WHERE user_id IS NULL AND unaudited = 0 AND last_at < ?";
    let old = sqlx::query(old).bind(before).execute(&mut *db).await?.rows_affected();
    let many = "DELETE FROM sign_in_failures WHERE name_hash IN
        (SELECT name_hash FROM sign_in_failures WHERE user_id IS NULL AND name_hash <> ?
         ORDER BY last_at DESC LIMIT -1 OFFSET ?)";
    let many = sqlx::query(many).bind(NOBODY.as_slice()).bind(most).execute(db).await?.rows_affected();
    Ok(old + many)
}

pub(super) async fn note_sign_in(db: &mut SqliteConnection, user_id: i64, at: i64) -> Result<()> {
    sqlx::query("UPDATE users SET last_sign_in_at = ? WHERE id = ?")
        .bind(at)
        .bind(user_id)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn identity(
    db: &mut SqliteConnection,
    issuer: &str,
    subject: &str,
) -> Result<Option<Identity>> {
    let sql = "SELECT issuer, subject, user_id, created_at FROM identities WHERE issuer = ? AND subject = ?";
    let row = sqlx::query(sql).bind(issuer).bind(subject).fetch_optional(db).await?;
    row.as_ref().map(identity_from_row).transpose()
}

pub(super) async fn identities_of(db: &mut SqliteConnection, user_id: i64) -> Result<Vec<Identity>> {
    let sql = "SELECT issuer, subject, user_id, created_at FROM identities WHERE user_id = ?
               ORDER BY issuer, subject";
    let rows = sqlx::query(sql).bind(user_id).fetch_all(db).await?;
    rows.iter().map(identity_from_row).collect()
}

pub(super) async fn insert_identity(db: &mut SqliteConnection, identity: &Identity) -> Result<()> {
    sqlx::query("INSERT INTO identities (issuer, subject, user_id, created_at) VALUES (?, ?, ?, ?)")
        .bind(&identity.issuer)
        .bind(&identity.subject)
        .bind(identity.user_id)
        .bind(identity.created_at)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn remove_identity(db: &mut SqliteConnection, issuer: &str, subject: &str) -> Result<bool> {
    let sql = "DELETE FROM identities WHERE issuer = ? AND subject = ?";
    Ok(sqlx::query(sql).bind(issuer).bind(subject).execute(db).await?.rows_affected() == 1)
}

fn identity_from_row(row: &SqliteRow) -> Result<Identity> {
    Ok(Identity {
        issuer: row.try_get("issuer")?,
        subject: row.try_get("subject")?,
        user_id: row.try_get("user_id")?,
        created_at: row.try_get("created_at")?,
    })
}

fn from_row(row: &SqliteRow) -> Result<Failures> {
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
