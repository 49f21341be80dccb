//! Where users, tokens, settings and audit are kept. The trait is what the use cases know; each database is one file,
//! [`sqlite`] and [`postgres`], and [`place`] chooses between them.
//!
//! "Not found" is `Ok(None)`; `Err` means that the database failed.

mod counts;
mod filter;
mod listing;
pub mod outbox;
pub mod place;
pub mod postgres;
mod rows;
pub mod schema;
pub mod sources;
pub mod sqlite;
pub mod suspensions;
pub mod unrevoked;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use gatepass::token::Digest;

use crate::domain::audit::filter::AuditFilter;
use crate::domain::audit::{Entry, Head};
use crate::domain::fleet::{Worker, WorkerKey};
use crate::domain::session::{SecretHash, Session};
use crate::domain::settings::Settings;
use crate::domain::sign_in::{Failures, NameHash};
use crate::domain::token::{State, Token};
use crate::domain::usage::TokenUse;
use crate::domain::user::{Identity, Role, User, UserFilter};
use crate::idempotency::{Key, Known};
pub use counts::{Decided, EntryCounts, LastReport, TokenCounts};
pub use filter::{Position, SortKey, TokenFilter, TokenPage};
use outbox::Outbox;
pub use sources::SourceTables;
use suspensions::Suspensions;

/// The database failed, or holds what this program did not write. The cause is for the log, not for clients.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[source] sqlx::Error),
    /// A row holds what this program did not write.
    #[error("the database holds an unreadable {0}")]
    Unreadable(&'static str),
    /// It cannot be reached, or is not one that can be used.
    #[error("the database {place} cannot be used: {problem}")]
    Unusable {
        /// Which one; without its password.
        place: String,
        /// Why, and what to do.
        problem: String,
    },
    /// It did not answer in time.
    #[error("the database did not answer in time")]
    Silent,
    /// An earlier call of the transaction had failed.
    #[error("the transaction had failed before its commit: nothing was changed")]
    Failed,
    /// The schema was made by a newer program.
    #[error(
        "the database was written by a newer gatepass: start that version, or restore a backup made before it"
    )]
    Newer,
    /// The schema could not be brought up to date.
    #[error("the database's schema could not be brought up to date: {0}")]
    Migration(sqlx::migrate::MigrateError),
}

/// How often the database failed, or did not answer in time, since the process began.
static FAILURES: AtomicU64 = AtomicU64::new(0);

/// How often the database failed, or did not answer in time, since the process began.
pub fn failures() -> u64 {
    FAILURES.load(Ordering::Relaxed)
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        FAILURES.fetch_add(1, Ordering::Relaxed);
        Self::Database(error)
    }
}

impl StoreError {
    /// It did not answer in time.
    pub(crate) fn silent() -> Self {
        FAILURES.fetch_add(1, Ordering::Relaxed);
        Self::Silent
    }
}

/// How many tokens and users there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Of every state.
    pub tokens: Vec<(State, u64)>,
    /// In use and ending within 1, 7 and 30 days, those that end sooner included.
    pub expiring: [u64; 3],
    /// By role and whether they are active; of what there are none is left out.
    pub users: Vec<(Role, bool, u64)>,
    /// Entries of every source that was not deleted.
    pub entries: Vec<EntryCounts>,
}

/// The life of a database, and the state of what the filter sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Random; made with the database. Revisions are compared only within one epoch.
    pub epoch: String,
    /// Grows with each change that the filter may see.
    pub revision: u64,
}

/// Whether a database is still the one that its epoch was begun in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// It is.
    Same,
    /// It was put back from a backup, or has lost what a server before it had: its revisions may be behind those that
    /// proxies enforce in this epoch.
    PutBack,
    /// Nothing tells.
    Unknown,
}

/// Settings with the number of their changes.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSettings {
    /// The settings.
    pub settings: Settings,
    /// 1, 2, 3, …
    pub version: i64,
}

/// A database.
#[async_trait]
pub trait Store: Send + Sync {
    /// Opens a transaction that sees one state and changes nothing.
    async fn read(&self) -> Result<Box<dyn Transaction>, StoreError>;
    /// Opens a transaction that no other writer runs beside. Dropped without commit, it changes nothing.
    async fn write(&self) -> Result<Box<dyn Transaction>, StoreError>;
    /// Returns once another process may have changed what proxies are to enforce, and never if nothing tells. That it has
    /// not returned says nothing: whoever must know looks for himself now and then.
    async fn changed(&self);
    /// Lets go of the database in good order. Every later call fails.
    async fn close(&self);
}

