//! The database in one SQLite file.

pub mod copy;
mod dialect;
#[cfg(test)]
mod fixture;
mod meta;
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
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatepass::token::Digest;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Sqlite, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::listing::Dialect;
use super::rows::{of_entries_and_tokens, one_row, signed, unsigned};
use super::schema::{Step, migrator, refused};
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
type Db = Sqlite;
type Connection = SqliteConnection;
type Tx = SqliteTransaction;
type Row = SqliteRow;
const DIALECT: &dyn Dialect = &dialect::SqliteDialect;

/// How long a writer waits for a writer in another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECTIONS: u32 = 8;
/// What a connection may hold of the file in memory: 16 MiB (a negative number counts KiB). The branches of every index of a
/// million tokens fit.
const CACHE: &str = "-16384";

const MIGRATIONS: &[Step] = &[
    (1, "initial", include_str!("../../migrations/0001_initial.sql")),
    (2, "usage", include_str!("../../migrations/0002_usage.sql")),
    (3, "audit_filters", include_str!("../../migrations/0003_audit_filters.sql")),
    (4, "idempotency", include_str!("../../migrations/0004_idempotency.sql")),
    (5, "token lists", include_str!("../../migrations/0005_token_lists.sql")),
    (6, "people", include_str!("../../migrations/0006_people.sql")),
    (7, "sign_in", include_str!("../../migrations/0007_sign_in.sql")),
    (10, "changes", include_str!("../../migrations/0010_changes.sql")),
    (11, "notices", include_str!("../../migrations/0011_notices.sql")),
    (12, "overview", include_str!("../../migrations/0012_overview.sql")),
    (13, "sources", include_str!("../../migrations/0013_sources.sql")),
    (14, "first pushes", include_str!("../../migrations/0014_first_pushes.sql")),
];

/// The database in one SQLite file.
#[derive(Clone)]
pub struct SqliteStore {
    pool: SqlitePool,
    // Writers of this process queue here in order, rather than poll the file's lock.
    writers: Arc<Mutex<()>>,
}

impl SqliteStore {
    /// Opens the existing file at `path` and brings its schema up to date. An empty file becomes a new database. The
    /// files that SQLite puts beside it get the mode of the file itself.
    ///
    /// # Errors
    /// The file cannot be opened, or its schema is newer than this program.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            // A change that was answered survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("cache_size", CACHE)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await?;
        migrator(MIGRATIONS).run(&pool).await.map_err(refused)?;
        let store = Self { pool, writers: Arc::default() };
        store.fold_descriptions().await?;
        Ok(store)
    }

    async fn fold_descriptions(&self) -> Result<(), StoreError> {
        // Without a look first, every command beside a server would wait for its turn to write.
        if !tokens::has_unfolded_descriptions(&mut *self.pool.acquire().await?).await? {
            return Ok(());
        }
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        tokens::fold_descriptions(&mut tx).await?;
        Ok(tx.commit().await?)
    }

    /// Opens a file that nobody else uses, as it is, for reading.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub async fn open_copy(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).read_only(true);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        Ok(Self { pool, writers: Arc::default() })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn read(&self) -> Result<Box<dyn Transaction>, StoreError> {
        let inner = self.pool.begin().await?;
        Ok(Box::new(SqliteTransaction { inner, _turn: None }))
    }

    async fn write(&self) -> Result<Box<dyn Transaction>, StoreError> {
        let turn = Arc::clone(&self.writers).lock_owned().await;
        let inner = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Box::new(SqliteTransaction { inner, _turn: Some(turn) }))
    }

    async fn changed(&self) {
        // SQLite tells nobody: whoever waits for changes by another process looks for them.
        std::future::pending().await
    }

    async fn close(&self) {
        // With the last connection gone, SQLite folds its journal into the file.
        self.pool.close().await;
    }
}

struct SqliteTransaction {
    inner: sqlx::Transaction<'static, Sqlite>,
    _turn: Option<OwnedMutexGuard<()>>,
}

/// Calls a function of one of the tables' modules.
macro_rules! run {
    ($tx:ident, $call:path $(, $argument:expr)*) => {
        $call(&mut $tx.inner $(, $argument)*).await
    };
}
use run;

