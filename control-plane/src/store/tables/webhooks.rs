//! Endpoints that are told of tokens that end, and what they are told.

use sqlx::Row as _;

use super::{Connection, Result, Row, entries, one_row};
use crate::domain::source;
use crate::domain::token::Disabled;
use crate::domain::webhook::{Delivery, DeliveryState, Event, Salt, Webhook};
use crate::store::StoreError;
use crate::store::outbox::Outcome;

macro_rules! select_webhooks {
    ($rest:literal) => {
        concat!(
            "SELECT id, url, description, created_at, salt, old_salt, old_until, failing_since, disabled_at, disabled_by ",
            "FROM webhooks ",
            $rest
        )
    };
}

macro_rules! select_deliveries {
    ($rest:literal) => {
        concat!(
            "SELECT id, webhook_id, event, coalesce(token_id, entry_id) AS token_id, stage, created_at, state, attempts, ",
            "next_at, last_at, status, problem ",
            "FROM webhook_deliveries ",
            $rest
        )
    };
}

pub(super) async fn all(db: &mut Connection) -> Result<Vec<Webhook>> {
    let rows = sqlx::query(select_webhooks!("ORDER BY id")).fetch_all(db).await?;
    rows.iter().map(webhook).collect()
}

pub(super) async fn by_id(db: &mut Connection, id: &str) -> Result<Option<Webhook>> {
    let row = sqlx::query(select_webhooks!("WHERE id = $1")).bind(id).fetch_optional(db).await?;
    row.as_ref().map(webhook).transpose()
}

pub(super) async fn insert(db: &mut Connection, webhook: &Webhook) -> Result<()> {
    sqlx::query("INSERT INTO webhooks (id, url, created_at, salt) VALUES ($1, $2, $3, $4)")
        .bind(&webhook.id)
        .bind(&webhook.url)
        .bind(webhook.created_at)
        .bind(webhook.salt.as_slice())
        .execute(&mut *db)
        .await?;
    update(db, webhook).await
}

pub(super) async fn update(db: &mut Connection, webhook: &Webhook) -> Result<()> {
    let (old, disabled) = (webhook.old.as_ref(), webhook.disabled.as_ref());
    let done = sqlx::query(
        "UPDATE webhooks SET url = $1, description = $2, salt = $3, old_salt = $4, old_until = $5, failing_since = $6,
                disabled_at = $7, disabled_by = $8
         WHERE id = $9",
    )
    .bind(&webhook.url)
    .bind(&webhook.description)
    .bind(webhook.salt.as_slice())
    .bind(old.map(|(salt, _)| salt.as_slice()))
    .bind(old.map(|(_, until)| *until))
    .bind(webhook.failing_since)
    .bind(disabled.map(|disabled| disabled.at))
    .bind(disabled.map(|disabled| &disabled.by))
    .bind(&webhook.id)
    .execute(db)
    .await?;
    one_row(done.rows_affected(), "webhook row")
}

pub(super) async fn remove(db: &mut Connection, id: &str) -> Result<bool> {
    sqlx::query("DELETE FROM webhook_deliveries WHERE webhook_id = $1").bind(id).execute(&mut *db).await?;
    let done = sqlx::query("DELETE FROM webhooks WHERE id = $1").bind(id).execute(db).await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn tokens_to_notify(
    db: &mut Connection,
    webhook_id: &str,
    stage: i64,
    (after, upto): (i64, i64),
    limit: i64,
) -> Result<Vec<String>> {
    // The expression is that of an index, and so is the order.
    let sql = "SELECT t.id FROM tokens t
               WHERE coalesce(expires_at, 9223372036854775807) > $1 AND coalesce(expires_at, 9223372036854775807) <= $2
                 AND t.created_at < t.expires_at - $3 * 86400
                 AND t.revoked_at IS NULL AND t.disabled_at IS NULL AND t.successor IS NULL
                 AND EXISTS (SELECT 1 FROM users u WHERE u.id = t.user_id AND u.active AND u.suspended_at IS NULL)
                 AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d
                                 WHERE d.token_id = t.id AND d.webhook_id = $4 AND d.stage <= $3)
               ORDER BY coalesce(expires_at, 9223372036854775807), t.number LIMIT $5";
    let ids = sqlx::query_scalar(sql).bind(after).bind(upto).bind(stage).bind(webhook_id).bind(limit);
    let mut ids: Vec<String> = ids.fetch_all(&mut *db).await?;
    let left = limit.saturating_sub(i64::try_from(ids.len()).unwrap_or(limit));
    if left > 0 {
        ids.extend(entries::to_notify(db, webhook_id, stage, (after, upto), left).await?);
    }
    Ok(ids)
}

