//! Delivery: what the filter is to enforce follows the database.
//!
//! One loop compares the version in the database with the one delivered last. A crash between commit and write, a
//! failed write and a change by another process are so made good in the same way.

pub mod ecds;
pub mod proto;

use std::sync::Arc;
use std::time::Duration;

use gatepass::config::wire::Report;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::context::Context;
use crate::epoch::{self, Delivered};
use crate::error::Error;
use crate::signal::DeliverySignal;
use crate::store::{Store, StoreError, Transaction, Version};
use ecds::EcdsFile;

/// How often the database is looked at without being asked to, for changes by other processes.
const POLL: Duration = Duration::from_millis(500);
/// How many times as long as the delivery of a large snapshot took the next one is not begun: what changes meanwhile goes with
/// it. Proxies need longer than this to take one up, and who changes things waits for the same disk.
const REST: u32 = 4;
/// Longest pause between two tries of what fails: to read a million tokens twice a second would help nobody.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);

/// Longest rest: a revocation must not wait for long.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// The loop's parts.
pub struct Delivery {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where epochs begin, if they must.
    pub context: Context,
    /// What the database must not fall behind.
    pub delivered: Delivered,
    /// Who asks and who waits.
    pub signal: Arc<DeliverySignal>,
    /// Where the filter is to report.
    pub report: Option<Report>,
    /// Where snapshots go.
    pub target: EcdsFile,
}

impl Delivery {
    /// Delivers the present snapshot, then every later one, until it is dropped.
    pub async fn run(self) {
        let (mut failing, mut pause) = (false, POLL);
        loop {
            let began = Instant::now();
            match self.catch_up().await {
                Ok(()) => {
                    if self.context.newest.is_large() {
                        tokio::time::sleep(began.elapsed().saturating_mul(REST).min(LONGEST_REST)).await;
                    }
                    if failing {
                        tracing::info!("delivery works again");
                    }
                    (failing, pause) = (false, POLL);
                }
                Err(error) => {
                    self.context.metrics.delivery_failed();
                    // Once per change of state.
                    if !failing {
                        tracing::error!(%error, "delivery failed; it is tried again until it works");
                    }
                    pause = if failing { pause.saturating_mul(2).min(LONGEST_PAUSE) } else { POLL };
                    failing = true;
                }
            }
            tokio::select! {
                () = self.signal.wanted() => {}
                () = self.store.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Delivers the database's snapshot if it is not the one delivered last.
    ///
    /// # Errors
    /// The database or the target failed.
    pub async fn catch_up(&self) -> Result<(), String> {
        let (mut tx, version) = self.newest().await.map_err(|error| error.to_string())?;
        if self.signal.delivered().as_ref() == Some(&version) {
            if self.target.is_untouched() {
                return Ok(());
            }
            tracing::warn!(file = %self.target.path().display(), "somebody else has changed this file: it is written again");
            self.signal.lose();
        }
        self.context.metrics.behind();
        let newest = &self.context.newest;
        let snapshot = newest.of(tx.as_mut(), self.report.as_ref(), self.clock.now()).await;
        let snapshot = snapshot.map_err(|error| error.to_string())?;
        drop(tx);
        newest.keep(Arc::clone(&snapshot));
        self.delivered.note(&version).map_err(|error| error.to_string())?;
        self.target.write(snapshot).await?;
        tracing::info!(epoch = %version.epoch, revision = version.revision, "delivered");
        self.context.metrics.delivered();
        self.signal.deliver(version);
        Ok(())
    }

    /// The database's state, in an epoch in which proxies take it up.
    async fn newest(&self) -> Result<(Box<dyn Transaction>, Version), Error> {
        let mut tries = 3_u8;
        loop {
            let mut tx = self.store.read().await?;
            let version = tx.version().await?.ok_or(StoreError::Unreadable("epoch"))?;
            if self.context.newest.is_ahead_of(&version) && tries > 0 {
                // A change was committed since this transaction began.
                tries = tries.saturating_sub(1);
                continue;
            }
            let found = (tx.continuity().await?, &version);
            if !epoch::keep(&self.context, &self.delivered, found).await? {
                return Ok((tx, version));
            }
        }
    }
}
