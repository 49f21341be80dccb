//! The table of workers of proxies, by what they report.

use sqlx::Row as _;

use super::{Connection, Result, Row, signed, unsigned};
use crate::domain::fleet::{Enforced, Worker, WorkerKey};
use crate::store::{LastReport, StoreError};

pub(super) async fn last_report(db: &mut Connection, key: &WorkerKey) -> Result<Option<LastReport>> {
    let sql = "SELECT sequence, decisions FROM workers WHERE node = $1 AND worker = $2 AND instance = $3";
    let found: Option<(i64, String)> =
        sqlx::query_as(sql).bind(&key.node).bind(&key.worker).bind(&key.instance).fetch_optional(db).await?;
    let Some((sequence, decisions)) = found else { return Ok(None) };
    let decisions = serde_json::from_str(&decisions).map_err(|_| StoreError::Unreadable("worker row"))?;
    Ok(Some(LastReport { sequence: unsigned(sequence)?, decisions }))
}

pub(super) async fn count(db: &mut Connection) -> Result<u64> {
    unsigned(sqlx::query_scalar("SELECT count(*) FROM workers").fetch_one(db).await?)
}

pub(super) async fn put(db: &mut Connection, worker: &Worker) -> Result<()> {
    let decisions =
        serde_json::to_string(&worker.decisions).map_err(|_| StoreError::Unreadable("decisions"))?;
    let enforced = worker.enforced.as_ref();
    sqlx::query(
        "INSERT INTO workers (node, worker, instance, cluster, module_version, epoch, revision, tokens, decisions,
                              stale_revisions, dropped_uses, sequence, first_seen_at, last_report_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
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

pub(super) async fn list(db: &mut Connection, since: i64, limit: u32) -> Result<Vec<Worker>> {
    let sql = "SELECT * FROM workers WHERE last_report_at >= $1
               ORDER BY cluster, node, instance, first_seen_at, worker LIMIT $2";
    let rows = sqlx::query(sql).bind(since).bind(i64::from(limit)).fetch_all(db).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn remove_silent(db: &mut Connection, before: i64) -> Result<u64> {
    let done = sqlx::query("DELETE FROM workers WHERE last_report_at < $1").bind(before).execute(db).await?;
    Ok(done.rows_affected())
}

pub(super) async fn remove_most_silent(db: &mut Connection, before: i64) -> Result<bool> {
    let sql = "DELETE FROM workers WHERE (node, worker, instance) =
               (SELECT node, worker, instance FROM workers WHERE last_report_at < $1 ORDER BY last_report_at LIMIT 1)";
    Ok(sqlx::query(sql).bind(before).execute(db).await?.rows_affected() == 1)
}

fn from_row(row: &Row) -> Result<Worker> {
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
