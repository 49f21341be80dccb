//! The databases, filled by SQL alone: a million calls would take an hour.

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::clock::{now, unix_seconds};
use crate::stats::Spread;

/// Commits of one row that are timed.
const COMMITS: usize = 300;
/// Tokens of one transaction in PostgreSQL: each leaves a version of the rows that count them, which the next steps over.
const BATCH: usize = 2_000;
const BARE: &str = "INSERT INTO bare (value) VALUES (1)";
/// What a token's row says, of a number `n` and the columns that each database computes in its own way.
const COLUMNS: &str =
    "INSERT INTO tokens (id, sha256, user_id, creator, description, description_key, created_at,
                                           expires_at, allowed_ips, prefix, hint, control_plane)";

/// Where the control plane keeps its tokens.
pub enum Database {
    /// In a file of this folder.
    Sqlite(PathBuf),
    /// At this URL.
    Postgres(String),
}

impl Database {
    /// The one in a data folder.
    pub fn sqlite(data: &Path) -> Self {
        Self::Sqlite(data.join("gatepass.db"))
    }

    /// The one of a server.
    pub fn postgres(url: String) -> Self {
        Self::Postgres(url)
    }

    /// What people call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// Its URL, if it needs one.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(url) => Some(url),
        }
    }

    /// How long a commit of one row takes that survives a power cut, in milliseconds.
    ///
    /// # Errors
    /// The database's.
    pub async fn bare_commits(&self, folder: &Path) -> anyhow::Result<Spread> {
        let mut took = Vec::with_capacity(COMMITS);
        match self {
            Self::Sqlite(_) => {
                let options =
                    SqliteConnectOptions::new().filename(folder.join("bare.db")).create_if_missing(true);
                let options =
                    options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
                let mut db = SqliteConnection::connect_with(&options).await?;
                sqlx::raw_sql("CREATE TABLE bare (value INTEGER)").execute(&mut db).await?;
                for _ in 0..COMMITS {
                    let began = now();
                    sqlx::raw_sql(BARE).execute(&mut db).await?;
                    took.push(began.elapsed().as_secs_f64() * 1e3);
                }
            }
            Self::Postgres(url) => {
                let mut db = PgConnection::connect(url).await?;
                sqlx::raw_sql("CREATE TABLE bare (value INTEGER)").execute(&mut db).await?;
                for _ in 0..COMMITS {
                    let began = now();
                    sqlx::raw_sql(BARE).execute(&mut db).await?;
                    took.push(began.elapsed().as_secs_f64() * 1e3);
                }
            }
        }
        Ok(Spread::of(&took))
    }

    /// Adds so many people, `user000001` and on, and so many tokens, shared out among them by turns: made within the last
    /// year, most of them with an end within the next, one in fifty disabled. The filter is to be told of them with the
    /// next revision.
    ///
    /// # Errors
    /// The database's.
    pub async fn fill(&self, users: usize, tokens: usize) -> anyhow::Result<()> {
        let at = unix_seconds();
        // Numbers that are spread over a year, with no order that an index could profit from.
        let year = |factor: u32| format!("((n * {factor}) % 31536000)");
        let (before, after) = (year(7_919), year(104_729));
        let facts = format!(
            "(SELECT id FROM users WHERE name = 'user000000') + n % {users}, 'user' || {{owner}}, {{text}}, {{text}},
             {at} - {before}, CASE WHEN n % 10 = 0 THEN NULL ELSE {at} - 2592000 + {after} END, '[]', 'gp_', 'abcd', {{no}}"
        );
        let words = "CASE n % 5 WHEN 0 THEN 'nightly' WHEN 1 THEN 'jenkins' WHEN 2 THEN 'release' WHEN 3 THEN 'sync' ELSE
                     'import' END || ' backup ' || n";
        let raise = "UPDATE meta SET revision = revision + 1";
        let disable =
            format!("UPDATE tokens SET disabled_at = {at}, disabled_by = 'admin' WHERE number % 50 = 0");
        match self {
            Self::Sqlite(file) => {
                let options = SqliteConnectOptions::new().filename(file).synchronous(SqliteSynchronous::Off);
                let mut db = SqliteConnection::connect_with(&options.pragma("cache_size", "-400000")).await?;
                let numbers = |most: usize| {
                    format!(
                        "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {most})"
                    )
                };
                let facts = facts
                    .replace("{owner}", &format!("printf('%06d', n % {users})"))
                    .replace("{text}", words)
                    .replace("{no}", "0");
                let sql = format!(
                    "BEGIN;
                     {} INSERT INTO users (name, name_key, role, active, created_at, search_key)
                     SELECT printf('user%06d', n), printf('user%06d', n), 'user', 1, {at}, printf('user%06d', n) || char(10) || char(10)
                     FROM numbers;
                     {} {COLUMNS} SELECT printf('01K%023d', n), randomblob(32), {facts} FROM numbers;
                     {disable}; {raise}; COMMIT; PRAGMA wal_checkpoint(TRUNCATE);",
                    numbers(users),
                    numbers(tokens),
                );
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut db).await?;
                db.close().await?;
            }
            Self::Postgres(url) => {
                let mut db = PgConnection::connect(url).await?;
                let facts = facts
                    .replace("{owner}", &format!("lpad((n % {users})::text, 6, '0')"))
                    .replace("{text}", words)
                    .replace("{no}", "false");
                let name = "'user' || lpad(n::text, 6, '0')";
                let numbers = |first: usize, next: usize| {
                    format!("FROM generate_series({first}::bigint, {next} - 1) n ORDER BY n")
                };
                let mut sql = format!(
                    "SET synchronous_commit = off;
                     INSERT INTO users (name, name_key, role, active, created_at, search_key)
                     SELECT {name}, {name}, 'user', true, {at}, {name} || chr(10) || chr(10) {};",
                    numbers(0, users),
                );
                for first in (0..tokens).step_by(BATCH) {
                    let numbers = numbers(first, tokens.min(first + BATCH));
                    sql += &format!(
                        "{COLUMNS} SELECT '01K' || lpad(n::text, 23, '0'), sha256(convert_to(n::text, 'UTF8')), {facts}
                         {numbers};"
                    );
                }
                sql += &format!("{disable}; {raise}; VACUUM ANALYZE;");
                for statement in sql.split_inclusive(';') {
                    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut db).await?;
                }
                db.close().await?;
            }
        }
        Ok(())
    }
}
