//! What the filter tells the proxy's statistics. Decisions are counted in the VM and told on every tick: a call out of
//! the VM for each request would cost more than the look-up.

use super::abi::{self, Metric};
use crate::policy::Policy;
use crate::usage::Usage;

/// The filter's metrics, some two dozen. One that the host does not define is not counted; requests do not depend on it.
#[derive(Default)]
pub(super) struct Metrics {
    known: Vec<Known>,
}

struct Known {
    name: String,
    id: Option<u32>,
    /// How much of what is counted here the host has been told.
    told: u64,
}

impl Metrics {
    /// Shows what is enforced.
    pub(super) fn show(&mut self, policy: &Policy) {
        self.set("gatepass.revision", policy.version().revision);
        self.set("gatepass.tokens", policy.tokens() as u64);
    }

    /// Counts a configuration that was ignored since its epoch had come further.
    pub(super) fn count_stale_revision(&mut self) {
        self.increment("gatepass.stale_revisions", 1);
    }

    /// Counts a configuration that was refused.
    pub(super) fn count_refused_configuration(&mut self) {
        self.increment("gatepass.refused_configurations", 1);
    }

    /// Defines those that an operator may want to see at zero.
    pub(super) fn define(&mut self) {
        self.increment("gatepass.stale_revisions", 0);
        self.increment("gatepass.refused_configurations", 0);
    }

    /// Tells what has been counted since the last time.
    pub(super) fn tell(&mut self, usage: &Usage) {
        for (decision, count) in usage.counts() {
            self.raise_to(&metric_of(decision), count);
        }
        self.raise_to("gatepass.dropped_uses", usage.dropped());
        self.raise_to("gatepass.failed_reports", usage.failed_reports());
        // A gauge is one number for all workers of the proxy: each adds its own part to it.
        let pending = usage.pending() as u64;
        let Some(known) = self.known(Metric::Gauge, "gatepass.pending_uses") else { return };
        let told = std::mem::replace(&mut known.told, pending);
        if let (Some(id), true) = (known.id, pending != told) {
            abi::shift_metric(id, pending, told);
        }
    }

    fn raise_to(&mut self, name: &str, count: u64) {
        // Not defined before there is something to tell.
        if count > 0
            && let Some(known) = self.known(Metric::Counter, name)
        {
            let more = count.saturating_sub(known.told);
            known.told = count;
            if let (Some(id), true) = (known.id, more > 0) {
                abi::increment_metric(id, more);
            }
        }
    }

    fn set(&mut self, name: &str, value: u64) {
        if let Some(id) = self.known(Metric::Gauge, name).and_then(|known| known.id) {
            abi::record_metric(id, value);
        }
    }

    fn increment(&mut self, name: &str, by: u64) {
        let id = self.known(Metric::Counter, name).and_then(|known| known.id);
        if let (Some(id), true) = (id, by > 0) {
            abi::increment_metric(id, by);
        }
    }

    fn known(&mut self, kind: Metric, name: &str) -> Option<&mut Known> {
        let place = self.known.iter().position(|known| known.name == name).unwrap_or(self.known.len());
        if place == self.known.len() {
            let id = abi::define_metric(kind, name).ok();
            self.known.push(Known { name: name.to_owned(), id, told: 0 });
        }
        self.known.get_mut(place)
    }
}

/// `allow.token` → `gatepass.allowed.token`, `refuse.token_expired` → `gatepass.refused.token_expired`.
fn metric_of(decision: &str) -> String {
    match decision.split_once('.') {
        Some(("allow", kind)) => format!("gatepass.allowed.{kind}"),
        Some((_, code)) => format!("gatepass.refused.{code}"),
        None => format!("gatepass.{decision}"),
    }
}