/// One transaction. After an error, it is good for nothing but being dropped.
#[async_trait]
pub trait Transaction: SourceTables + Suspensions + Outbox + Send {
    /// Epoch and revision; `None` in a new database.
    async fn version(&mut self) -> Result<Option<Version>, StoreError>;
    /// Writes the first epoch, at revision 0, and the first settings, at version 1.
    async fn initialise(&mut self, epoch: &str, settings: &Settings) -> Result<(), StoreError>;
    /// Whether the database is still the one that the epoch was begun in.
    async fn continuity(&mut self) -> Result<Continuity, StoreError>;
    /// Starts another epoch.
    async fn replace_epoch(&mut self, epoch: &str) -> Result<(), StoreError>;
    /// Raises the revision by one and returns it.
    async fn raise_revision(&mut self) -> Result<u64, StoreError>;

    /// The settings.
    async fn settings(&mut self) -> Result<StoredSettings, StoreError>;
    /// Replaces the settings and raises their version.
    async fn replace_settings(&mut self, settings: &Settings) -> Result<(), StoreError>;

    /// The user of exactly this name.
    async fn user(&mut self, name: &str) -> Result<Option<User>, StoreError>;
    /// The user whose name has this key (see [`crate::domain::user::name_key`]).
    async fn user_by_key(&mut self, key: &str) -> Result<Option<User>, StoreError>;
    /// The user with this id.
    async fn user_by_id(&mut self, id: i64) -> Result<Option<User>, StoreError>;
    /// Users that `filter` admits, ordered by key, after `after`, at most `limit`.
    async fn users(
        &mut self,
        filter: &UserFilter,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<User>, StoreError>;
    /// Whether there is any user.
    async fn has_users(&mut self) -> Result<bool, StoreError>;
    /// How many active admins there are.
    async fn active_admins(&mut self) -> Result<i64, StoreError>;
    /// Adds a user (`user.id` and `user.has_password` are ignored) and returns the id.
    async fn insert_user(&mut self, user: &User, password_hash: Option<&str>) -> Result<i64, StoreError>;
    /// Writes role, active, display name, mail address, groups and whether there is no suspension of the user with this id.
    async fn update_user(&mut self, user: &User) -> Result<(), StoreError>;
    /// The password's hash of the user with this id; `None` without a password.
    async fn password_hash(&mut self, user_id: i64) -> Result<Option<String>, StoreError>;
    /// Writes the password's hash.
    async fn set_password_hash(&mut self, user_id: i64, hash: &str) -> Result<(), StoreError>;

    /// Adds a session.
    async fn insert_session(&mut self, session: &Session) -> Result<(), StoreError>;
    /// The session whose secret has this hash.
    async fn session(&mut self, secret_hash: &SecretHash) -> Result<Option<Session>, StoreError>;
    /// Writes when a session was used last.
    async fn touch_session(&mut self, id: &str, at: i64) -> Result<(), StoreError>;
    /// Removes a session; `false` when there is none.
    async fn remove_session(&mut self, id: &str) -> Result<bool, StoreError>;
    /// Removes all sessions of a user, perhaps but one, and tells how many there were.
    async fn remove_sessions_of(&mut self, user_id: i64, but: Option<&str>) -> Result<u64, StoreError>;
    /// Removes all but the newest `most` sessions of a user, and tells how many there were.
    async fn trim_sessions(&mut self, user_id: i64, most: i64) -> Result<u64, StoreError>;
    /// Removes the sessions that began at or before `created`, or were used last at or before `used`, and tells how many
    /// there were.
    async fn remove_old_sessions(&mut self, created: i64, used: i64) -> Result<u64, StoreError>;
    /// Writes when a user signed in last.
    async fn note_sign_in(&mut self, user_id: i64, at: i64) -> Result<(), StoreError>;

    /// Failed attempts under a name; `None` if there are none.
    async fn sign_in_failures(&mut self, name_hash: &NameHash) -> Result<Option<Failures>, StoreError>;
    /// Writes the failed attempts under a name.
    async fn put_sign_in_failures(&mut self, failures: &Failures) -> Result<(), StoreError>;
    /// Those of which the audit was not told yet, and last at or before `audited_before`; at most `limit`.
    async fn unaudited_failures(
        &mut self,
        audited_before: i64,
        limit: i64,
    ) -> Result<Vec<Failures>, StoreError>;
    /// Forgets attempts under names that nobody has: those before `before`, and all but the newest `most`. Tells how many.
    async fn remove_old_failures(&mut self, before: i64, most: i64) -> Result<u64, StoreError>;

    /// The identity with this issuer and subject.
    async fn identity(&mut self, issuer: &str, subject: &str) -> Result<Option<Identity>, StoreError>;
    /// All identities of a user.
    async fn identities_of(&mut self, user_id: i64) -> Result<Vec<Identity>, StoreError>;
    /// Adds an identity.
    async fn insert_identity(&mut self, identity: &Identity) -> Result<(), StoreError>;
    /// Removes an identity; `false` when there is none.
    async fn remove_identity(&mut self, issuer: &str, subject: &str) -> Result<bool, StoreError>;

    /// The token of this id.
    async fn token(&mut self, id: &str) -> Result<Option<Token>, StoreError>;
    /// The token of this digest.
    async fn token_by_digest(&mut self, digest: &Digest) -> Result<Option<Token>, StoreError>;
    /// A part of a list.
    async fn tokens(&mut self, filter: &TokenFilter) -> Result<TokenPage, StoreError>;
    /// Tokens that are not revoked and not past their expiry at `expired_after`, in the order of their digests: those after
    /// `after` (all without it), at most `limit`; without their last uses, which no snapshot holds. What sources have pushed is among them.
    async fn unrevoked_tokens(
        &mut self,
        expired_after: i64,
        after: Option<&Digest>,
        limit: i64,
    ) -> Result<Vec<Token>, StoreError>;
    /// How many of these there are in all.
    async fn count_unrevoked_tokens(&mut self, expired_after: i64) -> Result<u64, StoreError>;
    /// Tokens of which something that proxies see has changed after `revision`, revoked ones as well, in no order, at most
    /// `limit`; without their last uses. What sources have pushed is among them, but for what went:
    /// [`SourceTables::entries_gone_since`].
    async fn tokens_changed_since(&mut self, revision: u64, limit: i64) -> Result<Vec<Token>, StoreError>;
    /// The digests of all tokens that end after `after` and at `upto` or before, revoked ones as well, and of entries of
    /// sources.
    async fn tokens_expired_between(&mut self, after: i64, upto: i64) -> Result<Vec<Digest>, StoreError>;
    /// All tokens of one owner that are not revoked, ordered by id.
    async fn unrevoked_tokens_of(&mut self, owner_id: i64) -> Result<Vec<Token>, StoreError>;
    /// All tokens of one chain of rotations that are not revoked, ordered by id.
    async fn unrevoked_tokens_of_chain(&mut self, chain: &str) -> Result<Vec<Token>, StoreError>;
    /// How many tokens of one owner are active at `now`; a disabled one is not.
    async fn active_tokens_of(&mut self, owner_id: i64, now: i64) -> Result<i64, StoreError>;
    /// Names of the scopes of tokens, and of entries of sources, that are active or disabled at `now`.
    async fn scopes_in_use(&mut self, now: i64) -> Result<Vec<String>, StoreError>;
    /// What the secrets of tokens that are active or disabled at `now`, and of push tokens, start with.
    async fn prefixes_in_use(&mut self, now: i64) -> Result<Vec<String>, StoreError>;
    /// Adds a token (`token.last_used` is ignored).
    async fn insert_token(&mut self, token: &Token) -> Result<(), StoreError>;
    /// Writes what may change of a token that is not revoked: description, expiry, scope, addresses, whether it may manage
    /// and is disabled, chain and successor.
    async fn update_token(&mut self, token: &Token) -> Result<(), StoreError>;
    /// Marks a token as revoked, or removes the entry of a source; `false` when there is none that is not.
    async fn revoke_token(&mut self, id: &str, at: i64, by: &str) -> Result<bool, StoreError>;
    /// How many tokens, and entries of sources, that are active or disabled at `now` have this scope.
    async fn active_tokens_of_scope(&mut self, scope: &str, now: i64) -> Result<u64, StoreError>;
    /// How many tokens that are active or disabled at `now`, and push tokens, have secrets that start with this.
    async fn active_tokens_of_prefix(&mut self, prefix: &str, now: i64) -> Result<u64, StoreError>;
    /// Lets a token that is not revoked, or the entry of a source, end at `expires_at`; `false` when there is none, or it ends no later already.
    async fn shorten_token(&mut self, id: &str, expires_at: i64) -> Result<bool, StoreError>;

    /// How many entries each source has at `now`, by the sources' names. Looks at every entry.
    async fn entry_counts(&mut self, now: i64) -> Result<Vec<EntryCounts>, StoreError>;
    /// How many tokens are in use and end within 1, 7 and 30 days after `now`, those that end sooner included.
    async fn expiring_tokens(&mut self, now: i64) -> Result<[u64; 3], StoreError>;
    /// How many tokens and users there are at `now`.
    async fn census(&mut self, now: i64) -> Result<Census, StoreError>;

    /// Writes the uses of tokens that there are, and of entries of sources, each only if it is later than the one that is
    /// known, and tells how many of them there are.
    async fn record_uses(&mut self, uses: &[TokenUse]) -> Result<u64, StoreError>;
    /// What a worker said in its last report; `None` if it is not known.
    async fn last_report(&mut self, key: &WorkerKey) -> Result<Option<LastReport>, StoreError>;
    /// Adds a worker, or replaces what is known of it but for `first_seen_at`.
    async fn put_worker(&mut self, worker: &Worker) -> Result<(), StoreError>;
    /// How many workers are known.
    async fn count_workers(&mut self) -> Result<u64, StoreError>;
    /// Workers whose last report is not before `since`, at most `limit`, ordered by cluster, node, instance and age.
    async fn workers(&mut self, since: i64, limit: u32) -> Result<Vec<Worker>, StoreError>;
    /// Removes the workers whose last report is before `before`, and tells how many there were.
    async fn remove_workers(&mut self, before: i64) -> Result<u64, StoreError>;
    /// Removes, of those whose last report is before `before`, the one that has been silent longest; `false` when there
    /// is none.
    async fn remove_one_worker(&mut self, before: i64) -> Result<bool, StoreError>;

    /// How many tokens there are at `now`, with or without those of admins. Looks at no more tokens than end in a day.
    async fn token_counts(&mut self, now: i64, with_admins: bool) -> Result<TokenCounts, StoreError>;
    /// Adds to what the proxies decided in the minute of `at`; up to [`crate::domain::traffic::MOST`] of each.
    async fn add_decisions(&mut self, at: i64, decided: &BTreeMap<&str, u64>) -> Result<(), StoreError>;
    /// Makes hours of the minutes before `minutes`, if there are any, and then forgets the hours before `hours`.
    async fn fold_decisions(&mut self, minutes: i64, hours: i64) -> Result<(), StoreError>;
    /// What the proxies decided from `from` until before `until`, in spans of `step` seconds that begin at multiples of it;
    /// ordered by time and decision.
    async fn decisions(&mut self, from: i64, until: i64, step: i64) -> Result<Vec<Decided>, StoreError>;

    /// What is known of an idempotency key; `None` if nothing is.
    async fn idempotency_key(&mut self, key: &Key) -> Result<Option<Known>, StoreError>;
    /// Notes that a request with a key that is not known was begun.
    async fn begin_idempotent(
        &mut self,
        key: &Key,
        fingerprint: &[u8; 32],
        at: i64,
    ) -> Result<(), StoreError>;
    /// Notes what was answered to a request that was begun.
    async fn finish_idempotent(&mut self, key: &Key, reply: &str) -> Result<(), StoreError>;
    /// Forgets a key, if it is known.
    async fn forget_idempotent(&mut self, key: &Key) -> Result<(), StoreError>;
    /// How many keys of a caller are known.
    async fn count_idempotency_keys(&mut self, caller: &str) -> Result<u64, StoreError>;
    /// Forgets all keys that were begun before `before`, and tells how many there were.
    async fn remove_idempotency_keys(&mut self, before: i64) -> Result<u64, StoreError>;

    /// The end of the audit's chain.
    async fn audit_head(&mut self) -> Result<Head, StoreError>;
    /// Adds entries, many with one statement.
    async fn append_audits(&mut self, entries: &[Entry]) -> Result<(), StoreError>;
    /// Entries after `after`, oldest first, at most `limit`.
    async fn audit_after(&mut self, after: i64, limit: i64) -> Result<Vec<Entry>, StoreError>;
    /// Entries before `before` (all without it), newest first, at most `limit`.
    async fn audit_before(&mut self, before: Option<i64>, limit: i64) -> Result<Vec<Entry>, StoreError>;
    /// Entries that `filter` admits, of those before `before` (all without it), newest first, at most `limit`.
    async fn audit_matching(
        &mut self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Entry>, StoreError>;

    /// Makes all changes durable.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}
