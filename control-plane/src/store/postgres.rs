//! The database in PostgreSQL, which several servers may share. A transaction of one is seen by the others once it has been
//! committed, and all of them write in one order.

mod changes;
mod dialect;
#[cfg(test)]
mod fixture;
mod meta;
mod session;
mod uses;

// One source for both databases: the statements are the same, and the types below are this one's.
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/audit.rs"]
mod audit;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/bound.rs"]
mod bound;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/census.rs"]
mod census;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/counts.rs"]
mod counts;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/entries.rs"]
mod entries;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/first_pushes.rs"]
mod first_pushes;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/fleet.rs"]
mod fleet;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/idempotency.rs"]
mod idempotency;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/of_outbox.rs"]
mod of_outbox;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/of_sources.rs"]
mod of_sources;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/of_suspensions.rs"]
mod of_suspensions;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/sessions.rs"]
mod sessions;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/sign_ins.rs"]
mod sign_ins;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/sources.rs"]
mod sources;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/suspensions.rs"]
mod suspended_users;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/token_list.rs"]
mod token_list;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/tokens.rs"]
mod tokens;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/traffic.rs"]
mod traffic;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/users.rs"]
mod users;
#[allow(clippy::duplicate_mod, reason = "compiled once for each database")]
#[path = "tables/webhooks.rs"]
mod webhooks;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatepass::token::Digest;
use sqlx::postgres::{PgPool, PgPoolOptions, PgRow};
use sqlx::{Connection as _, PgConnection, Postgres};
use tokio::sync::{Mutex, OwnedMutexGuard};

use self::changes::Changes;
use super::listing::Dialect;
use super::place::Server;
use super::rows::{of_entries_and_tokens, one_row, signed, unsigned};
use super::schema::{Schema, Step, migrator, refused};
use super::{
    Census, Continuity, Decided, EntryCounts, LastReport, Store, StoreError, StoredSettings, TokenCounts,
    TokenFilter, TokenPage, Transaction, Version,
};
use crate::domain::audit::filter::AuditFilter;
use crate::domain::audit::{Entry, Head};
use crate::domain::fleet::{Worker, WorkerKey};
use crate::domain::session::{SecretHash, Session};
use crate::domain::settings::Settings;
use crate::domain::sign_in::{Failures, NameHash};
use crate::domain::token::Token;
use crate::domain::usage::TokenUse;
use crate::domain::user::{Identity, User, UserFilter};
use crate::idempotency::{Key, Known};

type Result<T, E = StoreError> = std::result::Result<T, E>;
type Db = Postgres;
type Connection = PgConnection;
type Tx = PostgresTransaction;
type Row = PgRow;
const DIALECT: &dyn Dialect = &dialect::PostgresDialect;

/// Sessions of one server, besides the one that listens.
const CONNECTIONS: u32 = 8;
/// How long a call waits for a session: all are busy, or the database cannot be reached.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long a writer waits for those of this process.
const TURN: Duration = Duration::from_secs(20);
/// How long a session may take for one statement, wait for a lock (the other replicas' writers, mostly), and leave a
/// transaction alone: what holds the writers' lock and does nothing keeps every replica from writing.
const LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "60s"), ("lock_timeout", "20s"), ("idle_in_transaction_session_timeout", "60s")];
/// How long a call may take by this side's clock: a server that is gone sends no error.
const CALL: Duration = Duration::from_secs(70);
/// What writers of all replicas queue for: "gatepass" as a number.
const WRITERS: i64 = i64::from_be_bytes(*b"gatepass");

const MIGRATIONS: &[Step] = &[
    (1, "initial", include_str!("../../migrations/postgres/0001_initial.sql")),
    (2, "usage", include_str!("../../migrations/postgres/0002_usage.sql")),
    (3, "audit_filters", include_str!("../../migrations/postgres/0003_audit_filters.sql")),
    (4, "idempotency", include_str!("../../migrations/postgres/0004_idempotency.sql")),
    (5, "token lists", include_str!("../../migrations/postgres/0005_token_lists.sql")),
    (6, "people", include_str!("../../migrations/postgres/0006_people.sql")),
    (7, "sign_in", include_str!("../../migrations/postgres/0007_sign_in.sql")),
    (10, "changes", include_str!("../../migrations/postgres/0010_changes.sql")),
    (11, "notices", include_str!("../../migrations/postgres/0011_notices.sql")),
    (12, "overview", include_str!("../../migrations/postgres/0012_overview.sql")),
    (13, "sources", include_str!("../../migrations/postgres/0013_sources.sql")),
    (14, "first pushes", include_str!("../../migrations/postgres/0014_first_pushes.sql")),
];

