//! What the filter tells the proxy's statistics. Decisions are counted in the VM and told on every tick: a call out of
//! the VM for each request would cost more than the look-up.

use std::collections::HashMap;

use super::abi::{self, Metric};
use crate::policy::Policy;
use crate::usage::Usage;

/// Numbers of the filter's metrics, and how much of each counter has been told. A metric that the host does not define
/// is not counted; requests do not depend on it.
#[derive(Default)]
pub(super) struct Metrics {
    ids: HashMap<String, Option<u32>>,
    told: HashMap<String, u64>,
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
        let told = self.told.insert("gatepass.pending_uses".to_owned(), pending).unwrap_or(0);
        if pending != told
            && let Some(id) = self.id(Metric::Gauge, "gatepass.pending_uses")
        {
            abi::shift_metric(id, pending, told);
        }
    }

    fn raise_to(&mut self, name: &str, count: u64) {
        let told = self.told.get(name).copied().unwrap_or(0);
        if count > told {
            self.told.insert(name.to_owned(), count);
            self.increment(name, count.saturating_sub(told));
        }
    }

    fn set(&mut self, name: &str, value: u64) {
        if let Some(id) = self.id(Metric::Gauge, name) {
            abi::record_metric(id, value);
        }
    }

    fn increment(&mut self, name: &str, by: u64) {
        if let Some(id) = self.id(Metric::Counter, name)
            && by > 0
        {
            abi::increment_metric(id, by);
        }
    }

    fn id(&mut self, kind: Metric, name: &str) -> Option<u32> {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = abi::define_metric(kind, name).ok();
        self.ids.insert(name.to_owned(), id);
        id
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
