//! How changes and delivery know of each other within one process.

use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::store::Version;

/// Wakes delivery after a change, and tells what was delivered last.
#[derive(Debug)]
pub struct DeliverySignal {
    wanted: Notify,
    delivered: watch::Sender<Option<Version>>,
}

impl Default for DeliverySignal {
    fn default() -> Self {
        Self { wanted: Notify::new(), delivered: watch::Sender::new(None) }
    }
}

impl DeliverySignal {
    /// Asks for a delivery.
    pub fn wake(&self) {
        self.wanted.notify_one();
    }

    /// Waits until somebody has asked for a delivery.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Tells everyone that waits that `version` was delivered.
    pub fn deliver(&self, version: Version) {
        self.delivered.send_replace(Some(version));
    }

    /// Tells everyone that what was delivered last is no longer there.
    pub fn lose(&self) {
        self.delivered.send_replace(None);
    }

    /// What was delivered last.
    pub fn delivered(&self) -> Option<Version> {
        self.delivered.borrow().clone()
    }

    /// Waits at most `limit` until `version` or a later one of its epoch was delivered; `false` when it was not.
    pub async fn wait(&self, version: &Version, limit: Duration) -> bool {
        let mut receiver = self.delivered.subscribe();
        let reached = |last: &Option<Version>| {
            last.as_ref().is_some_and(|last| last.epoch == version.epoch && last.revision >= version.revision)
        };
        matches!(tokio::time::timeout(limit, receiver.wait_for(reached)).await, Ok(Ok(_)))
    }
}