/// The database in PostgreSQL.
pub struct PostgresStore {
    pool: PgPool,
    // Writers of this process queue here, so that those who wait for the replicas' lock do not hold all sessions.
    writers: Arc<Mutex<()>>,
    changes: Changes,
    lineage: &'static str,
}

impl PostgresStore {
    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// It cannot be reached or used, or its schema is newer than this program.
    pub async fn open(server: &Server) -> Result<Self, StoreError> {
        let unusable = |problem: String| StoreError::Unusable { place: server.place().to_owned(), problem };
        let connect = PgConnection::connect_with(server.options());
        let connected = tokio::time::timeout(ACQUIRE, connect).await;
        let connected = connected.map_err(|_| unusable("it does not answer".to_owned()))?;
        let mut db = connected.map_err(|error| unusable(format!("cannot connect: {error}")))?;
        session::check(&mut db).await?.map_err(unusable)?;
        // Without time limits: a migration may take a while, and other replicas wait for the one that does it.
        migrator(MIGRATIONS).run_direct(None, &mut db, false).await.map_err(refused)?;
        fold_descriptions(&mut db).await?;
        let lineage = session::lineage(&mut db).await;
        db.close().await?;
        let options = server.options().clone().options(LIMITS);
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE);
        let pool =
            pool.after_connect(|db, _| Box::pin(session::prepare(db))).connect_with(options.clone()).await?;
        Ok(Self { pool, writers: Arc::default(), changes: Changes::new(options), lineage })
    }
}

