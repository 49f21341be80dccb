//! Tokens that end soon, and endpoints that are not told of them.

use super::Finding;
use crate::clock::rfc3339;
use crate::domain::user::system_actor;
use crate::store::{StoreError, Transaction};

/// Looks at `now`, in Unix seconds.
pub(super) async fn look(tx: &mut dyn Transaction, now: i64) -> Result<Vec<Finding>, StoreError> {
    let [day, week, month] = tx.expiring_tokens(now).await?;
    let found = format!("tokens that end within 30 days: {month}, within 7: {week}, within one: {day}");
    let mut findings = vec![Finding::ok("notices", found)];
    for webhook in tx.webhooks().await? {
        let given_up =
            webhook.disabled.as_ref().is_some_and(|disabled| disabled.by == system_actor::WEBHOOKS);
        let since = webhook.failing_since.map(rfc3339);
        let (id, origin) = (&webhook.id, webhook.origin());
        let found = match since {
            _ if given_up => format!("posts to {origin} failed for long: it was disabled"),
            Some(since) if webhook.is_enabled() => format!("posts to {origin} have failed since {since}"),
            _ => continue,
        };
        let advice =
            format!("GET /api/v1/webhooks/{id}/deliveries says why; then PATCH it {{\"enabled\": true}}");
        findings.push(Finding::warning("webhooks", found, advice));
    }
    Ok(findings)
}
