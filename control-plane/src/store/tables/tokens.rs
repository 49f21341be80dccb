//! The table of tokens.

use gatepass::token::Digest;
use sqlx::Row as _;

use super::{Connection, Result, Row, entries, one_row, unsigned};
use crate::domain::listing::NEVER_USED;
use crate::domain::source;
use crate::domain::text;
use crate::domain::token::{Disabled, Token};
use crate::domain::usage::LastUse;
use crate::domain::user::Role;
use crate::store::StoreError;

/// What a token is read from: `t` is the token, `u` its owner, `l` its last use.
macro_rules! columns {
    () => {
        columns!("l.used_at, l.ip AS used_ip, l.user_agent AS used_agent")
    };
    ($used:literal) => {
        concat!(
            "t.id, t.sha256, t.user_id, u.name AS owner, u.role AS owner_role, ",
            "(u.active AND u.suspended_at IS NULL) AS owner_active, t.creator, ",
            "t.description, t.created_at, t.expires_at, t.scope, t.allowed_ips, t.prefix, t.hint, t.control_plane, ",
            "t.disabled_at, t.disabled_by, t.chain, t.predecessor, t.successor, t.revoked_at, t.revoked_by, ",
            $used
        )
    };
}

pub(super) const COLUMNS: &str = columns!();

/// Tokens joined with their owners and their last uses, and the rest of the statement.
macro_rules! select {
    ($($rest:tt)+) => {
        concat!(
            "SELECT ", columns!(), " FROM tokens t JOIN users u ON u.id = t.user_id ",
            "JOIN token_uses l ON l.number = t.number ", $($rest)+
        )
    };
}

/// The same without the last uses, for what reads every token.
macro_rules! select_bare {
    ($($rest:tt)+) => {
        concat!(
            "SELECT ", columns!("CAST(0 AS BIGINT) AS used_at, CAST(NULL AS TEXT) AS used_ip, CAST(NULL AS TEXT) AS used_agent"),
            " FROM tokens t JOIN users u ON u.id = t.user_id ", $($rest)+
        )
    };
}

pub(super) async fn by_id(db: &mut Connection, id: &str) -> Result<Option<Token>> {
    let row = sqlx::query(select!("WHERE t.id = $1")).bind(id).fetch_optional(db).await?;
    row.as_ref().map(from_row).transpose()
}

pub(super) async fn by_digest(db: &mut Connection, digest: &Digest) -> Result<Option<Token>> {
    let bytes = digest.as_bytes().as_slice();
    let row = sqlx::query(select!("WHERE t.sha256 = $1")).bind(bytes).fetch_optional(db).await?;
    row.as_ref().map(from_row).transpose()
}

