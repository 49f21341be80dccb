//! The table of tokens.

use gatepass::token::Digest;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::Result;
use crate::domain::token::{State, Token};
use crate::domain::usage::LastUse;
use crate::domain::user::Role;
use crate::store::{StoreError, TokenFilter};

/// Tokens joined with their owners and their last uses, and the rest of the statement.
macro_rules! select {
    ($($rest:tt)+) => {
        select_with!(
            "l.used_at, l.ip AS used_ip, l.user_agent AS used_agent",
            "LEFT JOIN token_uses l ON l.token_id = t.id ",
            $($rest)+
        )
    };
}

/// The same without the last uses, for what reads every token.
macro_rules! select_bare {
    ($($rest:tt)+) => {
        select_with!("NULL::bigint AS used_at, NULL::text AS used_ip, NULL::text AS used_agent", "", $($rest)+)
    };
}

macro_rules! select_with {
    ($used:literal, $join:literal, $($rest:tt)+) => {
        concat!(
            "SELECT t.id, t.sha256, t.user_id, u.name AS owner, u.role AS owner_role, u.active AS owner_active, ",
            "t.creator, t.description, t.created_at, t.expires_at, t.scope, t.allowed_ips, t.prefix, t.hint, ",
            "t.control_plane, t.revoked_at, t.revoked_by, ", $used,
            " FROM tokens t JOIN users u ON u.id = t.user_id ", $join,
            $($rest)+
        )
    };
}

/// A page of tokens under a condition on the owner ($1) and those of a [`TokenFilter`].
macro_rules! select_page {
    ($owner:literal) => {
        select!(
            "WHERE ",
            $owner,
            " AND ($2::bigint IS NULL OR u.role <> 'admin' OR u.id = $2) AND ($3::text IS NULL OR t.id < $3)
              AND CASE $4::text WHEN 'revoked' THEN t.revoked_at IS NOT NULL
                          WHEN 'active' THEN t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $5::bigint)
                          WHEN 'expired' THEN t.revoked_at IS NULL AND t.expires_at <= $5::bigint
                          ELSE TRUE END
              ORDER BY t.id DESC LIMIT $6"
        )
    };
}

pub(super) async fn by_id(db: &mut PgConnection, id: &str) -> Result<Option<Token>> {
    let row = sqlx::query(select!("WHERE t.id = $1")).bind(id).fetch_optional(db).await?;
    row.as_ref().map(from_row).transpose()
}

pub(super) async fn by_digest(db: &mut PgConnection, digest: &Digest) -> Result<Option<Token>> {
    let bytes = digest.as_bytes().as_slice();
    let row = sqlx::query(select!("WHERE t.sha256 = $1")).bind(bytes).fetch_optional(db).await?;
    row.as_ref().map(from_row).transpose()
}

pub(super) async fn list(db: &mut PgConnection, filter: &TokenFilter) -> Result<Vec<Token>> {
    // Two statements, so that a list of one owner's tokens uses that owner's index.
    let sql = match filter.owner_id {
        Some(_) => select_page!("t.user_id = $1"),
        None => select_page!("$1::bigint IS NULL"),
    };
    let rows = sqlx::query(sql)
        .bind(filter.owner_id)
        .bind(filter.no_admins_but)
        .bind(&filter.before)
        .bind(filter.state.map(State::as_str))
        .bind(filter.now)
        .bind(filter.limit)
        .fetch_all(db)
        .await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn unrevoked(db: &mut PgConnection, expired_after: i64) -> Result<Vec<Token>> {
    let sql = select_bare!(
        "WHERE t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $1) ORDER BY t.id"
    );
    let rows = sqlx::query(sql).bind(expired_after).fetch_all(db).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn unrevoked_of(db: &mut PgConnection, owner_id: i64) -> Result<Vec<Token>> {
    let sql = select!("WHERE t.user_id = $1 AND t.revoked_at IS NULL ORDER BY t.id");
    let rows = sqlx::query(sql).bind(owner_id).fetch_all(db).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn active_of(db: &mut PgConnection, owner_id: i64, now: i64) -> Result<i64> {
    let count = sqlx::query_scalar(
        "SELECT count(*) FROM tokens
         WHERE user_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)",
    );
    Ok(count.bind(owner_id).bind(now).fetch_one(db).await?)
}

pub(super) async fn scopes_in_use(db: &mut PgConnection, now: i64) -> Result<Vec<String>> {
    let names = sqlx::query_scalar(
        "SELECT DISTINCT scope FROM tokens
         WHERE scope IS NOT NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1) ORDER BY scope",
    );
    Ok(names.bind(now).fetch_all(db).await?)
}

pub(super) async fn prefixes_in_use(db: &mut PgConnection, now: i64) -> Result<Vec<String>> {
    let prefixes = sqlx::query_scalar(
        "SELECT DISTINCT prefix FROM tokens
         WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1) ORDER BY prefix",
    );
    Ok(prefixes.bind(now).fetch_all(db).await?)
}

