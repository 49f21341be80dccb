//! Endpoints that are told of tokens that end: add, show, change, remove, try out. For admins.

pub mod outgoing;
pub mod sending;
mod view;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use utoipa::ToSchema;

use crate::callers::Caller;
use crate::change::Change;
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::choice::given;
use crate::domain::token::Disabled;
use crate::domain::webhook::{
    Delivery, DeliveryState, Event, MAX_TESTS, MAX_URL, MAX_WEBHOOKS, Salt, Secret, Webhook,
};
use crate::domain::{authority, grace, text};
use crate::error::Error;
use crate::random::sortable_id;
use crate::schema;
use crate::tokens::Page;
pub use view::{CreatedWebhook, DeliveryView, WebhookView};

/// An endpoint that is to be added.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// Where posts go.
    #[schema(value_type = schema::WebhookUrl)]
    pub url: String,
    /// What it is for.
    #[serde(default)]
    #[schema(value_type = Option<schema::Text>)]
    pub description: Option<String>,
}

/// What is to change. A missing field stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(description = "What is to change; what is not given stays, and `null` empties what may be empty")]
pub struct WebhookPatch {
    /// Where posts go.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = schema::WebhookUrl, required = false)]
    pub url: Option<String>,
    /// What it is for.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<schema::Text>)]
    pub description: Option<Option<String>>,
    /// Whether posts go there. Disabled, it is told nothing, and what it was still to be told is forgotten; enabled again, it
    /// is told of each token at its present stage.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = bool, required = false)]
    pub enabled: Option<bool>,
}

/// How a secret is to be replaced.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecretRotation {
    /// How long the old secret signs as well, as an ISO 8601 duration; not at all without it.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = schema::Grace, required = false)]
    pub grace: Option<String>,
}

/// All endpoints.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Webhooks {
    /// In the order of their creation.
    pub webhooks: Vec<WebhookView>,
}

/// How the audit names an endpoint.
fn target(id: &str) -> String {
    format!("webhook:{id}")
}

/// An endpoint as the audit shows it: of the URL, whose path may be a secret, the origin and a keyed digest that changes with it.
fn record(change: &Change<'_>, webhook: &Webhook) -> Value {
    let digest = change.keyed_digest("gatepass webhook url 1", &webhook.url);
    json!({
        "id": webhook.id, "origin": webhook.origin(), "url_digest": digest, "description": webhook.description,
        "enabled": webhook.is_enabled(),
    })
}

fn salt(context: &Context) -> Result<Salt, Error> {
    let mut salt = [0; 32];
    context.random.fill(&mut salt)?;
    Ok(salt)
}

fn secret(context: &Context, webhook: &Webhook) -> String {
    Secret::derive(&context.audit_key, &webhook.id, &webhook.salt).expose()
}

/// The URL as it is kept.
fn checked_url(context: &Context, change: &Change<'_>, url: &str) -> Result<String, Error> {
    let wrong = |problem: &str| Error::invalid("url", problem);
    if url.len() > MAX_URL || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong("must be at most 2048 visible ASCII characters"));
    }
    let parsed: Url = url.parse().map_err(|_| wrong("must be https://HOST/…"))?;
    context.outgoing.check(&parsed).map_err(wrong)?;
    if gatepass::token::occurs_in(url.as_bytes(), &change.settings.settings.prefixes()) {
        return Err(wrong("must not hold a token: it is kept in clear"));
    }
    Ok(parsed.into())
}

fn check_description(change: &Change<'_>, description: Option<&str>) -> Result<(), Error> {
    let Some(description) = description else { return Ok(()) };
    let prefixes = change.settings.settings.prefixes();
    text::check(description, &prefixes).map_err(|problem| Error::invalid("description", problem))
}

/// Adds an endpoint, and shows its secret: here, and at rotations, and nowhere else.
///
/// # Errors
/// The caller is no admin, there are too many, or a field is wrong.
pub async fn create(context: &Context, caller: &Caller, new: NewWebhook) -> Result<CreatedWebhook, Error> {
    let (mut change, caller) = Change::by(context, caller).await?;
    authority::administers(caller.principal())?;
    let url = checked_url(context, &change, &new.url)?;
    check_description(&change, new.description.as_deref())?;
    if change.tx.webhooks().await?.len() >= MAX_WEBHOOKS {
        let problem = format!("there are {MAX_WEBHOOKS} webhooks, which is the most: remove one first");
        return Err(Error::Conflict { code: "too_many_webhooks", problem });
    }
    let webhook = Webhook {
        id: sortable_id(change.now, context.random.as_ref())?,
        url,
        description: new.description,
        created_at: change.at(),
        salt: salt(context)?,
        old: None,
        failing_since: None,
        disabled: None,
    };
    change.tx.insert_webhook(&webhook).await?;
    let after = record(&change, &webhook);
    change.record(Action::WebhookCreated, target(&webhook.id), &(), &after);
    change.commit().await?;
    Ok(CreatedWebhook::new(secret(context, &webhook), &webhook))
}

/// Lists all endpoints.
///
/// # Errors
/// The caller is no admin.
pub async fn list(context: &Context, caller: &Caller) -> Result<Webhooks, Error> {
    authority::administers(caller.principal())?;
    let webhooks = context.store.read().await?.webhooks().await?;
    Ok(Webhooks { webhooks: webhooks.iter().map(WebhookView::from).collect() })
}

/// Shows one endpoint.
///
/// # Errors
/// There is none, or the caller is no admin.
pub async fn show(context: &Context, caller: &Caller, id: &str) -> Result<WebhookView, Error> {
    authority::administers(caller.principal())?;
    let webhook = context.store.read().await?.webhook(id).await?;
    Ok(WebhookView::from(&webhook.ok_or(Error::NotFound("webhook"))?))
}

