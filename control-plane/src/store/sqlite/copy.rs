//! Copies of a database's file, and what a backup carries beside the tables.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::{MIGRATIONS, Result};
use crate::store::StoreError;
use crate::store::schema::Schema;

/// A file that a backup carries, and its content.
pub type Carried = (String, Vec<u8>);

const TABLE: &str = "CREATE TABLE gatepass_backup (name TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT";

/// Writes one state of the database at `from` into the empty file `to`, while others may go on to read and write.
///
/// # Errors
/// Either file fails.
pub async fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut db = open(from).await?;
    sqlx::query("VACUUM INTO ?").bind(to.to_string_lossy().into_owned()).execute(&mut db).await?;
    db.close().await?;
    Ok(())
}

/// Puts `files` into the copy at `path`.
///
/// # Errors
/// The file fails.
pub async fn carry(path: &Path, files: &[Carried]) -> Result<()> {
    let mut db = open(path).await?;
    sqlx::raw_sql(TABLE).execute(&mut db).await?;
    for (name, content) in files {
        let insert = sqlx::query("INSERT INTO gatepass_backup (name, content) VALUES (?, ?)");
        insert.bind(name).bind(content).execute(&mut db).await?;
    }
    db.close().await?;
    Ok(())
}

/// Takes the files out of the copy at `path`; `None` if it carries none, being no backup of this program's.
///
/// # Errors
/// The file fails.
pub async fn unload(path: &Path) -> Result<Option<Vec<Carried>>> {
    let mut db = open(path).await?;
    let there = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'gatepass_backup'");
    let there: i64 = there.fetch_one(&mut db).await?;
    let files = if there == 0 {
        None
    } else {
        let files = sqlx::query_as("SELECT name, content FROM gatepass_backup ORDER BY name");
        let files = files.fetch_all(&mut db).await?;
        // A key must not stay behind in pages that are free.
        sqlx::raw_sql("DROP TABLE gatepass_backup; VACUUM").execute(&mut db).await?;
        Some(files)
    };
    db.close().await?;
    Ok(files)
}

/// What SQLite finds wrong with the file at `path`; `None` if nothing.
///
/// # Errors
/// The file fails, or holds no database.
pub async fn damage(path: &Path) -> Result<Option<String>> {
    let mut db = open(path).await?;
    let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(3)").fetch_all(&mut db).await?;
    let broken = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut db).await?.len();
    db.close().await?;
    if broken > 0 {
        return Ok(Some(format!("{broken} rows lead nowhere")));
    }
    let found = found.join("; ");
    Ok((found != "ok").then_some(found))
}

/// The schema of the file at `path`; `None` if it is none of this program's.
///
/// # Errors
/// The file fails, or holds no database.
pub async fn schema(path: &Path) -> Result<Option<Schema>> {
    let mut db = open(path).await?;
    let there = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'");
    let there: i64 = there.fetch_one(&mut db).await?;
    let steps: Option<Vec<i64>> = if there == 0 {
        None
    } else {
        Some(sqlx::query_scalar("SELECT version FROM _sqlx_migrations").fetch_all(&mut db).await?)
    };
    db.close().await?;
    Ok(steps.map(|steps| Schema::of(&steps, MIGRATIONS)))
}

async fn open(path: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false);
    // Its statements are few, and one takes as long as the file is large.
    options.disable_statement_logging().connect().await.map_err(StoreError::from)
}