#[async_trait]
impl Transaction for SqliteTransaction {
    async fn version(&mut self) -> Result<Option<Version>> {
        meta::version(&mut self.inner).await
    }

    async fn initialise(&mut self, epoch: &str, settings: &Settings) -> Result<()> {
        meta::initialise(&mut self.inner, epoch, settings).await
    }

    async fn continuity(&mut self) -> Result<Continuity> {
        // A file that was copied back looks like the one that it replaces.
        Ok(Continuity::Unknown)
    }

    async fn replace_epoch(&mut self, epoch: &str) -> Result<()> {
        meta::replace_epoch(&mut self.inner, epoch).await
    }

    async fn raise_revision(&mut self) -> Result<u64> {
        meta::raise_revision(&mut self.inner).await
    }

    async fn settings(&mut self) -> Result<StoredSettings> {
        meta::settings(&mut self.inner).await
    }

    async fn replace_settings(&mut self, settings: &Settings) -> Result<()> {
        meta::replace_settings(&mut self.inner, settings).await
    }

    async fn user(&mut self, name: &str) -> Result<Option<User>> {
        let found = users::by_key(&mut self.inner, &crate::domain::user::name_key(name)).await?;
        Ok(found.filter(|user| user.name == name))
    }

    async fn user_by_key(&mut self, key: &str) -> Result<Option<User>> {
        users::by_key(&mut self.inner, key).await
    }

    async fn users(&mut self, filter: &UserFilter, after: Option<&str>, limit: i64) -> Result<Vec<User>> {
        users::list(&mut self.inner, filter, after, limit).await
    }

    async fn has_users(&mut self) -> Result<bool> {
        users::any(&mut self.inner).await
    }

    async fn active_admins(&mut self) -> Result<i64> {
        users::active_admins(&mut self.inner).await
    }

    async fn insert_user(&mut self, user: &User, password_hash: Option<&str>) -> Result<i64> {
        users::insert(&mut self.inner, user, password_hash).await
    }

    async fn update_user(&mut self, user: &User) -> Result<()> {
        users::update(&mut self.inner, user).await
    }

    async fn password_hash(&mut self, user_id: i64) -> Result<Option<String>> {
        users::password_hash(&mut self.inner, user_id).await
    }

    async fn set_password_hash(&mut self, user_id: i64, hash: &str) -> Result<()> {
        users::set_password_hash(&mut self.inner, user_id, hash).await
    }

    async fn user_by_id(&mut self, id: i64) -> Result<Option<User>> {
        users::by_id(&mut self.inner, id).await
    }

    async fn insert_session(&mut self, session: &Session) -> Result<()> {
        sessions::insert(&mut self.inner, session).await
    }

    async fn session(&mut self, secret_hash: &SecretHash) -> Result<Option<Session>> {
        sessions::by_hash(&mut self.inner, secret_hash).await
    }

    async fn touch_session(&mut self, id: &str, at: i64) -> Result<()> {
        sessions::touch(&mut self.inner, id, at).await
    }

    async fn remove_session(&mut self, id: &str) -> Result<bool> {
        sessions::remove(&mut self.inner, id).await
    }

    async fn remove_sessions_of(&mut self, user_id: i64, but: Option<&str>) -> Result<u64> {
        sessions::remove_of(&mut self.inner, user_id, but).await
    }

    async fn trim_sessions(&mut self, user_id: i64, most: i64) -> Result<u64> {
        sessions::trim(&mut self.inner, user_id, most).await
    }

    async fn remove_old_sessions(&mut self, created: i64, used: i64) -> Result<u64> {
        sessions::remove_old(&mut self.inner, created, used).await
    }

    async fn note_sign_in(&mut self, user_id: i64, at: i64) -> Result<()> {
        sign_ins::note_sign_in(&mut self.inner, user_id, at).await
    }

    async fn sign_in_failures(&mut self, name_hash: &NameHash) -> Result<Option<Failures>> {
        sign_ins::failures(&mut self.inner, name_hash).await
    }

    async fn put_sign_in_failures(&mut self, failures: &Failures) -> Result<()> {
        sign_ins::put(&mut self.inner, failures).await
    }

