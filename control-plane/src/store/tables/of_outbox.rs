//! What [`Outbox`] asks of a database.

use async_trait::async_trait;

use super::{Result, Tx, run, webhooks};
use crate::domain::webhook::{Delivery, Webhook};
use crate::store::outbox::{Outbox, Outcome};

#[async_trait]
impl Outbox for Tx {
    async fn webhooks(&mut self) -> Result<Vec<Webhook>> {
        run!(self, webhooks::all)
    }

    async fn webhook(&mut self, id: &str) -> Result<Option<Webhook>> {
        run!(self, webhooks::by_id, id)
    }

    async fn insert_webhook(&mut self, webhook: &Webhook) -> Result<()> {
        run!(self, webhooks::insert, webhook)
    }

    async fn update_webhook(&mut self, webhook: &Webhook) -> Result<()> {
        run!(self, webhooks::update, webhook)
    }

    async fn remove_webhook(&mut self, id: &str) -> Result<bool> {
        run!(self, webhooks::remove, id)
    }

    async fn tokens_to_notify(
        &mut self,
        webhook_id: &str,
        stage: i64,
        expiries: (i64, i64),
        limit: i64,
    ) -> Result<Vec<String>> {
        run!(self, webhooks::tokens_to_notify, webhook_id, stage, expiries, limit)
    }

    async fn insert_delivery(&mut self, delivery: &Delivery) -> Result<()> {
        run!(self, webhooks::insert_delivery, delivery)
    }

    async fn deliveries_due(&mut self, webhook_id: &str, now: i64, limit: i64) -> Result<Vec<Delivery>> {
        run!(self, webhooks::due, webhook_id, now, limit)
    }

    async fn claim_delivery(&mut self, id: &str, now: i64, until: i64) -> Result<()> {
        run!(self, webhooks::claim, id, now, until)
    }

    async fn finish_delivery(&mut self, id: &str, attempt: i64, outcome: &Outcome<'_>) -> Result<bool> {
        run!(self, webhooks::finish, id, attempt, outcome)
    }

    async fn deliveries(
        &mut self,
        webhook_id: &str,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Delivery>> {
        run!(self, webhooks::list, webhook_id, before, limit)
    }

    async fn pending_tests(&mut self, webhook_id: &str) -> Result<i64> {
        run!(self, webhooks::pending_tests, webhook_id)
    }

    async fn forget_pending(&mut self, webhook_id: &str) -> Result<u64> {
        run!(self, webhooks::forget_pending, webhook_id)
    }

    async fn remove_old_deliveries(&mut self, before: i64, limit: i64) -> Result<u64> {
        run!(self, webhooks::remove_old, before, limit)
    }
}
