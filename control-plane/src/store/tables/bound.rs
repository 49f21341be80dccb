//! What a change of settings asks of the table of tokens, and does to it.

use super::{Connection, Result, entries, unsigned};
use crate::domain::source;

pub(super) async fn active_of_scope(db: &mut Connection, scope: &str, now: i64) -> Result<u64> {
    let count = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM tokens
                 WHERE scope = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2))
              + (SELECT count(*) FROM source_entries
                 WHERE scope = $1 AND (expires_at IS NULL OR expires_at > $2))",
    );
    unsigned(count.bind(scope).bind(now).fetch_one(db).await?)
}

pub(super) async fn active_of_prefix(db: &mut Connection, prefix: &str, now: i64) -> Result<u64> {
    let count = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM tokens
                 WHERE prefix = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2))
              + (SELECT count(*) FROM push_tokens
                 WHERE prefix = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2))",
    );
    unsigned(count.bind(prefix).bind(now).fetch_one(db).await?)
}

pub(super) async fn shorten(db: &mut Connection, id: &str, expires_at: i64) -> Result<bool> {
    if source::is_entry(id) {
        return entries::shorten(db, id, expires_at).await;
    }
    let sql = "UPDATE tokens SET expires_at = $1
               WHERE id = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)";
    let done = sqlx::query(sql).bind(expires_at).bind(id).execute(db).await?;
    Ok(done.rows_affected() == 1)
}
