//! The tables of what proxies report: uses of tokens, and workers.

use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{Result, signed, unsigned};
use crate::domain::fleet::{Enforced, Worker, WorkerKey};
use crate::domain::usage::TokenUse;
use crate::store::{LastReport, StoreError};

/// Writes the uses of known tokens where they are later than what is known, and tells how many tokens were known.
pub(super) async fn record_uses(db: &mut SqliteConnection, uses: &[TokenUse]) -> Result<u64> {
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

pub(super) async fn last_report(db: &mut SqliteConnection, key: &WorkerKey) -> Result<Option<LastReport>> {
    let sql = "SELECT sequence, decisions FROM workers WHERE node = ? AND worker = ? AND instance = ?";
    let found: Option<(i64, String)> =
        sqlx::query_as(sql).bind(&key.node).bind(&key.worker).bind(&key.instance).fetch_optional(db).await?;
    let Some((sequence, decisions)) = found else { return Ok(None) };
    let decisions = serde_json::from_str(&decisions).map_err(|_| StoreError::Unreadable("worker row"))?;
    Ok(Some(LastReport { sequence: unsigned(sequence)?, decisions }))
}

pub(super) async fn count(db: &mut SqliteConnection) -> Result<u64> {
    unsigned(sqlx::query_scalar("SELECT count(*) FROM workers").fetch_one(db).await?)
}

pub(super) async fn put(db: &mut SqliteConnection, worker: &Worker) -> Result<()> {
    let decisions =
        serde_json::to_string(&worker.decisions).map_err(|_| StoreError::Unreadable("decisions"))?;
    let enforced = worker.enforced.as_ref();
    sqlx::query(
        "INSERT INTO workers (node, worker, instance, cluster, module_version, epoch, revision, tokens, decisions,
                              stale_revisions, dropped_uses, sequence, first_seen_at, last_report_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (node, worker, instance) DO UPDATE
         SET cluster = excluded.cluster, module_version = excluded.module_version, epoch = excluded.epoch,
             revision = excluded.revision, tokens = excluded.tokens, decisions = excluded.decisions,
             stale_revisions = excluded.stale_revisions, dropped_uses = excluded.dropped_uses,
             sequence = excluded.sequence, last_report_at = excluded.last_report_at",
    )
    .bind(&worker.key.node)
    .bind(&worker.key.worker)
    .bind(&worker.key.instance)
    .bind(&worker.cluster)
    .bind(&worker.module_version)
    .bind(enforced.map(|enforced| &enforced.epoch))
    .bind(enforced.map(|enforced| enforced.revision.to_string()))
    .bind(enforced.map(|enforced| signed(enforced.tokens)).transpose()?)
    .bind(decisions)
    .bind(signed(worker.stale_revisions)?)
    .bind(signed(worker.dropped_uses)?)
    .bind(signed(worker.sequence)?)
    .bind(worker.first_seen_at)
    .bind(worker.last_report_at)
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn list(db: &mut SqliteConnection, since: i64, limit: u32) -> Result<Vec<Worker>> {
    let sql = "SELECT * FROM workers WHERE last_report_at >= ?
               ORDER BY cluster, node, instance, first_seen_at, worker LIMIT ?";
    let rows = sqlx::query(sql).bind(since).bind(limit).fetch_all(db).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn remove_silent(db: &mut SqliteConnection, before: i64) -> Result<u64> {
    let done = sqlx::query("DELETE FROM workers WHERE last_report_at < ?").bind(before).execute(db).await?;
    Ok(done.rows_affected())
}

pub(super) async fn remove_most_silent(db: &mut SqliteConnection, before: i64) -> Result<bool> {
    let sql = "DELETE FROM workers WHERE rowid =
               (SELECT rowid FROM workers WHERE last_report_at < ? ORDER BY last_report_at LIMIT 1)";
    Ok(sqlx::query(sql).bind(before).execute(db).await?.rows_affected() == 1)
}

fn from_row(row: &SqliteRow) -> Result<Worker> {
    const UNREADABLE: StoreError = StoreError::Unreadable("worker row");
    let (epoch, revision, tokens): (Option<String>, Option<String>, Option<i64>) =
        (row.try_get("epoch")?, row.try_get("revision")?, row.try_get("tokens")?);
    let enforced = match (epoch, revision, tokens) {
        (Some(epoch), Some(revision), Some(tokens)) => {
            let revision = revision.parse().map_err(|_| UNREADABLE)?;
            Some(Enforced { epoch, revision, tokens: unsigned(tokens)? })
        }
        (None, None, None) => None,
        _ => return Err(UNREADABLE),
    };
    Ok(Worker {
        key: WorkerKey {
            node: row.try_get("node")?,
            worker: row.try_get("worker")?,
            instance: row.try_get("instance")?,
        },
        cluster: row.try_get("cluster")?,
        module_version: row.try_get("module_version")?,
        enforced,
        decisions: serde_json::from_str(row.try_get("decisions")?).map_err(|_| UNREADABLE)?,
        stale_revisions: unsigned(row.try_get("stale_revisions")?)?,
        dropped_uses: unsigned(row.try_get("dropped_uses")?)?,
        sequence: unsigned(row.try_get("sequence")?)?,
        first_seen_at: row.try_get("first_seen_at")?,
        last_report_at: row.try_get("last_report_at")?,
    })
}