    async fn unaudited_failures(&mut self, audited_before: i64, limit: i64) -> Result<Vec<Failures>> {
        sign_ins::due(&mut self.inner, audited_before, limit).await
    }

    async fn remove_old_failures(&mut self, before: i64, most: i64) -> Result<u64> {
        sign_ins::remove_old(&mut self.inner, before, most).await
    }

    async fn identity(&mut self, issuer: &str, subject: &str) -> Result<Option<Identity>> {
        sign_ins::identity(&mut self.inner, issuer, subject).await
    }

    async fn identities_of(&mut self, user_id: i64) -> Result<Vec<Identity>> {
        sign_ins::identities_of(&mut self.inner, user_id).await
    }

    async fn insert_identity(&mut self, identity: &Identity) -> Result<()> {
        sign_ins::insert_identity(&mut self.inner, identity).await
    }

    async fn remove_identity(&mut self, issuer: &str, subject: &str) -> Result<bool> {
        sign_ins::remove_identity(&mut self.inner, issuer, subject).await
    }

    async fn token(&mut self, id: &str) -> Result<Option<Token>> {
        tokens::by_id(&mut self.inner, id).await
    }

    async fn token_by_digest(&mut self, digest: &Digest) -> Result<Option<Token>> {
        tokens::by_digest(&mut self.inner, digest).await
    }

    async fn tokens(&mut self, filter: &TokenFilter) -> Result<TokenPage> {
        token_list::read(&mut self.inner, filter).await
    }

    async fn unrevoked_tokens(
        &mut self,
        expired_after: i64,
        after: Option<&Digest>,
        limit: i64,
    ) -> Result<Vec<Token>> {
        tokens::unrevoked(&mut self.inner, expired_after, after, limit).await
    }

    async fn count_unrevoked_tokens(&mut self, expired_after: i64) -> Result<u64> {
        tokens::count_unrevoked(&mut self.inner, expired_after).await
    }

    async fn tokens_changed_since(&mut self, revision: u64, limit: i64) -> Result<Vec<Token>> {
        tokens::changed_since(&mut self.inner, signed(revision)?, limit).await
    }

    async fn tokens_expired_between(&mut self, after: i64, upto: i64) -> Result<Vec<Digest>> {
        tokens::expired_between(&mut self.inner, after, upto).await
    }

    async fn unrevoked_tokens_of(&mut self, owner_id: i64) -> Result<Vec<Token>> {
        tokens::unrevoked_of(&mut self.inner, owner_id).await
    }

    async fn unrevoked_tokens_of_chain(&mut self, chain: &str) -> Result<Vec<Token>> {
        tokens::unrevoked_of_chain(&mut self.inner, chain).await
    }

    async fn active_tokens_of(&mut self, owner_id: i64, now: i64) -> Result<i64> {
        tokens::active_of(&mut self.inner, owner_id, now).await
    }

    async fn scopes_in_use(&mut self, now: i64) -> Result<Vec<String>> {
        tokens::scopes_in_use(&mut self.inner, now).await
    }
    async fn prefixes_in_use(&mut self, now: i64) -> Result<Vec<String>> {
        tokens::prefixes_in_use(&mut self.inner, now).await
    }

    async fn insert_token(&mut self, token: &Token) -> Result<()> {
        tokens::insert(&mut self.inner, token).await
    }

    async fn update_token(&mut self, token: &Token) -> Result<()> {
        tokens::update(&mut self.inner, token).await
    }

    async fn revoke_token(&mut self, id: &str, at: i64, by: &str) -> Result<bool> {
        tokens::revoke(&mut self.inner, id, at, by).await
    }

    async fn active_tokens_of_scope(&mut self, scope: &str, now: i64) -> Result<u64> {
        bound::active_of_scope(&mut self.inner, scope, now).await
    }

    async fn active_tokens_of_prefix(&mut self, prefix: &str, now: i64) -> Result<u64> {
        bound::active_of_prefix(&mut self.inner, prefix, now).await
    }

    async fn shorten_token(&mut self, id: &str, expires_at: i64) -> Result<bool> {
        bound::shorten(&mut self.inner, id, expires_at).await
    }