pub(super) async fn unrevoked(
    db: &mut Connection,
    expired_after: i64,
    after: Option<&Digest>,
    limit: i64,
) -> Result<Vec<Token>> {
    let sql = select_bare!(
        "WHERE t.sha256 > $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2)
         ORDER BY t.sha256 LIMIT $3"
    );
    // Every digest comes after the empty one.
    let from = after.map_or(&[][..], |digest| digest.as_bytes().as_slice());
    let rows = sqlx::query(sql).bind(from).bind(expired_after).bind(limit).fetch_all(&mut *db).await?;
    let mut all = rows.iter().map(from_row).collect::<Result<Vec<Token>>>()?;
    let pushed = entries::unended(db, expired_after, after, limit).await?;
    if !pushed.is_empty() {
        all.extend(pushed);
        all.sort_unstable_by_key(|token| token.digest);
        all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    Ok(all)
}

pub(super) async fn count_unrevoked(db: &mut Connection, expired_after: i64) -> Result<u64> {
    let sql = "SELECT (SELECT count(*) FROM tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1))
                    + (SELECT count(*) FROM source_entries WHERE expires_at IS NULL OR expires_at > $1)";
    unsigned(sqlx::query_scalar(sql).bind(expired_after).fetch_one(db).await?)
}

pub(super) async fn changed_since(db: &mut Connection, revision: i64, limit: i64) -> Result<Vec<Token>> {
    let rows = sqlx::query(select_bare!("WHERE t.changed > $1 LIMIT $2")).bind(revision).bind(limit);
    let rows = rows.fetch_all(&mut *db).await?;
    let mut all = rows.iter().map(from_row).collect::<Result<Vec<Token>>>()?;
    let left = limit.saturating_sub(i64::try_from(all.len()).unwrap_or(i64::MAX));
    all.extend(entries::changed_since(db, revision, left).await?);
    Ok(all)
}

pub(super) async fn expired_between(db: &mut Connection, after: i64, upto: i64) -> Result<Vec<Digest>> {
    // The expression is that of an index.
    let rows = sqlx::query(
        "SELECT sha256 FROM tokens
         WHERE coalesce(expires_at, 9223372036854775807) > $1 AND coalesce(expires_at, 9223372036854775807) <= $2",
    );
    let rows = rows.bind(after).bind(upto).fetch_all(&mut *db).await?;
    let mut all = rows.iter().map(digest).collect::<Result<Vec<Digest>>>()?;
    all.extend(entries::expired_between(db, after, upto).await?);
    Ok(all)
}

pub(super) async fn unrevoked_of(db: &mut Connection, owner_id: i64) -> Result<Vec<Token>> {
    let sql = select!("WHERE t.user_id = $1 AND t.revoked_at IS NULL ORDER BY t.id");
    let rows = sqlx::query(sql).bind(owner_id).fetch_all(db).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn active_of(db: &mut Connection, owner_id: i64, now: i64) -> Result<i64> {
    let count = sqlx::query_scalar(
        "SELECT count(*) FROM tokens
         WHERE user_id = $1 AND revoked_at IS NULL AND disabled_at IS NULL AND (expires_at IS NULL OR expires_at > $2)",
    );
    Ok(count.bind(owner_id).bind(now).fetch_one(db).await?)
}

pub(super) async fn scopes_in_use(db: &mut Connection, now: i64) -> Result<Vec<String>> {
    let names = sqlx::query_scalar(
        "SELECT scope FROM tokens
         WHERE scope IS NOT NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)
         UNION SELECT scope FROM source_entries
         WHERE scope IS NOT NULL AND (expires_at IS NULL OR expires_at > $1) ORDER BY scope",
    );
    Ok(names.bind(now).fetch_all(db).await?)
}

pub(super) async fn prefixes_in_use(db: &mut Connection, now: i64) -> Result<Vec<String>> {
    let prefixes = sqlx::query_scalar(
        "SELECT prefix FROM tokens
         WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)
         UNION SELECT prefix FROM push_tokens
         WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1) ORDER BY prefix",
    );
    Ok(prefixes.bind(now).fetch_all(db).await?)
}

pub(super) async fn insert(db: &mut Connection, token: &Token) -> Result<()> {
    let disabled = token.disabled.as_ref();
    sqlx::query(
        "INSERT INTO tokens (id, sha256, user_id, creator, description, description_key, created_at, expires_at, scope,
                             allowed_ips, prefix, hint, control_plane, disabled_at, disabled_by, chain, predecessor,
                             successor, revoked_at, revoked_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
    )
    .bind(&token.id)
    .bind(token.digest.as_bytes().as_slice())
    .bind(token.owner_id)
    .bind(&token.creator)
    .bind(&token.description)
    .bind(text::fold(&token.description))
    .bind(token.created_at)
    .bind(token.expires_at)
    .bind(&token.scope)
    .bind(ips(token)?)
    .bind(&token.prefix)
    .bind(&token.hint)
    .bind(token.control_plane)
    .bind(disabled.map(|disabled| disabled.at))
    .bind(disabled.map(|disabled| &disabled.by))
    .bind(&token.chain)
    .bind(&token.predecessor)
    .bind(&token.successor)
    .bind(token.revoked_at)
    .bind(&token.revoked_by)
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn update(db: &mut Connection, token: &Token) -> Result<()> {
    let disabled = token.disabled.as_ref();
    let done = sqlx::query(
        "UPDATE tokens SET description = $1, description_key = $2, expires_at = $3, scope = $4, allowed_ips = $5,
                control_plane = $6, disabled_at = $7, disabled_by = $8, chain = $9, successor = $10
         WHERE id = $11 AND revoked_at IS NULL",
    )
    .bind(&token.description)
    .bind(text::fold(&token.description))
    .bind(token.expires_at)
    .bind(&token.scope)
    .bind(ips(token)?)
    .bind(token.control_plane)
    .bind(disabled.map(|disabled| disabled.at))
    .bind(disabled.map(|disabled| &disabled.by))
    .bind(&token.chain)
    .bind(&token.successor)
    .bind(&token.id)
    .execute(db)
    .await?;
    one_row(done.rows_affected(), "token row")
}

pub(super) async fn unrevoked_of_chain(db: &mut Connection, chain: &str) -> Result<Vec<Token>> {
    let sql = select!("WHERE t.chain = $1 AND t.revoked_at IS NULL ORDER BY t.id");
    let rows = sqlx::query(sql).bind(chain).fetch_all(db).await?;
    rows.iter().map(from_row).collect()
}

/// Whether there are tokens of a schema that did not have what lists search in. The condition is that of an index.
pub(super) async fn has_unfolded_descriptions(db: &mut Connection) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM tokens WHERE substr(description_key, 1, 100) = '')";
    Ok(sqlx::query_scalar(sql).fetch_one(db).await?)
}

