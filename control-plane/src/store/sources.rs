//! What is kept of sources, their push tokens and what they have pushed. An entry is read as the [`Token`] that it is to
//! proxies: its id has a dot, its creator is the source, and it has neither prefix nor hint.

use async_trait::async_trait;
use gatepass::token::Digest;

use super::StoreError;
use crate::domain::source::{Named, PushToken, Source};
use crate::domain::token::Token;

/// What a transaction does with sources. Every call fails as those of [`super::Transaction`] do.
#[async_trait]
pub trait SourceTables: Send {
    /// The source of this name, unless it was deleted.
    async fn source(&mut self, name: &str) -> Result<Option<Source>, StoreError>;
    /// The source with this id, unless it was deleted.
    async fn source_by_id(&mut self, id: i64) -> Result<Option<Source>, StoreError>;
    /// All sources that were not deleted, by name.
    async fn sources(&mut self) -> Result<Vec<Source>, StoreError>;
    /// Adds a source (`id` and `revision` are ignored) and returns it with both. Its revision goes on from that of an earlier
    /// source of the name, so that an old `If-Match` does not fit.
    async fn insert_source(&mut self, source: &Source) -> Result<Source, StoreError>;
    /// Writes what may change of a source: description, users, bound, revision and the last push.
    async fn update_source(&mut self, source: &Source) -> Result<(), StoreError>;
    /// Marks a source as deleted.
    async fn delete_source(&mut self, id: i64, at: i64) -> Result<(), StoreError>;

    /// The push token of this digest, revoked ones as well.
    async fn push_token_by_digest(&mut self, digest: &Digest) -> Result<Option<PushToken>, StoreError>;
    /// The push tokens of a source that are not revoked, ordered by id.
    async fn push_tokens_of(&mut self, source_id: i64) -> Result<Vec<PushToken>, StoreError>;
    /// Adds a push token.
    async fn insert_push_token(&mut self, token: &PushToken) -> Result<(), StoreError>;
    /// Writes what may change of a push token: its end, its successor, its revocation and its last push.
    async fn update_push_token(&mut self, token: &PushToken) -> Result<(), StoreError>;

    /// How many entries a source has.
    async fn count_entries(&mut self, source_id: i64) -> Result<u64, StoreError>;
    /// Entries of a source, or of all, ordered by id, after `after`, at most `limit`.
    async fn entries(
        &mut self,
        source_id: Option<i64>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Token>, StoreError>;
    /// Adds entries, and writes what may change of those that there are: user, description, end, scope, addresses and whether
    /// they are disabled.
    async fn put_entries(&mut self, source_id: i64, entries: &[Token]) -> Result<(), StoreError>;
    /// Entries that bear a user's name, those that were pushed last first, at most `limit`.
    async fn entries_of(&mut self, user_id: i64, limit: u32) -> Result<Vec<Token>, StoreError>;
    /// The entry that proxies know by this id.
    async fn entry(&mut self, token_id: &str) -> Result<Option<Token>, StoreError>;
    /// The entry of this digest.
    async fn entry_by_digest(&mut self, digest: &Digest) -> Result<Option<Token>, StoreError>;
    /// Removes entries by their ids, and tells how many there were. When their digests were pushed first stays known.
    async fn remove_entries(&mut self, ids: &[&str], at: i64) -> Result<u64, StoreError>;
    /// When these digests were pushed first, in Unix seconds, of those that have gone and of which it is known.
    async fn first_pushes(&mut self, digests: &[Digest]) -> Result<Vec<(Digest, i64)>, StoreError>;
    /// Forgets when digests were pushed first that went before `before`, of this source and of those that were deleted, and
    /// of this source those that went before the last `most`.
    async fn forget_first_pushes(&mut self, source_id: i64, before: i64, most: u64)
    -> Result<(), StoreError>;
    /// The users of exactly these names, as far as there are any.
    async fn named_users(&mut self, names: &[&str]) -> Result<Vec<Named>, StoreError>;
    /// Which of these digests are held by a token or a push token, revoked ones as well, or by an entry of another source.
    async fn digests_held(&mut self, source_id: i64, digests: &[Digest]) -> Result<Vec<Digest>, StoreError>;
    /// The digests of entries that went after `revision`; `None` if some of them may have been forgotten.
    async fn entries_gone_since(&mut self, revision: u64) -> Result<Option<Vec<Digest>>, StoreError>;
    /// Forgets which entries went before now, if there are more than `most`.
    async fn forget_gone_entries(&mut self, most: u64) -> Result<(), StoreError>;
}
