//! The table of what sources have pushed.

use std::collections::BTreeSet;

use gatepass::token::Digest;
use sqlx::{QueryBuilder, Row as _};

use super::{Connection, Db, Result, Row, first_pushes, signed, tokens, unsigned};
use crate::domain::source::Named;
use crate::domain::token::Token;
use crate::domain::usage::TokenUse;
use crate::domain::user::Role;
use crate::store::StoreError;

/// How many rows one statement writes or looks for: 13 values of each are fewer than a statement may have.
pub(super) const ROWS: usize = 500;

/// Entries as tokens are read: `e` is the entry, `u` its user, `s` its source.
macro_rules! select {
    ($($rest:tt)+) => {
        concat!(
            "SELECT e.token_id AS id, e.sha256, e.user_id, u.name AS owner, u.role AS owner_role, ",
            "(u.active AND u.suspended_at IS NULL) AS owner_active, ",
            "'source:' || s.name AS creator, e.description, e.created_at, e.expires_at, e.scope, e.allowed_ips, ",
            "'' AS prefix, '' AS hint, (1 = 0) AS control_plane, e.disabled_at, ",
            "CASE WHEN e.disabled_at IS NULL THEN NULL ELSE 'source:' || s.name END AS disabled_by, ",
            "CAST(NULL AS TEXT) AS chain, CAST(NULL AS TEXT) AS predecessor, CAST(NULL AS TEXT) AS successor, ",
            "CAST(NULL AS BIGINT) AS revoked_at, CAST(NULL AS TEXT) AS revoked_by, ",
            "e.used_at, e.used_ip, e.used_agent ",
            "FROM source_entries e JOIN users u ON u.id = e.user_id JOIN sources s ON s.id = e.source_id ", $($rest)+
        )
    };
}

pub(super) async fn unended(
    db: &mut Connection,
    expired_after: i64,
    after: Option<&Digest>,
    limit: i64,
) -> Result<Vec<Token>> {
    let sql = select!(
        "WHERE e.sha256 > $1 AND (e.expires_at IS NULL OR e.expires_at > $2) ORDER BY e.sha256 LIMIT $3"
    );
    let after = after.map_or(&[][..], |digest| digest.as_bytes().as_slice());
    let rows = sqlx::query(sql).bind(after).bind(expired_after).bind(limit).fetch_all(db).await?;
    rows.iter().map(tokens::from_row).collect()
}

pub(super) async fn changed_since(db: &mut Connection, revision: i64, limit: i64) -> Result<Vec<Token>> {
    let sql = select!("WHERE e.changed > $1 LIMIT $2");
    let rows = sqlx::query(sql).bind(revision).bind(limit).fetch_all(db).await?;
    rows.iter().map(tokens::from_row).collect()
}

pub(super) async fn expired_between(db: &mut Connection, after: i64, upto: i64) -> Result<Vec<Digest>> {
    // The expression is that of an index.
    let rows = sqlx::query(
        "SELECT sha256 FROM source_entries
         WHERE coalesce(expires_at, 9223372036854775807) > $1 AND coalesce(expires_at, 9223372036854775807) <= $2",
    );
    let rows = rows.bind(after).bind(upto).fetch_all(db).await?;
    rows.iter().map(tokens::digest).collect()
}

pub(super) async fn gone_since(db: &mut Connection, revision: i64) -> Result<Option<Vec<Digest>>> {
    let forgotten: i64 = sqlx::query_scalar("SELECT until FROM source_removals_forgotten WHERE id = 1")
        .fetch_one(&mut *db)
        .await?;
    if revision < forgotten {
        return Ok(None);
    }
    let sql = "SELECT sha256 FROM source_removals WHERE changed > $1";
    let rows = sqlx::query(sql).bind(revision).fetch_all(db).await?;
    rows.iter().map(tokens::digest).collect::<Result<_>>().map(Some)
}

pub(super) async fn forget_gone(db: &mut Connection, most: u64) -> Result<()> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM source_removals").fetch_one(&mut *db).await?;
    if count <= signed(most)? {
        return Ok(());
    }
    // What went with this very change has the next revision, and stays.
    let revision = "(SELECT coalesce(max(revision), 0) FROM meta)";
    let mut forget = QueryBuilder::<Db>::new("DELETE FROM source_removals WHERE changed <= ");
    forget.push(revision);
    forget.build().execute(&mut *db).await?;
    let mut note = QueryBuilder::<Db>::new("UPDATE source_removals_forgotten SET until = ");
    note.push(revision).push(" WHERE id = 1");
    note.build().execute(db).await?;
    Ok(())
}