/// Writes what lists search in for tokens of a schema that did not have it.
pub(super) async fn fold_descriptions(db: &mut Connection) -> Result<()> {
    const BATCH: &str = "SELECT number, description FROM tokens
                         WHERE substr(description_key, 1, 100) = '' AND number > $1 ORDER BY number LIMIT 1000";
    let mut last = 0;
    loop {
        let rows = sqlx::query(BATCH).bind(last).fetch_all(&mut *db).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            let (number, description): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
            // What has nothing to fold is not to be met again.
            last = number;
            let done = sqlx::query("UPDATE tokens SET description_key = $1 WHERE number = $2")
                .bind(text::fold(&description))
                .bind(number)
                .execute(&mut *db)
                .await?;
            one_row(done.rows_affected(), "token row")?;
        }
    }
}

pub(super) fn ips(token: &Token) -> Result<String> {
    serde_json::to_string(&token.allowed_ips).map_err(|_| StoreError::Unreadable("IP list"))
}

pub(super) async fn revoke(db: &mut Connection, id: &str, at: i64, by: &str) -> Result<bool> {
    if source::is_entry(id) {
        return Ok(entries::remove(db, &[id], at).await? == 1);
    }
    let sql = "UPDATE tokens SET revoked_at = $1, revoked_by = $2 WHERE id = $3 AND revoked_at IS NULL";
    let done = sqlx::query(sql).bind(at).bind(by).bind(id).execute(db).await?;
    Ok(done.rows_affected() == 1)
}

pub(super) fn from_row(row: &Row) -> Result<Token> {
    const UNREADABLE: StoreError = StoreError::Unreadable("token row");
    Ok(Token {
        id: row.try_get("id")?,
        digest: digest(row)?,
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
        disabled: disabled(row)?,
        chain: row.try_get("chain")?,
        predecessor: row.try_get("predecessor")?,
        successor: row.try_get("successor")?,
        revoked_at: row.try_get("revoked_at")?,
        revoked_by: row.try_get("revoked_by")?,
        last_used: last_use(row)?,
    })
}

pub(super) fn digest(row: &Row) -> Result<Digest> {
    let digest = row.try_get::<&[u8], _>("sha256")?.try_into();
    digest.map(Digest::from_bytes).map_err(|_| StoreError::Unreadable("token row"))
}

fn disabled(row: &Row) -> Result<Option<Disabled>> {
    match (row.try_get("disabled_at")?, row.try_get("disabled_by")?) {
        (Some(at), Some(by)) => Ok(Some(Disabled { at, by })),
        (None, None) => Ok(None),
        _ => Err(StoreError::Unreadable("token row")),
    }
}

fn last_use(row: &Row) -> Result<Option<LastUse>> {
    let at: i64 = row.try_get("used_at")?;
    if at == NEVER_USED {
        return Ok(None);
    }
    let ip: Option<&str> = row.try_get("used_ip")?;
    let ip = ip.map(str::parse).transpose().map_err(|_| StoreError::Unreadable("address"))?;
    Ok(Some(LastUse { at, ip, user_agent: row.try_get("used_agent")? }))
}
