//! What [`Outbox`] asks of SQLite.

use async_trait::async_trait;

use super::{Result, SqliteTransaction, webhooks};
use crate::domain::webhook::{Delivery, Webhook};
use crate::store::outbox::{Outbox, Outcome};

#[async_trait]
impl Outbox for SqliteTransaction {
    async fn webhooks(&mut self) -> Result<Vec<Webhook>> {
        webhooks::all(&mut self.inner).await
    }

    async fn webhook(&mut self, id: &str) -> Result<Option<Webhook>> {
        webhooks::by_id(&mut self.inner, id).await
    }

    async fn insert_webhook(&mut self, webhook: &Webhook) -> Result<()> {
        webhooks::insert(&mut self.inner, webhook).await
    }

    async fn update_webhook(&mut self, webhook: &Webhook) -> Result<()> {
        webhooks::update(&mut self.inner, webhook).await
    }

    async fn remove_webhook(&mut self, id: &str) -> Result<bool> {
        webhooks::remove(&mut self.inner, id).await
    }

    async fn tokens_to_notify(
        &mut self,
        webhook_id: &str,
        stage: i64,
        expiries: (i64, i64),
        limit: i64,
    ) -> Result<Vec<String>> {
        webhooks::tokens_to_notify(&mut self.inner, webhook_id, stage, expiries, limit).await
    }

    async fn insert_delivery(&mut self, delivery: &Delivery) -> Result<()> {
        webhooks::insert_delivery(&mut self.inner, delivery).await
    }

    async fn deliveries_due(&mut self, webhook_id: &str, now: i64, limit: i64) -> Result<Vec<Delivery>> {
        webhooks::due(&mut self.inner, webhook_id, now, limit).await
    }

    async fn claim_delivery(&mut self, id: &str, now: i64, until: i64) -> Result<()> {
        webhooks::claim(&mut self.inner, id, now, until).await
    }

    async fn finish_delivery(&mut self, id: &str, attempt: i64, outcome: &Outcome<'_>) -> Result<bool> {
        webhooks::finish(&mut self.inner, id, attempt, outcome).await
    }

    async fn deliveries(
        &mut self,
        webhook_id: &str,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Delivery>> {
        webhooks::list(&mut self.inner, webhook_id, before, limit).await
    }

    async fn pending_tests(&mut self, webhook_id: &str) -> Result<i64> {
        webhooks::pending_tests(&mut self.inner, webhook_id).await
    }

    async fn forget_pending(&mut self, webhook_id: &str) -> Result<u64> {
        webhooks::forget_pending(&mut self.inner, webhook_id).await
    }

    async fn remove_old_deliveries(&mut self, before: i64, limit: i64) -> Result<u64> {
        webhooks::remove_old(&mut self.inner, before, limit).await
    }
}
