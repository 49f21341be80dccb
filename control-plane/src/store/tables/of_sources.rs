//! What a transaction does with sources: the statements of their tables.

use async_trait::async_trait;
use gatepass::token::Digest;

use super::{Result, Tx, entries, first_pushes, run, signed, sources};
use crate::domain::source::{Named, PushToken, Source};
use crate::domain::token::Token;
use crate::store::SourceTables;

#[async_trait]
impl SourceTables for Tx {
    async fn source(&mut self, name: &str) -> Result<Option<Source>> {
        run!(self, sources::by_name, name)
    }

    async fn source_by_id(&mut self, id: i64) -> Result<Option<Source>> {
        run!(self, sources::by_id, id)
    }

    async fn sources(&mut self) -> Result<Vec<Source>> {
        run!(self, sources::all)
    }

    async fn insert_source(&mut self, source: &Source) -> Result<Source> {
        run!(self, sources::insert, source)
    }

    async fn update_source(&mut self, source: &Source) -> Result<()> {
        run!(self, sources::update, source)
    }

    async fn delete_source(&mut self, id: i64, at: i64) -> Result<()> {
        run!(self, sources::delete, id, at)
    }

    async fn push_token_by_digest(&mut self, digest: &Digest) -> Result<Option<PushToken>> {
        run!(self, sources::push_token_by_digest, digest)
    }

    async fn push_tokens_of(&mut self, source_id: i64) -> Result<Vec<PushToken>> {
        run!(self, sources::push_tokens_of, source_id)
    }

    async fn insert_push_token(&mut self, token: &PushToken) -> Result<()> {
        run!(self, sources::insert_push_token, token)
    }

    async fn update_push_token(&mut self, token: &PushToken) -> Result<()> {
        run!(self, sources::update_push_token, token)
    }

    async fn count_entries(&mut self, source_id: i64) -> Result<u64> {
        run!(self, entries::count, source_id)
    }

    async fn entries(
        &mut self,
        source_id: Option<i64>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Token>> {
        run!(self, entries::page, source_id, after, limit)
    }

    async fn put_entries(&mut self, source_id: i64, entries: &[Token]) -> Result<()> {
        run!(self, entries::put, source_id, entries)
    }

    async fn entries_of(&mut self, user_id: i64, limit: u32) -> Result<Vec<Token>> {
        run!(self, entries::of_user, user_id, limit)
    }

    async fn entry(&mut self, token_id: &str) -> Result<Option<Token>> {
        run!(self, entries::by_id, token_id)
    }

    async fn entry_by_digest(&mut self, digest: &Digest) -> Result<Option<Token>> {
        run!(self, entries::by_digest, digest)
    }

    async fn remove_entries(&mut self, ids: &[&str], at: i64) -> Result<u64> {
        run!(self, entries::remove, ids, at)
    }

    async fn first_pushes(&mut self, digests: &[Digest]) -> Result<Vec<(Digest, i64)>> {
        run!(self, first_pushes::of, digests)
    }

    async fn forget_first_pushes(&mut self, source_id: i64, before: i64, most: u64) -> Result<()> {
        run!(self, first_pushes::forget, source_id, before, signed(most)?)
    }

    async fn named_users(&mut self, names: &[&str]) -> Result<Vec<Named>> {
        run!(self, entries::named_users, names)
    }

    async fn digests_held(&mut self, source_id: i64, digests: &[Digest]) -> Result<Vec<Digest>> {
        run!(self, entries::digests_held, source_id, digests)
    }

    async fn entries_gone_since(&mut self, revision: u64) -> Result<Option<Vec<Digest>>> {
        run!(self, entries::gone_since, signed(revision)?)
    }

    async fn forget_gone_entries(&mut self, most: u64) -> Result<()> {
        run!(self, entries::forget_gone, most)
    }
}