/// The change, and the endpoint in it.
async fn changeable<'a>(
    context: &'a Context,
    caller: &Caller,
    id: &str,
) -> Result<(Change<'a>, Webhook), Error> {
    let (mut change, caller) = Change::by(context, caller).await?;
    authority::administers(caller.principal())?;
    let webhook = change.tx.webhook(id).await?.ok_or(Error::NotFound("webhook"))?;
    Ok((change, webhook))
}

/// Changes an endpoint. What changes nothing leaves no trace.
///
/// # Errors
/// There is none, the caller is no admin, or a field is wrong.
pub async fn update(
    context: &Context,
    caller: &Caller,
    id: &str,
    patch: WebhookPatch,
) -> Result<WebhookView, Error> {
    let (mut change, old) = changeable(context, caller, id).await?;
    let mut new = old.clone();
    if let Some(url) = patch.url {
        new.url = checked_url(context, &change, &url)?;
    }
    if let Some(description) = patch.description {
        check_description(&change, description.as_deref())?;
        new.description = description;
    }
    match patch.enabled {
        Some(true) if !old.is_enabled() => (new.disabled, new.failing_since) = (None, None),
        Some(false) if old.is_enabled() => {
            new.disabled = Some(Disabled { at: change.at(), by: change.actor().to_owned() });
            change.tx.forget_pending(id).await?;
        }
        _ => {}
    }
    if new == old {
        return Ok(WebhookView::from(&new));
    }
    change.tx.update_webhook(&new).await?;
    let (before, after) = (record(&change, &old), record(&change, &new));
    change.record(Action::WebhookUpdated, target(id), &before, &after);
    change.commit().await?;
    Ok(WebhookView::from(&new))
}

/// Removes an endpoint and all that is known of what it was told.
///
/// # Errors
/// There is none, or the caller is no admin.
pub async fn remove(context: &Context, caller: &Caller, id: &str) -> Result<(), Error> {
    let (mut change, webhook) = changeable(context, caller, id).await?;
    change.tx.remove_webhook(id).await?;
    let before = record(&change, &webhook);
    change.record(Action::WebhookDeleted, target(id), &before, &());
    change.commit().await?;
    Ok(())
}

/// Gives an endpoint another secret, and shows it. With a grace the one before signs as well until its end; without one, and
/// at another rotation, it ends at once.
///
/// # Errors
/// There is none, the caller is no admin, or the grace is wrong.
pub async fn rotate(
    context: &Context,
    caller: &Caller,
    id: &str,
    rotation: &SecretRotation,
) -> Result<CreatedWebhook, Error> {
    let grace = rotation.grace.as_deref().map_or(Ok(0), grace::seconds);
    let grace = grace.map_err(|problem| Error::invalid("grace", problem))?;
    let (mut change, old) = changeable(context, caller, id).await?;
    let until = change.at().saturating_add(grace);
    let new = Webhook { salt: salt(context)?, old: (grace > 0).then_some((old.salt, until)), ..old };
    change.tx.update_webhook(&new).await?;
    let after = record(&change, &new);
    change.record(Action::WebhookRotated, target(id), &(), &after);
    change.commit().await?;
    Ok(CreatedWebhook::new(secret(context, &new), &new))
}

/// Has a test sent to an endpoint, soon and once.
///
/// # Errors
/// There is none, it is disabled, the caller is no admin, or there are too many tests.
pub async fn test(context: &Context, caller: &Caller, id: &str) -> Result<DeliveryView, Error> {
    let (mut change, webhook) = changeable(context, caller, id).await?;
    if !webhook.is_enabled() {
        let problem = "this webhook is disabled: enable it first".to_owned();
        return Err(Error::Conflict { code: "webhook_disabled", problem });
    }
    if change.tx.pending_tests(id).await? >= MAX_TESTS {
        let problem = format!("{MAX_TESTS} tests of this webhook have not been sent yet: wait for them");
        return Err(Error::Conflict { code: "too_many_tests", problem });
    }
    let at = change.at();
    let delivery = Delivery {
        id: sortable_id(change.now, context.random.as_ref())?,
        webhook_id: webhook.id.clone(),
        event: Event::Test,
        notice: None,
        created_at: at,
        state: DeliveryState::Pending,
        attempts: 0,
        next_at: at,
        last_at: None,
        status: None,
        problem: None,
    };
    change.tx.insert_delivery(&delivery).await?;
    change.record(Action::WebhookTested, target(id), &(), &json!({"delivery": delivery.id}));
    change.commit().await?;
    Ok(DeliveryView::from(&delivery))
}

/// Lists what an endpoint was told and is to be told, newest first, before the id `before`, at most `limit`.
///
/// # Errors
/// There is none, or the caller is no admin.
pub async fn deliveries(
    context: &Context,
    caller: &Caller,
    id: &str,
    before: Option<String>,
    limit: usize,
) -> Result<Page<DeliveryView>, Error> {
    authority::administers(caller.principal())?;
    let before = before.as_deref();
    if before.is_some_and(|before| !before.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        return Err(Error::invalid("cursor", "is not the next_cursor of a page"));
    }
    let one_more = i64::try_from(limit).unwrap_or(0).saturating_add(1);
    let mut tx = context.store.read().await?;
    if tx.webhook(id).await?.is_none() {
        return Err(Error::NotFound("webhook"));
    }
    let mut found = tx.deliveries(id, before, one_more).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| more).map(|delivery| delivery.id.clone());
    Ok(Page { items: found.iter().map(DeliveryView::from).collect(), next_cursor })
}