pub(super) async fn insert(db: &mut PgConnection, token: &Token) -> Result<()> {
    let ips = serde_json::to_string(&token.allowed_ips).map_err(|_| StoreError::Unreadable("IP list"))?;
    sqlx::query(
        "INSERT INTO tokens (id, sha256, user_id, creator, description, created_at, expires_at, scope, allowed_ips,
                             prefix, hint, control_plane, revoked_at, revoked_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(&token.id)
    .bind(token.digest.as_bytes().as_slice())
    .bind(token.owner_id)
    .bind(&token.creator)
    .bind(&token.description)
    .bind(token.created_at)
    .bind(token.expires_at)
    .bind(&token.scope)
    .bind(ips)
    .bind(&token.prefix)
    .bind(&token.hint)
    .bind(token.control_plane)
    .bind(token.revoked_at)
    .bind(&token.revoked_by)
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn revoke(db: &mut PgConnection, id: &str, at: i64, by: &str) -> Result<bool> {
    let sql = "UPDATE tokens SET revoked_at = $1, revoked_by = $2 WHERE id = $3 AND revoked_at IS NULL";
    let done = sqlx::query(sql).bind(at).bind(by).bind(id).execute(db).await?;
    Ok(done.rows_affected() == 1)
}

fn from_row(row: &PgRow) -> Result<Token> {
    const UNREADABLE: StoreError = StoreError::Unreadable("token row");
    let digest: [u8; 32] = row.try_get::<&[u8], _>("sha256")?.try_into().map_err(|_| UNREADABLE)?;
    Ok(Token {
        id: row.try_get("id")?,
        digest: Digest::from_bytes(digest),
        owner_id: row.try_get("user_id")?,
        owner: row.try_get("owner")?,
        owner_role: Role::from_name(row.try_get("owner_role")?).ok_or(UNREADABLE)?,
        owner_active: row.try_get("owner_active")?,
        creator: row.try_get("creator")?,
        description: row.try_get("description")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        scope: row.try_get("scope")?,
        allowed_ips: serde_json::from_str(row.try_get("allowed_ips")?).map_err(|_| UNREADABLE)?,
        prefix: row.try_get("prefix")?,
        hint: row.try_get("hint")?,
        control_plane: row.try_get("control_plane")?,
        revoked_at: row.try_get("revoked_at")?,
        revoked_by: row.try_get("revoked_by")?,
        last_used: last_use(row)?,
    })
}

fn last_use(row: &PgRow) -> Result<Option<LastUse>> {
    let Some(at) = row.try_get("used_at")? else { return Ok(None) };
    let ip: Option<&str> = row.try_get("used_ip")?;
    let ip = ip.map(str::parse).transpose().map_err(|_| StoreError::Unreadable("address"))?;
    Ok(Some(LastUse { at, ip, user_agent: row.try_get("used_agent")? }))
}
