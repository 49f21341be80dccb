//! What the tests of the tables that both databases share need to know of this one.

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres};

use super::{MIGRATIONS, PostgresStore};
use crate::store::place::DatabaseUrl;
use crate::store::schema::migrator;

#[expect(dead_code, reason = "each of the binaries that share it uses a part")]
#[path = "../../../tests/support/postgres.rs"]
mod server;

/// 32 bytes that are others for each `n`.
pub(super) const DIGEST_OF_N: &str = "sha256(convert_to(n::text, 'UTF8'))";
/// What tells how a statement would be carried out, and in which column.
pub(super) const EXPLAIN: (&str, usize) = ("EXPLAIN (COSTS OFF) ", 0);

/// A database that may be opened.
pub(super) struct Place {
    url: String,
}

impl Place {
    pub(super) async fn new() -> Self {
        Self { url: server::Postgres::shared().database().await }
    }

    pub(super) async fn open(&self) -> PostgresStore {
        PostgresStore::open(&DatabaseUrl::new(&self.url).server().unwrap()).await.unwrap()
    }

    /// Makes the schema as it was after so many steps, and runs SQL in it.
    pub(super) async fn of_old(&self, steps: usize, sql: &str) {
        let mut db = PgConnection::connect(&self.url).await.unwrap();
        migrator(&MIGRATIONS[..steps]).run_direct(None, &mut db, false).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    }
}

/// A session in which the planner shows what indexes are for: with as few rows as a test has, it would rather look at all.
pub(super) async fn session(store: &PostgresStore) -> PoolConnection<Postgres> {
    let mut db = store.pool.acquire().await.unwrap();
    let settings = "SET enable_seqscan = off; SET enable_sort = off; SET enable_hashjoin = off";
    sqlx::raw_sql(settings).execute(&mut *db).await.unwrap();
    db
}

/// Whether a step reads a whole table.
pub(super) fn reads_all(step: &str) -> bool {
    step.contains("Seq Scan")
}

/// Whether a step has to have read everything before it gives anything.
pub(super) fn sorts_all(step: &str) -> bool {
    let step = step.trim_start_matches([' ', '-', '>']);
    step == "Sort" || step.starts_with("Hash")
}

/// Whether the first table is entered at a place of its index.
pub(super) fn begins_at_a_place(plan: &[String]) -> bool {
    let conditions = plan.iter().position(|step| step.contains("Index Cond"));
    let scans = plan.iter().position(|step| step.contains("Scan"));
    scans.is_some() && conditions == scans.map(|scan| scan + 1)
}
