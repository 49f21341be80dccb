//! Entries of the audit, many with one statement.

use sqlx::QueryBuilder;

use super::{Connection, Db, Result};
use crate::domain::audit::Entry;

/// How many entries one statement adds.
const ROWS: usize = 500;

pub(super) async fn append(db: &mut Connection, entries: &[Entry]) -> Result<()> {
    for entries in entries.chunks(ROWS) {
        let mut sql = QueryBuilder::<Db>::new(
            "INSERT INTO audit (seq, at, actor, actor_token_id, ip, action, target, detail, prev_mac, mac) ",
        );
        sql.push_values(entries, |mut row, entry| {
            let draft = &entry.draft;
            row.push_bind(entry.seq)
                .push_bind(draft.at)
                .push_bind(&draft.actor)
                .push_bind(&draft.actor_token_id)
                .push_bind(&draft.ip)
                .push_bind(&draft.action)
                .push_bind(&draft.target)
                .push_bind(&draft.detail)
                .push_bind(entry.prev_mac.as_slice())
                .push_bind(entry.mac.as_slice());
        });
        sql.build().execute(&mut *db).await?;
    }
    Ok(())
}
