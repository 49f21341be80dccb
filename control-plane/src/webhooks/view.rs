//! Endpoints and posts as they are shown: without secrets, and without what receivers answer.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::domain::webhook::{Delivery, DeliveryState, Webhook};
use crate::schema;

/// An endpoint as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookView {
    #[schema(value_type = schema::WebhookId)]
    id: String,
    /// Where posts go.
    #[schema(value_type = schema::WebhookUrl)]
    url: String,
    /// What it is for.
    #[schema(value_type = Option<schema::Text>, required)]
    description: Option<String>,
    /// Whether posts go there.
    enabled: bool,
    #[schema(value_type = schema::Time)]
    created_at: String,
    /// Until when the secret before the last rotation signs as well.
    #[schema(value_type = Option<schema::Time>, required)]
    old_secret_until: Option<String>,
    /// The first attempt that failed since one that did not; null while posts arrive.
    #[schema(value_type = Option<schema::Time>, required)]
    failing_since: Option<String>,
    #[schema(value_type = Option<schema::Time>, required)]
    disabled_at: Option<String>,
    /// A user's name, or `server:webhooks` if no attempt had succeeded for 5 days, or the receiver answered 410.
    #[schema(value_type = Option<schema::Actor>, required)]
    disabled_by: Option<String>,
}

/// An endpoint with its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CreatedWebhook {
    /// What posts are signed with, `whsec_` and base64: here and nowhere else.
    secret: String,
    #[serde(flatten)]
    view: WebhookView,
}

/// A post as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryView {
    /// The message's id, `webhook-id`, the same at each attempt.
    #[schema(value_type = schema::WebhookId)]
    id: String,
    #[schema(value_type = schema::WebhookEvent)]
    event: &'static str,
    /// Of which token; null for a test.
    #[schema(value_type = Option<schema::TokenId>, required)]
    token_id: Option<String>,
    /// The stage: 30, 7 or 1 days before the token's end; null for a test.
    #[schema(value_type = Option<schema::NoticeStage>, required)]
    within_days: Option<i64>,
    #[schema(value_type = schema::Time)]
    created_at: String,
    /// `pending`, `delivered`, `failed` (given up after 3 days; a test after one attempt) or `dropped` (there was nothing to say
    /// any more).
    #[schema(value_type = schema::DeliveryStateName)]
    state: &'static str,
    /// How often it was tried.
    attempts: i64,
    #[schema(value_type = Option<schema::Time>, required)]
    last_attempt_at: Option<String>,
    /// When it is tried, or tried again; null if it is not.
    #[schema(value_type = Option<schema::Time>, required)]
    next_attempt_at: Option<String>,
    /// The status of the last reply; null if there was none.
    #[schema(required)]
    status: Option<u16>,
    /// A word for why the last attempt failed, or why it was dropped.
    #[schema(required)]
    problem: Option<String>,
}

impl From<&Webhook> for WebhookView {
    fn from(webhook: &Webhook) -> Self {
        Self {
            id: webhook.id.clone(),
            url: webhook.url.clone(),
            description: webhook.description.clone(),
            enabled: webhook.is_enabled(),
            created_at: rfc3339(webhook.created_at),
            old_secret_until: webhook.old.as_ref().map(|(_, until)| rfc3339(*until)),
            failing_since: webhook.failing_since.map(rfc3339),
            disabled_at: webhook.disabled.as_ref().map(|disabled| rfc3339(disabled.at)),
            disabled_by: webhook.disabled.as_ref().map(|disabled| disabled.by.clone()),
        }
    }
}

impl CreatedWebhook {
    pub(super) fn new(secret: String, webhook: &Webhook) -> Self {
        Self { secret, view: webhook.into() }
    }

    /// The public id.
    pub fn id(&self) -> &str {
        &self.view.id
    }
}

impl From<&Delivery> for DeliveryView {
    fn from(delivery: &Delivery) -> Self {
        let notice = delivery.notice.as_ref();
        let is_pending = delivery.state == DeliveryState::Pending;
        Self {
            id: delivery.id.clone(),
            event: delivery.event.as_str(),
            token_id: notice.map(|(token, _)| token.clone()),
            within_days: notice.map(|(_, stage)| *stage),
            created_at: rfc3339(delivery.created_at),
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            last_attempt_at: delivery.last_at.map(rfc3339),
            next_attempt_at: is_pending.then(|| rfc3339(delivery.next_at)),
            status: delivery.status,
            problem: delivery.problem.clone(),
        }
    }
}
