//! What the filter tells the proxy's statistics.

use proxy_wasm::hostcalls;
use proxy_wasm::types::MetricType;

use crate::policy::Policy;

/// Ids of the filter's metrics. One that the host does not define is not counted; requests do not depend on it.
pub(super) struct Metrics {
    revision: Option<u32>,
    tokens: Option<u32>,
    stale_revisions: Option<u32>,
    refused_configurations: Option<u32>,
}

impl Metrics {
    /// Defines them; the host gives known names their old ids.
    pub(super) fn define() -> Self {
        let define = |kind, name| hostcalls::define_metric(kind, name).ok();
        Self {
            revision: define(MetricType::Gauge, "gatepass.revision"),
            tokens: define(MetricType::Gauge, "gatepass.tokens"),
            stale_revisions: define(MetricType::Counter, "gatepass.stale_revisions"),
            refused_configurations: define(MetricType::Counter, "gatepass.refused_configurations"),
        }
    }

    /// Shows what is enforced.
    pub(super) fn show(&self, policy: &Policy) {
        set(self.revision, policy.version().revision);
        set(self.tokens, policy.tokens() as u64);
    }

    /// Counts a configuration that was ignored since its epoch had come further.
    pub(super) fn count_stale_revision(&self) {
        increment(self.stale_revisions);
    }

    /// Counts a configuration that was refused.
    pub(super) fn count_refused_configuration(&self) {
        increment(self.refused_configurations);
    }
}

fn set(metric: Option<u32>, value: u64) {
    if let Some(id) = metric {
        let _ = hostcalls::record_metric(id, value);
    }
}

fn increment(metric: Option<u32>) {
    if let Some(id) = metric {
        let _ = hostcalls::increment_metric(id, 1);
    }
}