    async fn entry_counts(&mut self, now: i64) -> Result<Vec<EntryCounts>> {
        census::entries(&mut self.inner, now).await
    }

    async fn expiring_tokens(&mut self, now: i64) -> Result<[u64; 3]> {
        census::expiring(&mut self.inner, now).await
    }

    async fn census(&mut self, now: i64) -> Result<Census> {
        census::census(&mut self.inner, now).await
    }

    async fn record_uses(&mut self, uses: &[TokenUse]) -> Result<u64> {
        let (entries, tokens) = of_entries_and_tokens(uses);
        let known = entries::record_uses(&mut self.inner, &entries).await?;
        Ok(known + uses::record(&mut self.inner, &tokens).await?)
    }

    async fn last_report(&mut self, key: &WorkerKey) -> Result<Option<LastReport>> {
        fleet::last_report(&mut self.inner, key).await
    }

    async fn put_worker(&mut self, worker: &Worker) -> Result<()> {
        fleet::put(&mut self.inner, worker).await
    }

    async fn count_workers(&mut self) -> Result<u64> {
        fleet::count(&mut self.inner).await
    }

    async fn workers(&mut self, since: i64, limit: u32) -> Result<Vec<Worker>> {
        fleet::list(&mut self.inner, since, limit).await
    }

    async fn remove_workers(&mut self, before: i64) -> Result<u64> {
        fleet::remove_silent(&mut self.inner, before).await
    }

    async fn remove_one_worker(&mut self, before: i64) -> Result<bool> {
        fleet::remove_most_silent(&mut self.inner, before).await
    }

    async fn token_counts(&mut self, now: i64, with_admins: bool) -> Result<TokenCounts> {
        counts::tokens(&mut self.inner, now, with_admins).await
    }

    async fn add_decisions(&mut self, at: i64, decided: &BTreeMap<&str, u64>) -> Result<()> {
        traffic::add(&mut self.inner, at, decided).await
    }

    async fn fold_decisions(&mut self, minutes: i64, hours: i64) -> Result<()> {
        traffic::fold(&mut self.inner, minutes, hours).await
    }

    async fn decisions(&mut self, from: i64, until: i64, step: i64) -> Result<Vec<Decided>> {
        traffic::read(&mut self.inner, from, until, step).await
    }

    async fn idempotency_key(&mut self, key: &Key) -> Result<Option<Known>> {
        idempotency::known(&mut self.inner, key).await
    }

    async fn begin_idempotent(&mut self, key: &Key, fingerprint: &[u8; 32], at: i64) -> Result<()> {
        idempotency::begin(&mut self.inner, key, fingerprint, at).await
    }

    async fn finish_idempotent(&mut self, key: &Key, reply: &str) -> Result<()> {
        idempotency::finish(&mut self.inner, key, reply).await
    }

    async fn forget_idempotent(&mut self, key: &Key) -> Result<()> {
        idempotency::forget(&mut self.inner, key).await
    }

    async fn count_idempotency_keys(&mut self, caller: &str) -> Result<u64> {
        idempotency::count(&mut self.inner, caller).await
    }

    async fn remove_idempotency_keys(&mut self, before: i64) -> Result<u64> {
        idempotency::remove(&mut self.inner, before).await
    }

    async fn audit_head(&mut self) -> Result<Head> {
        audit::head(&mut self.inner).await
    }

    async fn append_audits(&mut self, entries: &[Entry]) -> Result<()> {
        audit::append(&mut self.inner, entries).await
    }

    async fn audit_after(&mut self, after: i64, limit: i64) -> Result<Vec<Entry>> {
        audit::after(&mut self.inner, after, limit).await
    }

    async fn audit_before(&mut self, before: Option<i64>, limit: i64) -> Result<Vec<Entry>> {
        audit::before(&mut self.inner, before, limit).await
    }

    async fn audit_matching(
        &mut self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Entry>> {
        audit::matching(&mut self.inner, filter, before, limit).await
    }

    async fn commit(self: Box<Self>) -> Result<()> {
        Ok(self.inner.commit().await?)
    }
}