impl PostgresStore {
    /// How the database's schema stands to this program's; `None` if it is none of this program's.
    ///
    /// # Errors
    /// It cannot be reached.
    pub async fn schema(server: &Server) -> Result<Option<Schema>> {
        let unusable = |problem: String| StoreError::Unusable { place: server.place().to_owned(), problem };
        let connect = PgConnection::connect_with(server.options());
        let connected = tokio::time::timeout(ACQUIRE, connect).await;
        let connected = connected.map_err(|_| unusable("it does not answer".to_owned()))?;
        let mut db = connected.map_err(|error| unusable(format!("cannot connect: {error}")))?;
        let there: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
            .fetch_one(&mut db)
            .await?;
        let taken: Option<Vec<i64>> = if there {
            Some(sqlx::query_scalar("SELECT version FROM _sqlx_migrations").fetch_all(&mut db).await?)
        } else {
            None
        };
        db.close().await?;
        Ok(taken.map(|taken| Schema::of(&taken, MIGRATIONS)))
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn read(&self) -> Result<Box<dyn Transaction>, StoreError> {
        let inner = limited(self.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")).await?;
        Ok(Box::new(PostgresTransaction { inner, lineage: self.lineage, failed: false, _turn: None }))
    }

    async fn write(&self) -> Result<Box<dyn Transaction>, StoreError> {
        let turn = Arc::clone(&self.writers).lock_owned();
        let turn = tokio::time::timeout(TURN, turn).await.map_err(|_| StoreError::silent())?;
        // Read committed: what is read after the lock is what the writer before has left.
        let mut inner = limited(self.begin("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")).await?;
        limited(lock(&mut inner)).await?;
        Ok(Box::new(PostgresTransaction { inner, lineage: self.lineage, failed: false, _turn: Some(turn) }))
    }

    async fn changed(&self) {
        self.changes.next().await;
    }

    async fn close(&self) {
        self.changes.stop();
        self.pool.close().await;
    }
}

impl PostgresStore {
    async fn begin(&self, statement: &'static str) -> Result<sqlx::Transaction<'static, Postgres>> {
        Ok(self.pool.begin_with(statement).await?)
    }
}

/// Writes what lists search in for tokens of a schema that did not have it; one replica does, the others wait.
async fn fold_descriptions(db: &mut PgConnection) -> Result<()> {
    if !tokens::has_unfolded_descriptions(db).await? {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    lock(&mut tx).await?;
    tokens::fold_descriptions(&mut tx).await?;
    Ok(tx.commit().await?)
}

/// Waits for the writers of all replicas. The lock goes with the transaction.
async fn lock(db: &mut PgConnection) -> Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(WRITERS).execute(db).await?;
    Ok(())
}

struct PostgresTransaction {
    inner: sqlx::Transaction<'static, Postgres>,
    lineage: &'static str,
    /// A statement failed: the server would answer a commit with a rollback, and call it a success.
    failed: bool,
    _turn: Option<OwnedMutexGuard<()>>,
}

async fn limited<T>(call: impl Future<Output = Result<T>> + Send) -> Result<T> {
    tokio::time::timeout(CALL, call).await.unwrap_or_else(|_| Err(StoreError::silent()))
}

/// Calls a function of one of the tables' modules, within the time limit, and remembers whether it failed.
macro_rules! run {
    ($tx:ident, $call:path $(, $argument:expr)*) => {{
        let done = $crate::store::postgres::limited($call(&mut $tx.inner $(, $argument)*)).await;
        $tx.failed |= done.is_err();
        done
    }};
}
use run;

#[async_trait]
impl Transaction for PostgresTransaction {
    async fn version(&mut self) -> Result<Option<Version>> {
        run!(self, meta::version)
    }

    async fn initialise(&mut self, epoch: &str, settings: &Settings) -> Result<()> {
        run!(self, meta::initialise, self.lineage, epoch, settings)
    }

    async fn continuity(&mut self) -> Result<Continuity> {
        run!(self, meta::continuity, self.lineage)
    }

    async fn replace_epoch(&mut self, epoch: &str) -> Result<()> {
        run!(self, meta::replace_epoch, self.lineage, epoch)
    }

    async fn raise_revision(&mut self) -> Result<u64> {
        run!(self, meta::raise_revision)
    }

    async fn settings(&mut self) -> Result<StoredSettings> {
        run!(self, meta::settings)
    }

    async fn replace_settings(&mut self, settings: &Settings) -> Result<()> {
        run!(self, meta::replace_settings, settings)
    }

    async fn user(&mut self, name: &str) -> Result<Option<User>> {
        if name.contains('\0') {
            // Nobody's, and PostgreSQL takes none.
            return Ok(None);
        }
        let found = run!(self, users::by_key, &crate::domain::user::name_key(name))?;
        Ok(found.filter(|user| user.name == name))
    }

    async fn user_by_key(&mut self, key: &str) -> Result<Option<User>> {
        run!(self, users::by_key, key)
    }

    async fn users(&mut self, filter: &UserFilter, after: Option<&str>, limit: i64) -> Result<Vec<User>> {
        run!(self, users::list, filter, after, limit)
    }

    async fn has_users(&mut self) -> Result<bool> {
        run!(self, users::any)
    }

    async fn active_admins(&mut self) -> Result<i64> {
        run!(self, users::active_admins)
    }

    async fn insert_user(&mut self, user: &User, password_hash: Option<&str>) -> Result<i64> {
        run!(self, users::insert, user, password_hash)
    }

    async fn update_user(&mut self, user: &User) -> Result<()> {
        run!(self, users::update, user)
    }

    async fn password_hash(&mut self, user_id: i64) -> Result<Option<String>> {
        run!(self, users::password_hash, user_id)
    }

    async fn set_password_hash(&mut self, user_id: i64, hash: &str) -> Result<()> {
        run!(self, users::set_password_hash, user_id, hash)
    }

    async fn user_by_id(&mut self, id: i64) -> Result<Option<User>> {
        run!(self, users::by_id, id)
    }

    async fn insert_session(&mut self, session: &Session) -> Result<()> {
        run!(self, sessions::insert, session)
    }

    async fn session(&mut self, secret_hash: &SecretHash) -> Result<Option<Session>> {
        run!(self, sessions::by_hash, secret_hash)
    }

    async fn touch_session(&mut self, id: &str, at: i64) -> Result<()> {
        run!(self, sessions::touch, id, at)
    }

    async fn remove_session(&mut self, id: &str) -> Result<bool> {
        run!(self, sessions::remove, id)
    }

    async fn remove_sessions_of(&mut self, user_id: i64, but: Option<&str>) -> Result<u64> {
        run!(self, sessions::remove_of, user_id, but)
    }

    async fn trim_sessions(&mut self, user_id: i64, most: i64) -> Result<u64> {
        run!(self, sessions::trim, user_id, most)
    }

    async fn remove_old_sessions(&mut self, created: i64, used: i64) -> Result<u64> {
        run!(self, sessions::remove_old, created, used)
    }

    async fn note_sign_in(&mut self, user_id: i64, at: i64) -> Result<()> {
        run!(self, sign_ins::note_sign_in, user_id, at)
    }

    async fn sign_in_failures(&mut self, name_hash: &NameHash) -> Result<Option<Failures>> {
        run!(self, sign_ins::failures, name_hash)
    }

    async fn put_sign_in_failures(&mut self, failures: &Failures) -> Result<()> {
        run!(self, sign_ins::put, failures)
    }

    async fn unaudited_failures(&mut self, audited_before: i64, limit: i64) -> Result<Vec<Failures>> {
        run!(self, sign_ins::due, audited_before, limit)
    }

    async fn remove_old_failures(&mut self, before: i64, most: i64) -> Result<u64> {
        run!(self, sign_ins::remove_old, before, most)
    }

    async fn identity(&mut self, issuer: &str, subject: &str) -> Result<Option<Identity>> {
        run!(self, sign_ins::identity, issuer, subject)
    }

    async fn identities_of(&mut self, user_id: i64) -> Result<Vec<Identity>> {
        run!(self, sign_ins::identities_of, user_id)
    }

    async fn insert_identity(&mut self, identity: &Identity) -> Result<()> {
        run!(self, sign_ins::insert_identity, identity)
    }

    async fn remove_identity(&mut self, issuer: &str, subject: &str) -> Result<bool> {
        run!(self, sign_ins::remove_identity, issuer, subject)
    }

    async fn token(&mut self, id: &str) -> Result<Option<Token>> {
        run!(self, tokens::by_id, id)
    }

    async fn token_by_digest(&mut self, digest: &Digest) -> Result<Option<Token>> {
        run!(self, tokens::by_digest, digest)
    }

    async fn tokens(&mut self, filter: &TokenFilter) -> Result<TokenPage> {
        run!(self, token_list::read, filter)
    }

    async fn unrevoked_tokens(
        &mut self,
        expired_after: i64,
        after: Option<&Digest>,
        limit: i64,
    ) -> Result<Vec<Token>> {
        run!(self, tokens::unrevoked, expired_after, after, limit)
    }

    async fn count_unrevoked_tokens(&mut self, expired_after: i64) -> Result<u64> {
        run!(self, tokens::count_unrevoked, expired_after)
    }

    async fn tokens_changed_since(&mut self, revision: u64, limit: i64) -> Result<Vec<Token>> {
        run!(self, tokens::changed_since, signed(revision)?, limit)
    }

    async fn tokens_expired_between(&mut self, after: i64, upto: i64) -> Result<Vec<Digest>> {
        run!(self, tokens::expired_between, after, upto)
    }

    async fn unrevoked_tokens_of(&mut self, owner_id: i64) -> Result<Vec<Token>> {
        run!(self, tokens::unrevoked_of, owner_id)
    }

    async fn unrevoked_tokens_of_chain(&mut self, chain: &str) -> Result<Vec<Token>> {
        run!(self, tokens::unrevoked_of_chain, chain)
    }

    async fn active_tokens_of(&mut self, owner_id: i64, now: i64) -> Result<i64> {
        run!(self, tokens::active_of, owner_id, now)
    }

    async fn scopes_in_use(&mut self, now: i64) -> Result<Vec<String>> {
        run!(self, tokens::scopes_in_use, now)
    }
    async fn prefixes_in_use(&mut self, now: i64) -> Result<Vec<String>> {
        run!(self, tokens::prefixes_in_use, now)
    }

    async fn insert_token(&mut self, token: &Token) -> Result<()> {
        run!(self, tokens::insert, token)
    }

    async fn update_token(&mut self, token: &Token) -> Result<()> {
        run!(self, tokens::update, token)
    }

    async fn revoke_token(&mut self, id: &str, at: i64, by: &str) -> Result<bool> {
        run!(self, tokens::revoke, id, at, by)
    }

    async fn active_tokens_of_scope(&mut self, scope: &str, now: i64) -> Result<u64> {
        run!(self, bound::active_of_scope, scope, now)
    }

    async fn active_tokens_of_prefix(&mut self, prefix: &str, now: i64) -> Result<u64> {
        run!(self, bound::active_of_prefix, prefix, now)
    }

    async fn shorten_token(&mut self, id: &str, expires_at: i64) -> Result<bool> {
        run!(self, bound::shorten, id, expires_at)
    }

    async fn entry_counts(&mut self, now: i64) -> Result<Vec<EntryCounts>> {
        run!(self, census::entries, now)
    }

    async fn expiring_tokens(&mut self, now: i64) -> Result<[u64; 3]> {
        run!(self, census::expiring, now)
    }

    async fn census(&mut self, now: i64) -> Result<Census> {
        run!(self, census::census, now)
    }

    async fn record_uses(&mut self, uses: &[TokenUse]) -> Result<u64> {
        let (entries, tokens) = of_entries_and_tokens(uses);
        let known = run!(self, entries::record_uses, &entries)?;
        Ok(known + run!(self, uses::record, &tokens)?)
    }

    async fn last_report(&mut self, key: &WorkerKey) -> Result<Option<LastReport>> {
        run!(self, fleet::last_report, key)
    }

    async fn put_worker(&mut self, worker: &Worker) -> Result<()> {
        run!(self, fleet::put, worker)
    }

    async fn count_workers(&mut self) -> Result<u64> {
        run!(self, fleet::count)
    }

    async fn workers(&mut self, since: i64, limit: u32) -> Result<Vec<Worker>> {
        run!(self, fleet::list, since, limit)
    }

    async fn remove_workers(&mut self, before: i64) -> Result<u64> {
        run!(self, fleet::remove_silent, before)
    }

    async fn remove_one_worker(&mut self, before: i64) -> Result<bool> {
        run!(self, fleet::remove_most_silent, before)
    }

    async fn token_counts(&mut self, now: i64, with_admins: bool) -> Result<TokenCounts> {
        run!(self, counts::tokens, now, with_admins)
    }

    async fn add_decisions(&mut self, at: i64, decided: &BTreeMap<&str, u64>) -> Result<()> {
        run!(self, traffic::add, at, decided)
    }

    async fn fold_decisions(&mut self, minutes: i64, hours: i64) -> Result<()> {
        run!(self, traffic::fold, minutes, hours)
    }

    async fn decisions(&mut self, from: i64, until: i64, step: i64) -> Result<Vec<Decided>> {
        run!(self, traffic::read, from, until, step)
    }

    async fn idempotency_key(&mut self, key: &Key) -> Result<Option<Known>> {
        run!(self, idempotency::known, key)
    }

    async fn begin_idempotent(&mut self, key: &Key, fingerprint: &[u8; 32], at: i64) -> Result<()> {
        run!(self, idempotency::begin, key, fingerprint, at)
    }

    async fn finish_idempotent(&mut self, key: &Key, reply: &str) -> Result<()> {
        run!(self, idempotency::finish, key, reply)
    }

    async fn forget_idempotent(&mut self, key: &Key) -> Result<()> {
        run!(self, idempotency::forget, key)
    }

    async fn count_idempotency_keys(&mut self, caller: &str) -> Result<u64> {
        run!(self, idempotency::count, caller)
    }

    async fn remove_idempotency_keys(&mut self, before: i64) -> Result<u64> {
        run!(self, idempotency::remove, before)
    }

    async fn audit_head(&mut self) -> Result<Head> {
        run!(self, audit::head)
    }

    async fn append_audits(&mut self, entries: &[Entry]) -> Result<()> {
        run!(self, audit::append, entries)
    }

    async fn audit_after(&mut self, after: i64, limit: i64) -> Result<Vec<Entry>> {
        run!(self, audit::after, after, limit)
    }

    async fn audit_before(&mut self, before: Option<i64>, limit: i64) -> Result<Vec<Entry>> {
        run!(self, audit::before, before, limit)
    }

    async fn audit_matching(
        &mut self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Entry>> {
        run!(self, audit::matching, filter, before, limit)
    }

    async fn commit(self: Box<Self>) -> Result<()> {
        if self.failed {
            return Err(StoreError::Failed);
        }
        limited(async { Ok(self.inner.commit().await?) }).await
    }
}
