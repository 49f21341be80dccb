//! The table of audit entries.

use sqlx::{QueryBuilder, Row as _};

use super::dialect::{SUBJECT_OF_TARGET, USER_OF_TARGET};
use super::{Connection, Db, Result, Row};
use crate::domain::audit::filter::AuditFilter;
use crate::domain::audit::{Draft, Entry, Head, MacBytes};

/// How many entries one statement adds.
const ROWS: usize = 500;

pub(super) async fn head(db: &mut Connection) -> Result<Head> {
    let row = sqlx::query("SELECT seq, mac FROM audit ORDER BY seq DESC LIMIT 1").fetch_optional(db).await?;
    row.map_or(Ok(Head::EMPTY), |row| Ok(Head { seq: row.try_get("seq")?, mac: mac(&row, "mac")? }))
}

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

pub(super) async fn after(db: &mut Connection, after: i64, limit: i64) -> Result<Vec<Entry>> {
    let sql = "SELECT * FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2";
    let rows = sqlx::query(sql).bind(after).bind(limit).fetch_all(db).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn before(db: &mut Connection, before: Option<i64>, limit: i64) -> Result<Vec<Entry>> {
    let sql = "SELECT * FROM audit WHERE seq < $1 ORDER BY seq DESC LIMIT $2";
    let rows = sqlx::query(sql).bind(before.unwrap_or(i64::MAX)).bind(limit).fetch_all(db).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn matching(
    db: &mut Connection,
    filter: &AuditFilter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>> {
    // Only the conditions that are given: so written, each has its index.
    let mut query = QueryBuilder::<Db>::new("SELECT * FROM audit WHERE seq < ");
    query.push_bind(before.unwrap_or(i64::MAX));
    if let Some(actor) = &filter.actor {
        query.push(" AND actor = ").push_bind(actor);
    }
    if let Some(action) = filter.action {
        query.push(" AND action = ").push_bind(action.as_str());
    }
    let target = filter.target.as_ref();
    if let Some(subject) = target.and_then(|target| target.subject.as_ref()) {
        query.push(" AND ").push(SUBJECT_OF_TARGET).push(" = ").push_bind(subject);
    }
    if let Some(user) = target.and_then(|target| target.user.as_ref()) {
        query.push(" AND ").push(USER_OF_TARGET).push(" = ").push_bind(user);
    }
    if let Some(from) = filter.from {
        query.push(" AND at >= ").push_bind(from);
    }
    if let Some(until) = filter.until {
        query.push(" AND at < ").push_bind(until);
    }
    query.push(" ORDER BY seq DESC LIMIT ").push_bind(limit);
    let rows = query.build().fetch_all(db).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &Row) -> Result<Entry> {
    Ok(Entry {
        seq: row.try_get("seq")?,
        draft: Draft {
            at: row.try_get("at")?,
            actor: row.try_get("actor")?,
            actor_token_id: row.try_get("actor_token_id")?,
            ip: row.try_get("ip")?,
            action: row.try_get("action")?,
            target: row.try_get("target")?,
            detail: row.try_get("detail")?,
        },
        prev_mac: mac(row, "prev_mac")?,
        mac: mac(row, "mac")?,
    })
}

fn mac(row: &Row, column: &str) -> Result<MacBytes> {
    // A MAC of another length was not written by this program: no MAC equals it, so that verification names it.
    Ok(row.try_get::<&[u8], _>(column)?.try_into().unwrap_or([0xff; 32]))
}
