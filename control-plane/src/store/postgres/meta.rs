//! Epoch, revision and settings: one row each.

use sqlx::{PgConnection, Row as _};

use super::changes::CHANNEL;
use super::{Result, one_row, unsigned};
use crate::domain::settings::Settings;
use crate::store::{Continuity, StoreError, StoredSettings, Version};

pub(super) async fn version(db: &mut PgConnection) -> Result<Option<Version>> {
    let row = sqlx::query("SELECT epoch, revision FROM meta WHERE id = 1").fetch_optional(db).await?;
    row.map(|row| Ok(Version { epoch: row.try_get(0)?, revision: unsigned(row.try_get(1)?)? })).transpose()
}

/// What tells the life of this database from that of one that was put in its place, in a cluster that tells it all: the
/// cluster, its timeline (each recovery from a backup and each promotion of a standby begins one), the database, and the
/// file of the table that holds the epoch (a restored dump makes another). Beside it what was kept with the epoch.
pub(super) const LINEAGE: &str = "SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
            left(pg_walfile_name(pg_current_wal_lsn()), 8),
            (SELECT oid FROM pg_database WHERE datname = current_database()), pg_relation_filenode('meta')),
            (SELECT lineage FROM meta WHERE id = 1)";
/// The same where a service keeps its cluster's own state to itself.
pub(super) const SHORT_LINEAGE: &str = "SELECT concat_ws('/',
            (SELECT oid FROM pg_database WHERE datname = current_database()), pg_relation_filenode('meta')),
            (SELECT lineage FROM meta WHERE id = 1)";

pub(super) async fn initialise(
    db: &mut PgConnection,
    lineage: &'static str,
    epoch: &str,
    settings: &Settings,
) -> Result<()> {
    let lineage: String = sqlx::query_scalar(lineage).fetch_one(&mut *db).await?;
    sqlx::query("INSERT INTO meta (id, epoch, revision, lineage) VALUES (1, $1, 0, $2)")
        .bind(epoch)
        .bind(lineage)
        .execute(&mut *db)
        .await?;
    sqlx::query("INSERT INTO settings (id, version, body) VALUES (1, 1, $1)")
        .bind(json(settings)?)
        .execute(&mut *db)
        .await?;
    notify(db).await
}

pub(super) async fn continuity(db: &mut PgConnection, lineage: &'static str) -> Result<Continuity> {
    let (now, kept): (String, Option<String>) = sqlx::query_as(lineage).fetch_one(db).await?;
    Ok(if kept.is_none_or(|kept| kept == now) { Continuity::Same } else { Continuity::PutBack })
}

pub(super) async fn replace_epoch(db: &mut PgConnection, lineage: &'static str, epoch: &str) -> Result<()> {
    let lineage: String = sqlx::query_scalar(lineage).fetch_one(&mut *db).await?;
    let sql = "UPDATE meta SET epoch = $1, lineage = $2 WHERE id = 1";
    let done = sqlx::query(sql).bind(epoch).bind(lineage).execute(&mut *db).await?;
    one_row(done.rows_affected(), "epoch")?;
    notify(db).await
}

pub(super) async fn raise_revision(db: &mut PgConnection) -> Result<u64> {
    let row = sqlx::query("UPDATE meta SET revision = revision + 1 WHERE id = 1 RETURNING revision")
        .fetch_optional(&mut *db)
        .await?;
    notify(db).await?;
    unsigned(row.ok_or(StoreError::Unreadable("revision"))?.try_get(0)?)
}

/// Tells every replica, once the transaction has been committed, to look for what it is to deliver.
async fn notify(db: &mut PgConnection) -> Result<()> {
    sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(db).await?;
    Ok(())
}

pub(super) async fn settings(db: &mut PgConnection) -> Result<StoredSettings> {
    let row = sqlx::query("SELECT version, body FROM settings WHERE id = 1").fetch_optional(db).await?;
    let row = row.ok_or(StoreError::Unreadable("settings row"))?;
    let body: String = row.try_get(1)?;
    let settings = serde_json::from_str(&body).map_err(|_| StoreError::Unreadable("settings row"))?;
    Ok(StoredSettings { settings, version: row.try_get(0)? })
}

pub(super) async fn replace_settings(db: &mut PgConnection, settings: &Settings) -> Result<()> {
    let done = sqlx::query("UPDATE settings SET body = $1, version = version + 1 WHERE id = 1")
        .bind(json(settings)?)
        .execute(db)
        .await?;
    one_row(done.rows_affected(), "settings row")
}

fn json(settings: &Settings) -> Result<String> {
    serde_json::to_string(settings).map_err(|_| StoreError::Unreadable("settings value"))
}
