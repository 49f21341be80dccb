//! Failed attempts to sign in: who has to wait, and what the audit has to be told.

/// So many failures are free.
const FREE: i64 = 5;
/// Longest time to wait after a failure, in seconds. Short enough that nobody is locked out by somebody else's attempts.
const LONGEST: i64 = 60;
/// Failures are forgotten after this time without another, in seconds.
pub const FORGOTTEN_AFTER: i64 = 24 * 60 * 60;
/// What comes within this time of an entry of the audit is counted by the next one, in seconds.
pub const AUDITED_EVERY: i64 = 60;

/// A name as attempts are counted under it: keyed, since what is typed as a name may be a password.
pub type NameHash = [u8; 32];

/// Under which the attempts with all names that nobody has are told to the audit.
pub const NOBODY: NameHash = [0; 32];

/// Failed attempts under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures {
    /// The name.
    pub name_hash: NameHash,
    /// Whose name it is; `None` if it is nobody's.
    pub user_id: Option<i64>,
    /// Attempts that failed since the last that did not.
    pub failures: i64,
    /// When the last one failed, in Unix seconds.
    pub last_at: i64,
    /// Attempts, refused ones included, that no entry of the audit counts yet.
    pub unaudited: i64,
    /// When the audit was told last, in Unix seconds.
    pub audited_at: i64,
    /// Where the last attempt came from.
    pub ip: Option<String>,
}

impl Failures {
    /// None yet.
    pub fn none(name_hash: NameHash, user_id: Option<i64>) -> Self {
        Self { name_hash, user_id, failures: 0, last_at: 0, unaudited: 0, audited_at: 0, ip: None }
    }

    /// How many seconds there are to wait at `now` before the next attempt; 0 when it may be made.
    pub fn wait(&self, now: i64) -> i64 {
        if self.failures < FREE || self.are_forgotten(now) {
            return 0;
        }
        let doublings = u32::try_from(self.failures - FREE).unwrap_or(u32::MAX).min(30);
        let wait = 1_i64.checked_shl(doublings).unwrap_or(LONGEST).min(LONGEST);
        // A clock that was put back must not lock anybody out for longer.
        self.last_at.saturating_add(wait).saturating_sub(now).clamp(0, wait)
    }

    /// An attempt failed at `now`.
    #[must_use]
    pub fn failed(self, now: i64, ip: Option<String>) -> Self {
        let before = if self.are_forgotten(now) { 0 } else { self.failures };
        Self { failures: before.saturating_add(1), last_at: now, ..self.refused(ip) }
    }

    /// An attempt was refused, without being looked at.
    #[must_use]
    pub fn refused(self, ip: Option<String>) -> Self {
        Self { unaudited: self.unaudited.saturating_add(1), ip, ..self }
    }

    /// Whether the audit is to be told at `now`.
    pub fn are_due(&self, now: i64) -> bool {
        self.unaudited > 0 && now >= self.audited_at.saturating_add(AUDITED_EVERY)
    }

    fn are_forgotten(&self, now: i64) -> bool {
        now >= self.last_at.saturating_add(FORGOTTEN_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(failures: i64) -> Failures {
        Failures { failures, last_at: 1000, ..Failures::none(NOBODY, None) }
    }

    #[test]
    fn five_failures_are_free_and_then_the_wait_doubles() {
        let waits: Vec<_> = (0..=14).map(|failures| after(failures).wait(1000)).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        assert_eq!(after(8).wait(1003), 5);
        assert_eq!(after(8).wait(1008), 0);
        assert_eq!(after(i64::MAX).wait(1000), 60);
        assert_eq!(after(20).wait(0), 60, "the clock was put back");
        assert_eq!(after(20).wait(1000 + FORGOTTEN_AFTER), 0);
    }

    #[test]
    fn a_failure_long_after_the_last_is_the_first_again() {
        assert_eq!(after(9).failed(1010, None).failures, 10);
        assert_eq!(after(9).failed(1000 + FORGOTTEN_AFTER, None).failures, 1);
    }

    #[test]
    fn the_audit_is_told_of_the_first_at_once_and_then_once_a_minute() {
        let first = Failures::none(NOBODY, None).failed(1000, None);
        assert!(first.are_due(1000));
        let told = Failures { unaudited: 0, audited_at: 1000, ..first };
        assert!(!told.are_due(2000), "nothing to tell");
        let more = told.failed(1001, None).refused(None);
        assert_eq!((more.unaudited, more.failures), (2, 2));
        assert!(!more.are_due(1059) && more.are_due(1060));
    }
}
