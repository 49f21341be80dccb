//! How much sources push. Whoever has a push token makes entries of the audit, which nobody can take away again, and holds
//! the lock that all writers wait for: both have an end. An admin who pushes is not bound, so that nobody who has stolen a push
//! token keeps an admin from pushing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::caller::Who;
use crate::domain::rate::Shares;
use crate::domain::source::{ENTRIES_OF_A_PUSH, PUSHES_PER_MINUTE, Source};
use crate::error::Error;

const MINUTE: u32 = 60;
const HOUR: u32 = 3600;

/// How much each source has pushed lately. Each server counts for itself.
#[derive(Debug)]
pub struct PushLimits(Mutex<Counted>);

/// By the database's ids of sources.
#[derive(Debug)]
struct Counted {
    pushes: Shares<i64>,
    changes: Shares<i64>,
}

impl Default for PushLimits {
    fn default() -> Self {
        Self(Mutex::new(Counted { pushes: Shares::per(MINUTE), changes: Shares::per(HOUR) }))
    }
}

impl PushLimits {
    /// Counts a push, dry runs included.
    ///
    /// # Errors
    /// That was too often.
    pub fn count_push(&self, who: &Who, now: Timestamp) -> Result<(), Error> {
        self.count(who, 1, now)
    }

    /// Counts that a push which is no dry run has so many entries.
    ///
    /// # Errors
    /// That was too much.
    pub(super) fn count_entries(&self, who: &Who, entries: usize, now: Timestamp) -> Result<(), Error> {
        let more = entries / ENTRIES_OF_A_PUSH;
        self.count(who, u64::try_from(more).unwrap_or(u64::MAX), now)
    }

    fn count(&self, who: &Who, pushes: u64, now: Timestamp) -> Result<(), Error> {
        let Who::Source(caller) = who else { return Ok(()) };
        let problem = "this source has pushed too often in the last minute";
        let share = (pushes, PUSHES_PER_MINUTE);
        let taken = self.counted().pushes.take(caller.source.id, share, now.as_microsecond());
        taken.map_err(|seconds| too_many(problem, seconds))
    }

    /// Counts how many entries a push of `source` adds, changes and removes.
    ///
    /// # Errors
    /// That was too much.
    pub(super) fn count_changes(
        &self,
        who: &Who,
        source: &Source,
        changes: usize,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Who::Source(_) = who else { return Ok(()) };
        let share = (u64::try_from(changes).unwrap_or(u64::MAX), source.changes_per_hour());
        let problem = "this source has changed too many entries in the last hour";
        let taken = self.counted().changes.take(source.id, share, now.as_microsecond());
        taken.map_err(|seconds| too_many(problem, seconds))
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        // What a panic left is as good as it was: maps of numbers.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_many(problem: &'static str, seconds: u64) -> Error {
    Error::TooMany { code: "rate_limited", problem, seconds }
}