pub(super) async fn count(db: &mut Connection, source_id: i64) -> Result<u64> {
    let sql = "SELECT count(*) FROM source_entries WHERE source_id = $1";
    unsigned(sqlx::query_scalar(sql).bind(source_id).fetch_one(db).await?)
}

pub(super) async fn page(
    db: &mut Connection,
    source_id: Option<i64>,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Token>> {
    let (after, limit) = (after.unwrap_or_default(), i64::from(limit));
    let of_all = select!("WHERE e.token_id > $1 ORDER BY e.token_id LIMIT $2");
    let of_one = select!("WHERE e.token_id > $1 AND e.source_id = $3 ORDER BY e.token_id LIMIT $2");
    let query = match source_id {
        Some(id) => sqlx::query(of_one).bind(after).bind(limit).bind(id),
        None => sqlx::query(of_all).bind(after).bind(limit),
    };
    query.fetch_all(db).await?.iter().map(tokens::from_row).collect()
}

pub(super) async fn put(db: &mut Connection, source_id: i64, entries: &[Token]) -> Result<()> {
    for rows in entries.chunks(ROWS) {
        let lists = rows.iter().map(tokens::ips).collect::<Result<Vec<String>>>()?;
        let mut sql = QueryBuilder::<Db>::new(
            "INSERT INTO source_entries (token_id, source_id, sha256, user_id, description, created_at, expires_at, scope,
                                         allowed_ips, disabled_at) ",
        );
        sql.push_values(rows.iter().zip(lists), |mut row, (entry, ips)| {
            row.push_bind(&entry.id)
                .push_bind(source_id)
                .push_bind(entry.digest.as_bytes().as_slice())
                .push_bind(entry.owner_id)
                .push_bind(&entry.description)
                .push_bind(entry.created_at)
                .push_bind(entry.expires_at)
                .push_bind(&entry.scope)
                .push_bind(ips)
                .push_bind(entry.disabled.as_ref().map(|disabled| disabled.at));
        });
        sql.push(
            " ON CONFLICT (token_id) DO UPDATE
              SET user_id = excluded.user_id, description = excluded.description, expires_at = excluded.expires_at,
                  scope = excluded.scope, allowed_ips = excluded.allowed_ips, disabled_at = excluded.disabled_at
              WHERE source_entries.source_id = excluded.source_id AND source_entries.sha256 = excluded.sha256",
        );
        let done = sql.build().execute(&mut *db).await?;
        if done.rows_affected() != rows.len() as u64 {
            return Err(StoreError::Unreadable("source entry"));
        }
    }
    Ok(())
}

pub(super) async fn of_user(db: &mut Connection, user_id: i64, limit: u32) -> Result<Vec<Token>> {
    let sql = select!("WHERE e.user_id = $1 ORDER BY e.created_at DESC, e.token_id LIMIT $2");
    let rows = sqlx::query(sql).bind(user_id).bind(i64::from(limit)).fetch_all(db).await?;
    rows.iter().map(tokens::from_row).collect()
}

pub(super) async fn by_id(db: &mut Connection, id: &str) -> Result<Option<Token>> {
    let row = sqlx::query(select!("WHERE e.token_id = $1")).bind(id).fetch_optional(db).await?;
    row.as_ref().map(tokens::from_row).transpose()
}

/// Ids of entries as those of tokens that an endpoint is to be told of. A date may be put off, and another secret may get
/// the id: what was said counts only if it was said of this end, when that was so near.
pub(super) async fn to_notify(
    db: &mut Connection,
    webhook_id: &str,
    stage: i64,
    (after, upto): (i64, i64),
    limit: i64,
) -> Result<Vec<String>> {
    // The expression is that of an index, and so is the order.
    let sql = "SELECT e.token_id FROM source_entries e
               WHERE coalesce(expires_at, 9223372036854775807) > $1 AND coalesce(expires_at, 9223372036854775807) <= $2
                 AND e.created_at < e.expires_at - $3 * 86400 AND e.disabled_at IS NULL
                 AND EXISTS (SELECT 1 FROM users u
                             WHERE u.id = e.user_id AND u.active AND u.suspended_at IS NULL AND u.role = 'user')
                 AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d
                                 WHERE d.entry_id = e.token_id AND d.webhook_id = $4 AND d.stage <= $3
                                   AND d.created_at >= e.expires_at - d.stage * 86400)
               ORDER BY coalesce(expires_at, 9223372036854775807), e.token_id LIMIT $5";
    let ids = sqlx::query_scalar(sql).bind(after).bind(upto).bind(stage).bind(webhook_id).bind(limit);
    Ok(ids.fetch_all(db).await?)
}

