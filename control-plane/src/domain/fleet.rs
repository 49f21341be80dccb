//! What enforces the policy: the workers of every proxy, as they last reported.

use std::collections::BTreeMap;

/// Seconds without a report after which a worker counts as silent: two heartbeats of 60 s, and half of one for a slow
/// network.
pub const SILENT_AFTER: i64 = 150;
/// Seconds without a report after which a worker is forgotten. One that was restarted is another worker, and its old
/// self stays silent for good.
pub const FORGOTTEN_AFTER: i64 = 24 * 60 * 60;
/// Most workers that are kept.
pub const MAX_WORKERS: u32 = 10_000;

/// Which worker: one VM of one proxy, and the filter instance in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerKey {
    /// The proxy's node id; empty where it has none.
    pub node: String,
    /// Random; drawn when the VM starts.
    pub worker: String,
    /// Plugin name and root id.
    pub instance: String,
}

/// What a worker enforces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enforced {
    /// The configuration's epoch; empty where it names none.
    pub epoch: String,
    /// The configuration's revision.
    pub revision: u64,
    /// How many tokens it holds.
    pub tokens: u64,
}

/// A worker as it last reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Which one.
    pub key: WorkerKey,
    /// The proxy's cluster; empty where it has none.
    pub cluster: String,
    /// The filter's version.
    pub module_version: String,
    /// What it enforces; `None` refuses every request.
    pub enforced: Option<Enforced>,
    /// Decisions by name, since the VM started.
    pub decisions: BTreeMap<String, u64>,
    /// Configurations ignored as older than the enforced one, since the VM started.
    pub stale_revisions: u64,
    /// Uses that could not be kept until they were reported, since the VM started.
    pub dropped_uses: u64,
    /// The number of its last report.
    pub sequence: u64,
    /// Unix time in seconds of its first report, by this server's clock.
    pub first_seen_at: i64,
    /// Unix time in seconds of its last report, by this server's clock.
    pub last_report_at: i64,
}

impl Worker {
    /// Whether it has not reported for too long at `now`, in Unix seconds.
    pub fn is_silent(&self, now: i64) -> bool {
        now.saturating_sub(self.last_report_at) > SILENT_AFTER
    }

    /// How many revisions it is behind `revision` of `epoch`: 0 is up to date, `None` enforces nothing or another
    /// epoch.
    pub fn behind(&self, epoch: &str, revision: u64) -> Option<u64> {
        let enforced = self.enforced.as_ref().filter(|enforced| enforced.epoch == epoch)?;
        Some(revision.saturating_sub(enforced.revision))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(enforced: Option<(&str, u64)>) -> Worker {
        let enforced =
            enforced.map(|(epoch, revision)| Enforced { epoch: epoch.to_owned(), revision, tokens: 0 });
        let key = WorkerKey { node: String::new(), worker: String::new(), instance: String::new() };
        Worker {
            key,
            cluster: String::new(),
            module_version: String::new(),
            enforced,
            decisions: BTreeMap::new(),
            stale_revisions: 0,
            dropped_uses: 0,
            sequence: 1,
            first_seen_at: 0,
            last_report_at: 1000,
        }
    }

    #[test]
    fn revisions_are_compared_within_one_epoch() {
        for (enforced, behind) in [
            (None, None),
            (Some(("a", 17)), Some(0)),
            (Some(("a", 15)), Some(2)),
            (Some(("b", 17)), None),
            (Some(("b", 99)), None),
        ] {
            assert_eq!(worker(enforced).behind("a", 17), behind, "{enforced:?}");
        }
    }

    #[test]
    fn silent_after_150_seconds() {
        assert!(!worker(None).is_silent(1000 + SILENT_AFTER));
        assert!(worker(None).is_silent(1001 + SILENT_AFTER));
        assert!(!worker(None).is_silent(900), "a clock that was set back");
    }
}
