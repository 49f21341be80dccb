//! Uses of tokens, of which many are written at once.

use serde_json::json;
use sqlx::SqliteConnection;

use super::{Result, unsigned};
use crate::domain::usage::TokenUse;

/// Writes the uses of known tokens where they are later than what is known, and tells how many tokens were known.
pub(super) async fn record(db: &mut SqliteConnection, uses: &[TokenUse]) -> Result<u64> {
    let list: Vec<_> = uses
        .iter()
        .map(|used| {
            let last = &used.last;
            json!({"id": used.id, "at": last.at, "ip": last.ip, "user_agent": last.user_agent})
        })
        .collect();
    let list = json!(list).to_string();
    let known = "SELECT count(*) FROM json_each(?) u CROSS JOIN tokens t ON t.id = u.value ->> 'id'";
    let known = sqlx::query_scalar(known).bind(&list).fetch_one(&mut *db).await?;
    // CROSS JOIN: the list first, then one look-up for each, never the other way around.
    let write = "INSERT INTO token_uses (number, used_at, ip, user_agent)
                 SELECT t.number, u.value ->> 'at', u.value ->> 'ip', u.value ->> 'user_agent'
                 FROM json_each(?) u CROSS JOIN tokens t ON t.id = u.value ->> 'id' WHERE true
                 ON CONFLICT (number) DO UPDATE
                 SET used_at = excluded.used_at, ip = excluded.ip, user_agent = excluded.user_agent
                 WHERE excluded.used_at > token_uses.used_at";
    sqlx::query(write).bind(&list).execute(db).await?;
    unsigned(known)
}
