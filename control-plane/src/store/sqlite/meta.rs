//! Epoch, revision and settings: one row each.

use sqlx::{Row as _, SqliteConnection};

use super::{Result, one_row, unsigned};
use crate::domain::settings::Settings;
use crate::store::{StoreError, StoredSettings, Version};

pub(super) async fn version(db: &mut SqliteConnection) -> Result<Option<Version>> {
    let row = sqlx::query("SELECT epoch, revision FROM meta WHERE id = 1").fetch_optional(db).await?;
    row.map(|row| Ok(Version { epoch: row.try_get(0)?, revision: unsigned(row.try_get(1)?)? })).transpose()
}

pub(super) async fn initialise(db: &mut SqliteConnection, epoch: &str, settings: &Settings) -> Result<()> {
    sqlx::query("INSERT INTO meta (id, epoch, revision) VALUES (1, ?, 0)")
        .bind(epoch)
        .execute(&mut *db)
        .await?;
    sqlx::query("INSERT INTO settings (id, version, body) VALUES (1, 1, ?)")
        .bind(json(settings)?)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn replace_epoch(db: &mut SqliteConnection, epoch: &str) -> Result<()> {
    let done = sqlx::query("UPDATE meta SET epoch = ? WHERE id = 1").bind(epoch).execute(db).await?;
    one_row(done.rows_affected(), "epoch")
}

pub(super) async fn raise_revision(db: &mut SqliteConnection) -> Result<u64> {
    let row = sqlx::query("UPDATE meta SET revision = revision + 1 WHERE id = 1 RETURNING revision")
        .fetch_optional(db)
        .await?;
    unsigned(row.ok_or(StoreError::Unreadable("revision"))?.try_get(0)?)
}

pub(super) async fn settings(db: &mut SqliteConnection) -> Result<StoredSettings> {
    let row = sqlx::query("SELECT version, body FROM settings WHERE id = 1").fetch_optional(db).await?;
    let row = row.ok_or(StoreError::Unreadable("settings row"))?;
    let body: String = row.try_get(1)?;
    let settings = serde_json::from_str(&body).map_err(|_| StoreError::Unreadable("settings row"))?;
    Ok(StoredSettings { settings, version: row.try_get(0)? })
}

pub(super) async fn replace_settings(db: &mut SqliteConnection, settings: &Settings) -> Result<()> {
    let done = sqlx::query("UPDATE settings SET body = ?, version = version + 1 WHERE id = 1")
        .bind(json(settings)?)
        .execute(db)
        .await?;
    one_row(done.rows_affected(), "settings row")
}

fn json(settings: &Settings) -> Result<String> {
    serde_json::to_string(settings).map_err(|_| StoreError::Unreadable("settings value"))
}