pub(super) async fn by_digest(db: &mut Connection, digest: &Digest) -> Result<Option<Token>> {
    let sql = select!("WHERE e.sha256 = $1");
    let row = sqlx::query(sql).bind(digest.as_bytes().as_slice()).fetch_optional(db).await?;
    row.as_ref().map(tokens::from_row).transpose()
}

pub(super) async fn remove(db: &mut Connection, ids: &[&str], at: i64) -> Result<u64> {
    let mut removed = 0;
    for ids in ids.chunks(ROWS) {
        first_pushes::note(db, ids, at).await?;
        let mut sql = QueryBuilder::<Db>::new("DELETE FROM source_entries WHERE token_id IN ");
        push_list(&mut sql, ids);
        removed += sql.build().execute(&mut *db).await?.rows_affected();
    }
    Ok(removed)
}

pub(super) async fn shorten(db: &mut Connection, id: &str, expires_at: i64) -> Result<bool> {
    let sql = "UPDATE source_entries SET expires_at = $1
               WHERE token_id = $2 AND (expires_at IS NULL OR expires_at > $1)";
    let done = sqlx::query(sql).bind(expires_at).bind(id).execute(db).await?;
    Ok(done.rows_affected() == 1)
}

/// Writes the uses of entries that there are, each only if it is later than the one that is known, and tells how many of
/// the entries there are.
pub(super) async fn record_uses(db: &mut Connection, uses: &[TokenUse]) -> Result<u64> {
    let mut known = 0;
    for used in uses {
        let last = &used.last;
        let done = sqlx::query(
            "UPDATE source_entries
             SET used_ip = CASE WHEN used_at < $1 THEN $2 ELSE used_ip END,
                 used_agent = CASE WHEN used_at < $1 THEN $3 ELSE used_agent END,
                 used_at = CASE WHEN used_at < $1 THEN $1 ELSE used_at END
             WHERE token_id = $4",
        )
        .bind(last.at)
        .bind(last.ip.map(|ip| ip.to_string()))
        .bind(&last.user_agent)
        .bind(&used.id)
        .execute(&mut *db)
        .await?;
        known += done.rows_affected();
    }
    Ok(known)
}

pub(super) async fn named_users(db: &mut Connection, names: &[&str]) -> Result<Vec<Named>> {
    let keys: Vec<String> = names.iter().map(|name| crate::domain::user::name_key(name)).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut found = Vec::with_capacity(names.len());
    for keys in keys.chunks(ROWS) {
        let mut sql = QueryBuilder::<Db>::new(
            "SELECT id, name, role, (active AND suspended_at IS NULL) AS active,
                    (password_hash IS NOT NULL OR EXISTS (SELECT 1 FROM identities i WHERE i.user_id = users.id)) AS signs_in
             FROM users WHERE name_key IN ",
        );
        push_list(&mut sql, keys);
        let rows = sql.build().fetch_all(&mut *db).await?;
        found.extend(rows.iter().map(named).collect::<Result<Vec<Named>>>()?);
    }
    // A name in another case has the same key.
    let asked: BTreeSet<&str> = names.iter().copied().collect();
    found.retain(|user| asked.contains(user.name.as_str()));
    Ok(found)
}

fn named(row: &Row) -> Result<Named> {
    let role = Role::from_name(row.try_get("role")?).ok_or(StoreError::Unreadable("user row"))?;
    Ok(Named {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role,
        active: row.try_get("active")?,
        signs_in: row.try_get("signs_in")?,
    })
}

pub(super) async fn digests_held(
    db: &mut Connection,
    source_id: i64,
    digests: &[Digest],
) -> Result<Vec<Digest>> {
    let mut held = Vec::new();
    for digests in digests.chunks(ROWS) {
        for (table, but) in [("tokens", None), ("push_tokens", None), ("source_entries", Some(source_id))] {
            let mut sql = QueryBuilder::<Db>::new("SELECT sha256 FROM ");
            sql.push(table).push(" WHERE sha256 IN ");
            let bytes: Vec<&[u8]> = digests.iter().map(|digest| digest.as_bytes().as_slice()).collect();
            push_list(&mut sql, &bytes);
            if let Some(but) = but {
                sql.push(" AND source_id <> ").push_bind(but);
            }
            let rows = sql.build().fetch_all(&mut *db).await?;
            held.extend(rows.iter().map(tokens::digest).collect::<Result<Vec<Digest>>>()?);
        }
    }
    Ok(held)
}

/// `($1, $2, …)`
pub(super) fn push_list<'a, T>(sql: &mut QueryBuilder<Db>, values: &[&'a T])
where
    T: ?Sized,
    &'a T: sqlx::Encode<'a, Db> + sqlx::Type<Db>,
{
    let mut list = sql.push("(").separated(", ");
    for value in values {
        list.push_bind(*value);
    }
    sql.push(")");
}
