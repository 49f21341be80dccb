//! The tables of sources and push tokens.

use gatepass::token::Digest;
use sqlx::Row as _;

use super::{Connection, Result, Row, one_row};
use crate::domain::source::{NameRule, PushToken, Pushed, Source};
use crate::store::StoreError;

const UNREADABLE: StoreError = StoreError::Unreadable("source row");
const PUSH_TOKEN: StoreError = StoreError::Unreadable("push token row");

pub(super) async fn by_name(db: &mut Connection, name: &str) -> Result<Option<Source>> {
    let sql = "SELECT * FROM sources WHERE name = $1 AND deleted_at IS NULL";
    sqlx::query(sql).bind(name).fetch_optional(db).await?.as_ref().map(from_row).transpose()
}

pub(super) async fn by_id(db: &mut Connection, id: i64) -> Result<Option<Source>> {
    let sql = "SELECT * FROM sources WHERE id = $1 AND deleted_at IS NULL";
    sqlx::query(sql).bind(id).fetch_optional(db).await?.as_ref().map(from_row).transpose()
}

pub(super) async fn all(db: &mut Connection) -> Result<Vec<Source>> {
    let rows =
        sqlx::query("SELECT * FROM sources WHERE deleted_at IS NULL ORDER BY name").fetch_all(db).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn insert(db: &mut Connection, source: &Source) -> Result<Source> {
    let row = sqlx::query(
        "INSERT INTO sources (name, description, users, user_prefix, max_entries, creator, created_at, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT coalesce(max(revision), 0) + 1 FROM sources WHERE name = $1))
         RETURNING id, revision",
    )
    .bind(&source.name)
    .bind(&source.description)
    .bind(names(&source.users)?)
    .bind(&source.users.prefix)
    .bind(i64::from(source.max_entries))
    .bind(&source.creator)
    .bind(source.created_at)
    .fetch_one(db)
    .await?;
    Ok(Source { id: row.try_get("id")?, revision: row.try_get("revision")?, ..source.clone() })
}

pub(super) async fn update(db: &mut Connection, source: &Source) -> Result<()> {
    let pushed = source.pushed.as_ref();
    let done = sqlx::query(
        "UPDATE sources SET description = $1, users = $2, user_prefix = $3, max_entries = $4, revision = $5,
                pushed_at = $6, pushed_by = $7, document = $8
         WHERE id = $9 AND deleted_at IS NULL",
    )
    .bind(&source.description)
    .bind(names(&source.users)?)
    .bind(&source.users.prefix)
    .bind(i64::from(source.max_entries))
    .bind(source.revision)
    .bind(pushed.map(|pushed| pushed.at))
    .bind(pushed.map(|pushed| &pushed.by))
    .bind(pushed.map(|pushed| &pushed.document))
    .bind(source.id)
    .execute(db)
    .await?;
    one_row(done.rows_affected(), "source row")
}

pub(super) async fn delete(db: &mut Connection, id: i64, at: i64) -> Result<()> {
    let sql = "UPDATE sources SET deleted_at = $1 WHERE id = $2 AND deleted_at IS NULL";
    let done = sqlx::query(sql).bind(at).bind(id).execute(db).await?;
    one_row(done.rows_affected(), "source row")
}

pub(super) async fn push_token_by_digest(db: &mut Connection, digest: &Digest) -> Result<Option<PushToken>> {
    let sql = "SELECT * FROM push_tokens WHERE sha256 = $1";
    let row = sqlx::query(sql).bind(digest.as_bytes().as_slice()).fetch_optional(db).await?;
    row.as_ref().map(push_token).transpose()
}

pub(super) async fn push_tokens_of(db: &mut Connection, source_id: i64) -> Result<Vec<PushToken>> {
    let sql = "SELECT * FROM push_tokens WHERE source_id = $1 AND revoked_at IS NULL ORDER BY id";
    let rows = sqlx::query(sql).bind(source_id).fetch_all(db).await?;
    rows.iter().map(push_token).collect()
}

pub(super) async fn insert_push_token(db: &mut Connection, token: &PushToken) -> Result<()> {
    let ips = serde_json::to_string(&token.allowed_ips).map_err(|_| PUSH_TOKEN)?;
    sqlx::query(
        "INSERT INTO push_tokens (id, sha256, source_id, description, creator, created_at, expires_at, allowed_ips, prefix,
                                  hint, successor)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(&token.id)
    .bind(token.digest.as_bytes().as_slice())
    .bind(token.source_id)
    .bind(&token.description)
    .bind(&token.creator)
    .bind(token.created_at)
    .bind(token.expires_at)
    .bind(ips)
    .bind(&token.prefix)
    .bind(&token.hint)
    .bind(&token.successor)
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn update_push_token(db: &mut Connection, token: &PushToken) -> Result<()> {
    let last = token.last_push.as_ref();
    let done = sqlx::query(
        "UPDATE push_tokens SET expires_at = $1, successor = $2, revoked_at = $3, revoked_by = $4, last_pushed_at = $5,
                last_pushed_ip = $6
         WHERE id = $7 AND revoked_at IS NULL",
    )
    .bind(token.expires_at)
    .bind(&token.successor)
    .bind(token.revoked_at)
    .bind(&token.revoked_by)
    .bind(last.map(|(at, _)| at))
    .bind(last.and_then(|(_, ip)| ip.as_ref()))
    .bind(&token.id)
    .execute(db)
    .await?;
    one_row(done.rows_affected(), "push token row")
}

fn names(rule: &NameRule) -> Result<String> {
    serde_json::to_string(&rule.exact).map_err(|_| UNREADABLE)
}

fn from_row(row: &Row) -> Result<Source> {
    let exact = serde_json::from_str(row.try_get("users")?).map_err(|_| UNREADABLE)?;
    let max_entries: i64 = row.try_get("max_entries")?;
    let pushed = match (row.try_get("pushed_at")?, row.try_get("pushed_by")?, row.try_get("document")?) {
        (Some(at), Some(by), Some(document)) => Some(Pushed { at, by, document }),
        (None, None, None) => None,
        _ => return Err(UNREADABLE),
    };
    Ok(Source {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        users: NameRule { exact, prefix: row.try_get("user_prefix")? },
        max_entries: u32::try_from(max_entries).map_err(|_| UNREADABLE)?,
        creator: row.try_get("creator")?,
        created_at: row.try_get("created_at")?,
        revision: row.try_get("revision")?,
        pushed,
    })
}

fn push_token(row: &Row) -> Result<PushToken> {
    let digest = row.try_get::<&[u8], _>("sha256")?.try_into().map_err(|_| PUSH_TOKEN)?;
    let pushed_at: Option<i64> = row.try_get("last_pushed_at")?;
    let pushed_from: Option<String> = row.try_get("last_pushed_ip")?;
    Ok(PushToken {
        id: row.try_get("id")?,
        digest: Digest::from_bytes(digest),
        source_id: row.try_get("source_id")?,
        description: row.try_get("description")?,
        creator: row.try_get("creator")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        allowed_ips: serde_json::from_str(row.try_get("allowed_ips")?).map_err(|_| PUSH_TOKEN)?,
        prefix: row.try_get("prefix")?,
        hint: row.try_get("hint")?,
        successor: row.try_get("successor")?,
        revoked_at: row.try_get("revoked_at")?,
        revoked_by: row.try_get("revoked_by")?,
        last_push: pushed_at.map(|at| (at, pushed_from)),
    })
}
