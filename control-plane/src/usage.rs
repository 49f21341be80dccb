//! Usage reports: what proxies tell of their tokens and of themselves. Nothing here raises the revision, has a snapshot
//! made or writes to the audit.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::context::Context;
use crate::domain::fleet::{FORGOTTEN_AFTER, MAX_WORKERS, SILENT_AFTER, Worker};
use crate::domain::traffic::{self, HOUR, HOURS_KEPT, MINUTES_KEPT};
use crate::domain::usage::{Report, TokenUse};
use crate::error::Error;
use crate::store::{StoreError, Transaction};

/// The number of a worker's first report.
const FIRST_REPORT: u64 = 1;

/// What became of a report's uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// Uses of tokens that there are.
    accepted: u64,
    /// Uses of tokens that there are not; they are left out.
    unknown: u64,
}

/// Takes a report, whole or not at all. One that was taken before is acknowledged and changes nothing.
///
/// # Errors
/// It claims a revision that does not exist yet, or the database failed.
pub async fn take(context: &Context, report: Report) -> Result<Accepted, Error> {
    let mut tx = context.store.write().await?;
    let now = context.clock.now().as_second();
    let Report { mut worker, uses } = report;
    tx.remove_workers(now.saturating_sub(FORGOTTEN_AFTER)).await?;
    let last = tx.last_report(&worker.key).await?;
    if last.as_ref().is_some_and(|last| worker.sequence <= last.sequence) {
        return Ok(Accepted::default());
    }
    refuse_future(tx.as_mut(), &worker).await?;
    (worker.first_seen_at, worker.last_report_at) = (now, now);
    let prefixes = tx.settings().await?.settings.prefixes();
    let kept = |used: TokenUse| TokenUse { id: used.id, last: used.last.kept(now, &prefixes) };
    let uses: Vec<TokenUse> = uses.into_iter().map(kept).collect();
    let accepted = tx.record_uses(&uses).await?;
    if last.is_some() || has_place(tx.as_mut(), now).await? {
        tx.put_worker(&worker).await?;
        let before = last.as_ref().map(|last| &last.decisions);
        // Only of who is kept: of others nobody knows what was counted already.
        let news = traffic::news(before, worker.sequence == FIRST_REPORT, &worker.decisions);
        count(tx.as_mut(), now, &news).await?;
    } else {
        // No line that is always logged: it would come with every report of every further worker.
        tracing::debug!(workers = MAX_WORKERS, "there are too many workers: a further one is not shown");
    }
    tx.commit().await?;
    let given = u64::try_from(uses.len()).unwrap_or(u64::MAX);
    Ok(Accepted { accepted, unknown: given.saturating_sub(accepted) })
}

/// Counts what the proxies decided, and makes room for it.
async fn count(tx: &mut dyn Transaction, now: i64, news: &BTreeMap<&str, u64>) -> Result<(), StoreError> {
    tx.add_decisions(now, news).await?;
    let hour = traffic::begin(now, HOUR);
    tx.fold_decisions(hour.saturating_sub(MINUTES_KEPT), hour.saturating_sub(HOURS_KEPT)).await
}

/// Nobody can enforce what has not been made: such a report is not from a proxy of this control plane's.
async fn refuse_future(tx: &mut dyn Transaction, worker: &Worker) -> Result<(), Error> {
    let Some(enforced) = &worker.enforced else { return Ok(()) };
    let newest = tx.version().await?.ok_or(StoreError::Unreadable("epoch"))?;
    if enforced.epoch == newest.epoch && enforced.revision > newest.revision {
        return Err(Error::invalid("revision", "is higher than any of this epoch"));
    }
    Ok(())
}

/// Whether one more worker can be kept. One that is silent makes room for one that speaks.
async fn has_place(tx: &mut dyn Transaction, now: i64) -> Result<bool, Error> {
    if tx.count_workers().await? < u64::from(MAX_WORKERS) {
        return Ok(true);
    }
    Ok(tx.remove_one_worker(now.saturating_sub(SILENT_AFTER)).await?)
}
