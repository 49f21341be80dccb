//! Who is told what, when: what is due is written down first, and sent from there, so that nothing is lost and one server sends
//! at a time, whatever ends meanwhile.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use url::Url;

use super::outgoing::{Failure, Post};
use super::{record, target};
use crate::change::Change;
use crate::clock::rfc3339;
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::notices::{STAGES, expiries, stage};
use crate::domain::source::{is_entry, source_of};
use crate::domain::token::{Disabled, State, Token};
use crate::domain::user::system_actor;
use crate::domain::webhook::{
    DISABLED_AFTER, Delivery, DeliveryState, Event, KEPT_FOR, LEASE, Webhook, wait,
};
use crate::error::Error;
use crate::random::{Random, sortable_id};
use crate::store::StoreError;
use crate::store::outbox::Outcome;

/// How often [`run`] looks for posts that are to be sent.
const POLL: Duration = Duration::from_secs(1);
/// How many times [`POLL`] lie between two looks for tokens of which somebody is to be told: 5 minutes.
const LOOKS: u32 = 300;
/// How many posts are written down, or forgotten, in one transaction: nobody else writes meanwhile.
const BATCH: i64 = 500;
/// How many posts to one endpoint are under way at a time, and to one that fails.
const AT_ONCE: i64 = 4;
const AT_ONCE_FAILING: i64 = 1;

/// Looks for what is to be told, and sends it. Never returns. Each replica does; an endpoint that is slow keeps no other
/// one waiting.
pub async fn run(context: Context) {
    let mut sending: HashMap<String, JoinHandle<()>> = HashMap::new();
    let mut ticks = tokio::time::interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut looks, mut failing) = (0_u32, false);
    loop {
        ticks.tick().await;
        let done = round(&context, looks % LOOKS == 0, &mut sending).await;
        // Once per change of state: there is another round in a second.
        if let Err(error) = &done
            && !failing
        {
            tracing::error!(%error, "webhooks could not be looked after; it is tried again");
        }
        failing = done.is_err();
        // What was to be looked for and could not be, is with the next round.
        looks = if failing { 0 } else { looks.wrapping_add(1) };
    }
}

async fn round(
    context: &Context,
    looks: bool,
    sending: &mut HashMap<String, JoinHandle<()>>,
) -> Result<(), Error> {
    if looks {
        note_due(context).await?;
    }
    sending.retain(|_, task| !task.is_finished());
    for Webhook { id, .. } in enabled(context).await? {
        let (context, webhook) = (context.clone(), id.clone());
        let send = || tokio::spawn(async move { send_to(&context, &webhook).await });
        sending.entry(id).or_insert_with(send);
    }
    Ok(())
}

async fn enabled(context: &Context) -> Result<Vec<Webhook>, StoreError> {
    let webhooks = context.store.read().await?.webhooks().await?;
    Ok(webhooks.into_iter().filter(Webhook::is_enabled).collect())
}

async fn send_to(context: &Context, webhook: &str) {
    loop {
        match send_some(context, webhook).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(webhook, %error, "a webhook's posts could not be sent; it is tried again");
                return;
            }
        }
    }
}

/// Writes down of which tokens the endpoints are to be told, and forgets what was told long ago.
///
/// # Errors
/// The database failed.
pub async fn note_due(context: &Context) -> Result<(), Error> {
    for webhook in enabled(context).await? {
        for stage in STAGES {
            while note_some(context, &webhook.id, stage).await? {}
        }
    }
    let before = context.clock.now().as_second().saturating_sub(KEPT_FOR);
    loop {
        let mut tx = context.store.write().await?;
        let removed = tx.remove_old_deliveries(before, BATCH).await?;
        tx.commit().await?;
        if i64::try_from(removed).is_ok_and(|removed| removed < BATCH) {
            return Ok(());
        }
    }
}

