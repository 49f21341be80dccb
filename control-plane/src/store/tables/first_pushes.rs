//! The table of when digests were pushed first that have gone.

use gatepass::token::Digest;
use sqlx::{QueryBuilder, Row as _};

use super::entries::{ROWS, push_list};
use super::{Connection, Db, Result, tokens};

/// Notes when the digests of these entries, which are to go, were pushed first. An entry that came back knows it already.
pub(super) async fn note(db: &mut Connection, ids: &[&str], at: i64) -> Result<()> {
    let mut sql = QueryBuilder::<Db>::new(
        "INSERT INTO source_first_pushes (sha256, source_id, first_at, gone_at) SELECT ",
    );
    sql.push("sha256, source_id, created_at, CAST(").push_bind(at);
    sql.push(" AS BIGINT) FROM source_entries WHERE token_id IN ");
    push_list(&mut sql, ids);
    sql.push(
        " ON CONFLICT (sha256) DO UPDATE SET source_id = excluded.source_id, first_at = excluded.first_at,
                                             gone_at = excluded.gone_at",
    );
    sql.build().execute(db).await?;
    Ok(())
}

pub(super) async fn of(db: &mut Connection, digests: &[Digest]) -> Result<Vec<(Digest, i64)>> {
    let mut found = Vec::new();
    for digests in digests.chunks(ROWS) {
        let mut sql =
            QueryBuilder::<Db>::new("SELECT sha256, first_at FROM source_first_pushes WHERE sha256 IN ");
        let bytes: Vec<&[u8]> = digests.iter().map(|digest| digest.as_bytes().as_slice()).collect();
        push_list(&mut sql, &bytes);
        for row in sql.build().fetch_all(&mut *db).await? {
            found.push((tokens::digest(&row)?, row.try_get("first_at")?));
        }
    }
    Ok(found)
}

pub(super) async fn forget(db: &mut Connection, source_id: i64, before: i64, most: i64) -> Result<()> {
    let old = "DELETE FROM source_first_pushes
               WHERE gone_at < $1
                 AND source_id IN (SELECT id FROM sources WHERE id = $2 OR deleted_at IS NOT NULL)";
    sqlx::query(old).bind(before).bind(source_id).execute(&mut *db).await?;
    // Of those that went at one time all stay: a push is kept whole.
    let beyond = "DELETE FROM source_first_pushes
                  WHERE source_id = $1
                    AND gone_at < (SELECT gone_at FROM source_first_pushes WHERE source_id = $1
                                   ORDER BY gone_at DESC LIMIT 1 OFFSET $2)";
    sqlx::query(beyond).bind(source_id).bind(most).execute(db).await?;
    Ok(())
}
