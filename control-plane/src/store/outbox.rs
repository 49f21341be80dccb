//! What is asked of a database about endpoints that are told of tokens that end, and about what they were and are to be told.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::webhook::{Delivery, DeliveryState, Webhook};

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// What has become of the post.
    pub state: DeliveryState,
    /// If it is pending: not before this time, in Unix seconds.
    pub next_at: i64,
    /// The status of the reply, if there was one.
    pub status: Option<u16>,
    /// A word for why it failed, or why it was dropped.
    pub problem: Option<&'a str>,
}

/// A part of [`super::Transaction`].
#[async_trait]
pub trait Outbox: Send {
    /// All endpoints, ordered by id.
    async fn webhooks(&mut self) -> Result<Vec<Webhook>, StoreError>;
    /// The endpoint of this id.
    async fn webhook(&mut self, id: &str) -> Result<Option<Webhook>, StoreError>;
    /// Adds an endpoint.
    async fn insert_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError>;
    /// Writes all of an endpoint but id and time of creation.
    async fn update_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError>;
    /// Removes an endpoint and all that it was told; `false` when there is none.
    async fn remove_webhook(&mut self, id: &str) -> Result<bool, StoreError>;

    /// Ids of tokens that are in use, end after the first and up to the second of `expiries`, were made more than `stage` days
    /// before their end, and of which the endpoint was not told at this stage or a later one; at most `limit`, those
    /// that end first. Entries of sources come behind tokens.
    async fn tokens_to_notify(
        &mut self,
        webhook_id: &str,
        stage: i64,
        expiries: (i64, i64),
        limit: i64,
    ) -> Result<Vec<String>, StoreError>;
    /// Adds a post.
    async fn insert_delivery(&mut self, delivery: &Delivery) -> Result<(), StoreError>;
    /// Pending posts to an endpoint that may be sent at `now`, at most `limit`, those that have waited longest first.
    async fn deliveries_due(
        &mut self,
        webhook_id: &str,
        now: i64,
        limit: i64,
    ) -> Result<Vec<Delivery>, StoreError>;
    /// Notes that a post is being sent, until `until` by nobody else. It is then its attempt `attempts + 1`.
    async fn claim_delivery(&mut self, id: &str, now: i64, until: i64) -> Result<(), StoreError>;
    /// Writes what came of the attempt of this number; `false` if it is pending no longer, or somebody else tries again.
    async fn finish_delivery(
        &mut self,
        id: &str,
        attempt: i64,
        outcome: &Outcome<'_>,
    ) -> Result<bool, StoreError>;
    /// Posts to an endpoint, newest first, those before the id `before`; at most `limit`.
    async fn deliveries(
        &mut self,
        webhook_id: &str,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Delivery>, StoreError>;
    /// How many tests of an endpoint are pending.
    async fn pending_tests(&mut self, webhook_id: &str) -> Result<i64, StoreError>;
    /// Forgets what an endpoint was still to be told, and tells how much there was.
    async fn forget_pending(&mut self, webhook_id: &str) -> Result<u64, StoreError>;
    /// Forgets what is not pending and was made before `before`, at most `limit`, and tells how much there was.
    async fn remove_old_deliveries(&mut self, before: i64, limit: i64) -> Result<u64, StoreError>;
}