/// Writes down some of one stage; `false` when there were none.
async fn note_some(context: &Context, webhook_id: &str, stage: i64) -> Result<bool, Error> {
    let now = context.clock.now();
    let at = now.as_second();
    let within = expiries(stage, at);
    // Looked at first, so that nobody waits for a turn to write for nothing.
    let mut tx = context.store.read().await?;
    if tx.tokens_to_notify(webhook_id, stage, within, 1).await?.is_empty() {
        return Ok(false);
    }
    drop(tx);
    let mut tx = context.store.write().await?;
    // It may have been removed or disabled meanwhile, and another server may have written them down.
    if !tx.webhook(webhook_id).await?.is_some_and(|webhook| webhook.is_enabled()) {
        return Ok(false);
    }
    for token in tx.tokens_to_notify(webhook_id, stage, within, BATCH).await? {
        let delivery = Delivery {
            id: sortable_id(now, context.random.as_ref())?,
            webhook_id: webhook_id.to_owned(),
            event: Event::TokenExpiring,
            notice: Some((token, stage)),
            created_at: at,
            state: DeliveryState::Pending,
            attempts: 0,
            next_at: at,
            last_at: None,
            status: None,
            problem: None,
        };
        tx.insert_delivery(&delivery).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Sends once what is due to all endpoints, one after the other, and tells how many posts were tried or dropped.
///
/// # Errors
/// The database failed.
pub async fn send_due(context: &Context) -> Result<usize, Error> {
    let mut done = 0_usize;
    for webhook in enabled(context).await? {
        done = done.saturating_add(send_some(context, &webhook.id).await?);
    }
    Ok(done)
}

/// Sends some of what is due to one endpoint, and tells how many posts were tried or dropped.
async fn send_some(context: &Context, webhook_id: &str) -> Result<usize, Error> {
    let now = context.clock.now().as_second();
    if context.store.read().await?.deliveries_due(webhook_id, now, 1).await?.is_empty() {
        return Ok(0);
    }
    let (messages, dropped) = claim(context, webhook_id).await?;
    let done = messages.len().saturating_add(dropped);
    let mut under_way = tokio::task::JoinSet::new();
    for message in messages {
        let context = context.clone();
        under_way.spawn(async move {
            let result = message.send(&context).await;
            (message, result)
        });
    }
    while let Some(ended) = under_way.join_next().await {
        let (message, result) = ended.map_err(|error| Error::Internal(format!("a post ended: {error}")))?;
        note(context, &message, result).await?;
    }
    Ok(done)
}

/// A post that this server alone sends now.
struct Message {
    webhook: Webhook,
    delivery: Delivery,
    /// The number of this attempt.
    attempt: i64,
    body: String,
}

/// Takes some posts that are due, so that nobody else sends them meanwhile; tells as well how many were dropped, because
/// there is nothing to say any more.
async fn claim(context: &Context, webhook_id: &str) -> Result<(Vec<Message>, usize), Error> {
    let now = context.clock.now().as_second();
    let mut tx = context.store.write().await?;
    let Some(webhook) = tx.webhook(webhook_id).await?.filter(Webhook::is_enabled) else {
        return Ok((Vec::new(), 0));
    };
    let most = if webhook.failing_since.is_some() { AT_ONCE_FAILING } else { AT_ONCE };
    let (mut messages, mut dropped) = (Vec::new(), 0_usize);
    for delivery in tx.deliveries_due(webhook_id, now, most).await? {
        let body = match &delivery.notice {
            None => Ok(test_body(&webhook, &delivery)),
            Some((id, noted)) if is_entry(id) => match tx.entry(id).await? {
                Some(entry) => notice_body(&delivery, &entry, *noted, now),
                // An entry that a push took away leaves no row.
                None => Err("revoked"),
            },
            Some((id, noted)) => {
                let token = tx.token(id).await?.ok_or(StoreError::Unreadable("delivery row"))?;
                notice_body(&delivery, &token, *noted, now)
            }
        };
        match body {
            Ok(body) => {
                tx.claim_delivery(&delivery.id, now, now.saturating_add(LEASE)).await?;
                let attempt = delivery.attempts.saturating_add(1);
                messages.push(Message { webhook: webhook.clone(), delivery, attempt, body });
            }
            Err(reason) => {
                let (state, problem) = (DeliveryState::Dropped, Some(reason));
                let outcome = Outcome { state, next_at: now, status: delivery.status, problem };
                tx.finish_delivery(&delivery.id, delivery.attempts, &outcome).await?;
                dropped = dropped.saturating_add(1);
            }
        }
    }
    tx.commit().await?;
    Ok((messages, dropped))
}

fn test_body(webhook: &Webhook, delivery: &Delivery) -> String {
    let (kind, timestamp) = (delivery.event.as_str(), rfc3339(delivery.created_at));
    json!({"type": kind, "timestamp": timestamp, "data": {"webhook_id": webhook.id}}).to_string()
}

/// The notice, or why there is nothing to say any more.
fn notice_body(delivery: &Delivery, token: &Token, noted: i64, now: i64) -> Result<String, &'static str> {
    let expires_at = token.expires_at.ok_or("extended")?;
    match token.state(now) {
        State::Revoked => return Err("revoked"),
        State::Disabled => return Err("disabled"),
        State::Expired => return Err("expired"),
        State::Active if token.successor.is_some() => return Err("rotated"),
        State::Active if !token.owner_active => return Err("owner_inactive"),
        State::Active => {}
    }
    // A later stage has a post of its own.
    let present = stage(expires_at, now).ok_or("extended")?;
    if present != noted {
        return Err(if present > noted { "extended" } else { "superseded" });
    }
    let mut data = json!({
        "token_id": token.id, "user": token.owner, "description": token.description, "hint": token.hint,
        "expires_at": rfc3339(expires_at), "within_days": noted,
    });
    if token.is_entry() {
        data["source"] = source_of(&token.id).into();
    }
    let (kind, timestamp) = (delivery.event.as_str(), rfc3339(delivery.created_at));
    Ok(json!({"type": kind, "timestamp": timestamp, "data": data}).to_string())
}

impl Message {
    async fn send(&self, context: &Context) -> Result<u16, Failure> {
        let at = context.clock.now().as_second();
        let url = Url::parse(&self.webhook.url).map_err(|_| Failure::NameUnknown)?;
        let signatures = self.webhook.signatures(&context.audit_key, &self.delivery.id, at, &self.body);
        let post = Post { id: &self.delivery.id, at, signatures, body: self.body.clone() };
        context.outgoing.post(&url, post).await
    }
}

/// Writes down what came of an attempt, for the post and for the endpoint.
async fn note(context: &Context, message: &Message, result: Result<u16, Failure>) -> Result<(), Error> {
    let Message { webhook, delivery, attempt, .. } = message;
    let mut change = Change::by_system(context, system_actor::WEBHOOKS).await?;
    let now = change.at();
    let random = random(context.random.as_ref())?;
    let problem = result.err().map(|failure| failure.to_string());
    let is_test = delivery.event == Event::Test;
    let again = wait(*attempt, delivery.created_at, now, random).filter(|_| !is_test);
    let (state, next_at) = match (result, again) {
        (Ok(_), _) => (DeliveryState::Delivered, now),
        (Err(_), Some(wait)) => (DeliveryState::Pending, now.saturating_add(wait)),
        (Err(_), None) => (DeliveryState::Failed, now),
    };
    let status = result.map_or_else(Failure::status, Some);
    let outcome = Outcome { state, next_at, status, problem: problem.as_deref() };
    if !change.tx.finish_delivery(&delivery.id, *attempt, &outcome).await? {
        // The endpoint is gone, or it took so long that somebody else tries again.
        return Ok(());
    }
    if let Some(webhook) = change.tx.webhook(&webhook.id).await? {
        note_of(&mut change, webhook, result, is_test).await?;
    }
    change.commit().await?;
    Ok(())
}

async fn note_of(
    change: &mut Change<'_>,
    webhook: Webhook,
    result: Result<u16, Failure>,
    is_test: bool,
) -> Result<(), Error> {
    let now = change.at();
    let failing_since = match result {
        Ok(_) => None,
        // Somebody who tries an endpoint out is told at once.
        Err(_) if is_test => webhook.failing_since,
        Err(_) => Some(webhook.failing_since.unwrap_or(now)),
    };
    let too_long = failing_since.is_some_and(|since| now.saturating_sub(since) >= DISABLED_AFTER);
    let gone = result == Err(Failure::Gone);
    if result.is_err() && webhook.is_enabled() && (gone || too_long) {
        let reason = if gone { "gone" } else { "failing" };
        tracing::warn!(webhook = webhook.id, origin = webhook.origin(), reason, "a webhook was disabled");
        let disabled = Some(Disabled { at: now, by: system_actor::WEBHOOKS.to_owned() });
        let after = Webhook { failing_since, disabled, ..webhook.clone() };
        change.tx.update_webhook(&after).await?;
        change.tx.forget_pending(&webhook.id).await?;
        let mut told = record(change, &after);
        told["reason"] = json!(reason);
        let before = record(change, &webhook);
        change.record(Action::WebhookDisabled, target(&webhook.id), &before, &told);
    } else if failing_since != webhook.failing_since {
        change.tx.update_webhook(&Webhook { failing_since, ..webhook }).await?;
    }
    Ok(())
}

fn random(source: &dyn Random) -> Result<u32, Error> {
    let mut bytes = [0; 4];
    source.fill(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}
