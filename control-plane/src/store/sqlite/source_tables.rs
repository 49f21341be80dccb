//! What a transaction does with sources: the shared tables' statements.

use async_trait::async_trait;
use gatepass::token::Digest;

use super::{Result, SqliteTransaction, entries, signed, sources};
use crate::domain::source::{Named, PushToken, Source};
use crate::domain::token::Token;
use crate::store::SourceTables;

#[async_trait]
impl SourceTables for SqliteTransaction {
    async fn source(&mut self, name: &str) -> Result<Option<Source>> {
        sources::by_name(&mut self.inner, name).await
    }

    async fn source_by_id(&mut self, id: i64) -> Result<Option<Source>> {
        sources::by_id(&mut self.inner, id).await
    }

    async fn sources(&mut self) -> Result<Vec<Source>> {
        sources::all(&mut self.inner).await
    }

    async fn insert_source(&mut self, source: &Source) -> Result<Source> {
        sources::insert(&mut self.inner, source).await
    }

    async fn update_source(&mut self, source: &Source) -> Result<()> {
        sources::update(&mut self.inner, source).await
    }

    async fn delete_source(&mut self, id: i64, at: i64) -> Result<()> {
        sources::delete(&mut self.inner, id, at).await
    }

    async fn push_token_by_digest(&mut self, digest: &Digest) -> Result<Option<PushToken>> {
        sources::push_token_by_digest(&mut self.inner, digest).await
    }

    async fn push_tokens_of(&mut self, source_id: i64) -> Result<Vec<PushToken>> {
        sources::push_tokens_of(&mut self.inner, source_id).await
    }

    async fn insert_push_token(&mut self, token: &PushToken) -> Result<()> {
        sources::insert_push_token(&mut self.inner, token).await
    }

    async fn update_push_token(&mut self, token: &PushToken) -> Result<()> {
        sources::update_push_token(&mut self.inner, token).await
    }

    async fn count_entries(&mut self, source_id: i64) -> Result<u64> {
        entries::count(&mut self.inner, source_id).await
    }

    async fn entries(
        &mut self,
        source_id: Option<i64>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Token>> {
        entries::page(&mut self.inner, source_id, after, limit).await
    }

    async fn put_entries(&mut self, source_id: i64, entries: &[Token]) -> Result<()> {
        entries::put(&mut self.inner, source_id, entries).await
    }

    async fn remove_entries(&mut self, ids: &[&str]) -> Result<u64> {
        entries::remove(&mut self.inner, ids).await
    }

    async fn named_users(&mut self, names: &[&str]) -> Result<Vec<Named>> {
        entries::named_users(&mut self.inner, names).await
    }

    async fn digests_held(&mut self, source_id: i64, digests: &[Digest]) -> Result<Vec<Digest>> {
        entries::digests_held(&mut self.inner, source_id, digests).await
    }

    async fn entries_gone_since(&mut self, revision: u64) -> Result<Option<Vec<Digest>>> {
        entries::gone_since(&mut self.inner, signed(revision)?).await
    }

    async fn forget_gone_entries(&mut self, most: u64) -> Result<()> {
        entries::forget_gone(&mut self.inner, most).await
    }
}
