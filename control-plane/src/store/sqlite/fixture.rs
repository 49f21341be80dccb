//! What the tests of the tables that both databases share need to know of this one.

use std::path::PathBuf;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Sqlite, SqliteConnection};
use tempfile::TempDir;

use super::{MIGRATIONS, SqliteStore};
use crate::store::schema::migrator;

/// 32 bytes that are others for each `n`.
pub(super) const DIGEST_OF_N: &str = "randomblob(32)";
/// What tells how a statement would be carried out, and in which column.
pub(super) const EXPLAIN: (&str, usize) = ("EXPLAIN QUERY PLAN ", 3);

/// A database that may be opened.
pub(super) struct Place {
    _folder: TempDir,
    path: PathBuf,
}

impl Place {
    pub(super) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("gatepass.db");
        std::fs::write(&path, "").unwrap();
        Self { _folder: folder, path }
    }

    pub(super) async fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path).await.unwrap()
    }

    /// Makes the schema as it was after so many steps, and runs SQL in it.
    pub(super) async fn of_old(&self, steps: usize, sql: &str) {
        let options = SqliteConnectOptions::new().filename(&self.path);
        let mut db = SqliteConnection::connect_with(&options).await.unwrap();
        migrator(&MIGRATIONS[..steps]).run_direct(None, &mut db, false).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    }
}

pub(super) async fn session(store: &SqliteStore) -> PoolConnection<Sqlite> {
    store.pool.acquire().await.unwrap()
}

/// Whether a step reads a whole table.
pub(super) fn reads_all(step: &str) -> bool {
    ["SCAN t", "SCAN l", "SCAN u", "SCAN tokens", "SCAN users", "SCAN token_uses"].contains(&step)
}

/// Whether a step has to have read everything before it gives anything.
pub(super) fn sorts_all(step: &str) -> bool {
    step.contains("TEMP B-TREE FOR")
}

/// Whether the first table is entered at a place of its index.
pub(super) fn begins_at_a_place(plan: &[String]) -> bool {
    plan.first().is_some_and(|step| step.starts_with("SEARCH"))
}