pub(super) async fn insert_delivery(db: &mut Connection, delivery: &Delivery) -> Result<()> {
    let notice = delivery.notice.as_ref();
    let (entry, token) = match notice.map(|(id, _)| id) {
        Some(id) if source::is_entry(id) => (Some(id), None),
        id => (None, id),
    };
    sqlx::query(
        "INSERT INTO webhook_deliveries (id, webhook_id, event, token_id, stage, created_at, state, attempts, next_at,
                                         last_at, status, problem, entry_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(&delivery.id)
    .bind(&delivery.webhook_id)
    .bind(delivery.event.as_str())
    .bind(token)
    .bind(notice.map(|(_, stage)| *stage))
    .bind(delivery.created_at)
    .bind(delivery.state.as_str())
    .bind(delivery.attempts)
    .bind(delivery.next_at)
    .bind(delivery.last_at)
    .bind(delivery.status.map(i64::from))
    .bind(&delivery.problem)
    .bind(entry)
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn due(
    db: &mut Connection,
    webhook_id: &str,
    now: i64,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let sql = select_deliveries!(
        "WHERE webhook_id = $1 AND state = 'pending' AND next_at <= $2 ORDER BY next_at, id LIMIT $3"
    );
    let rows = sqlx::query(sql).bind(webhook_id).bind(now).bind(limit).fetch_all(db).await?;
    rows.iter().map(delivery).collect()
}

pub(super) async fn claim(db: &mut Connection, id: &str, now: i64, until: i64) -> Result<()> {
    let sql = "UPDATE webhook_deliveries SET attempts = attempts + 1, last_at = $1, next_at = $2
               WHERE id = $3 AND state = 'pending'";
    let done = sqlx::query(sql).bind(now).bind(until).bind(id).execute(db).await?;
    one_row(done.rows_affected(), "delivery row")
}

pub(super) async fn finish(
    db: &mut Connection,
    id: &str,
    attempt: i64,
    outcome: &Outcome<'_>,
) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE webhook_deliveries SET state = $1, next_at = $2, status = $3, problem = $4
         WHERE id = $5 AND attempts = $6 AND state = 'pending'",
    )
    .bind(outcome.state.as_str())
    .bind(outcome.next_at)
    .bind(outcome.status.map(i64::from))
    .bind(outcome.problem)
    .bind(id)
    .bind(attempt)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn list(
    db: &mut Connection,
    webhook_id: &str,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<Delivery>> {
    // Behind every id: they are of letters and digits.
    let before = before.unwrap_or("~");
    let sql = select_deliveries!("WHERE webhook_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    let rows = sqlx::query(sql).bind(webhook_id).bind(before).bind(limit).fetch_all(db).await?;
    rows.iter().map(delivery).collect()
}

pub(super) async fn pending_tests(db: &mut Connection, webhook_id: &str) -> Result<i64> {
    let sql = "SELECT count(*) FROM webhook_deliveries
               WHERE webhook_id = $1 AND state = 'pending' AND event = 'webhook.test'";
    Ok(sqlx::query_scalar(sql).bind(webhook_id).fetch_one(db).await?)
}

pub(super) async fn forget_pending(db: &mut Connection, webhook_id: &str) -> Result<u64> {
    let sql = "DELETE FROM webhook_deliveries WHERE webhook_id = $1 AND state = 'pending'";
    Ok(sqlx::query(sql).bind(webhook_id).execute(db).await?.rows_affected())
}

pub(super) async fn remove_old(db: &mut Connection, before: i64, limit: i64) -> Result<u64> {
    let sql = "DELETE FROM webhook_deliveries WHERE id IN
                   (SELECT id FROM webhook_deliveries WHERE created_at < $1 AND state <> 'pending' LIMIT $2)";
    Ok(sqlx::query(sql).bind(before).bind(limit).execute(db).await?.rows_affected())
}

fn webhook(row: &Row) -> Result<Webhook> {
    const UNREADABLE: StoreError = StoreError::Unreadable("webhook row");
    let salt = |bytes: &[u8]| Salt::try_from(bytes).map_err(|_| UNREADABLE);
    let old: Option<&[u8]> = row.try_get("old_salt")?;
    let old = match (old, row.try_get("old_until")?) {
        (Some(bytes), Some(until)) => Some((salt(bytes)?, until)),
        (None, None) => None,
        _ => return Err(UNREADABLE),
    };
    let disabled = match (row.try_get("disabled_at")?, row.try_get("disabled_by")?) {
        (Some(at), Some(by)) => Some(Disabled { at, by }),
        (None, None) => None,
        _ => return Err(UNREADABLE),
    };
    Ok(Webhook {
        id: row.try_get("id")?,
        url: row.try_get("url")?,
        description: row.try_get("description")?,
        created_at: row.try_get("created_at")?,
        salt: salt(row.try_get("salt")?)?,
        old,
        failing_since: row.try_get("failing_since")?,
        disabled,
    })
}

fn delivery(row: &Row) -> Result<Delivery> {
    const UNREADABLE: StoreError = StoreError::Unreadable("delivery row");
    let notice = match (row.try_get("token_id")?, row.try_get("stage")?) {
        (Some(token), Some(stage)) => Some((token, stage)),
        (None, None) => None,
        _ => return Err(UNREADABLE),
    };
    let status: Option<i64> = row.try_get("status")?;
    Ok(Delivery {
        id: row.try_get("id")?,
        webhook_id: row.try_get("webhook_id")?,
        event: Event::from_name(row.try_get("event")?).ok_or(UNREADABLE)?,
        notice,
        created_at: row.try_get("created_at")?,
        state: DeliveryState::from_name(row.try_get("state")?).ok_or(UNREADABLE)?,
        attempts: row.try_get("attempts")?,
        next_at: row.try_get("next_at")?,
        last_at: row.try_get("last_at")?,
        status: status.map(u16::try_from).transpose().map_err(|_| UNREADABLE)?,
        problem: row.try_get("problem")?,
    })
}
