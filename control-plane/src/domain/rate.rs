//! How often somebody may do something: the generic cell rate algorithm (ITU-T I.371, annex A), which needs one time per
//! caller and no window that begins anew.

use std::collections::HashMap;
use std::hash::Hash;

/// A minute in microseconds.
const MINUTE: i64 = 60_000_000;
/// How many callers are kept before those who have been quiet for long are forgotten.
const KEPT: usize = 10_000;

/// A number of times per minute, for each caller: so many at once, and then evenly.
#[derive(Debug)]
pub struct Rate<K> {
    interval: i64,
    // The time until which each caller has used up what is due, in microseconds.
    used_until: HashMap<K, i64>,
}

impl<K: Eq + Hash> Rate<K> {
    /// `per_minute` times; `None` is as often as one likes.
    pub fn new(per_minute: u32) -> Option<Self> {
        let interval = MINUTE.checked_div(i64::from(per_minute))?.max(1);
        Some(Self { interval, used_until: HashMap::new() })
    }

    /// Whether `caller` may once more at `now`, in microseconds, which then counts.
    ///
    /// # Errors
    /// After how many seconds the caller may, at least 1.
    pub fn take(&mut self, caller: K, now: i64) -> Result<(), u64> {
        if self.used_until.len() >= KEPT {
            self.used_until.retain(|_, until| *until > now);
        }
        // A clock that was put back must not lock anybody out for longer than a minute.
        let latest = now.saturating_add(MINUTE);
        let until = self.used_until.get(&caller).copied().unwrap_or(now).clamp(now, latest);
        let next = until.saturating_add(self.interval);
        if next > latest {
            self.used_until.insert(caller, until);
            let wait = u64::try_from(next.saturating_sub(latest)).unwrap_or(1);
            return Err(wait.div_ceil(1_000_000).max(1));
        }
        self.used_until.insert(caller, next);
        Ok(())
    }

    /// Takes back what was counted last.
    pub fn give_back(&mut self, caller: &K) {
        if let Some(until) = self.used_until.get_mut(caller) {
            *until = until.saturating_sub(self.interval);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn so_many_at_once_and_then_evenly() {
        let mut rate = Rate::new(6).unwrap();
        for number in 0..6 {
            assert_eq!(rate.take(1, 0), Ok(()), "{number}");
        }
        assert_eq!(rate.take(1, 0), Err(10));
        assert_eq!(rate.take(1, 9_500_000), Err(1));
        assert_eq!(rate.take(2, 0), Ok(()), "another caller");
        rate.give_back(&2);
        for number in 0..6 {
            assert_eq!(rate.take(2, 0), Ok(()), "{number}");
        }
        assert_eq!(rate.take(2, 0), Err(10));
        assert_eq!(rate.take(1, 10 * SECOND), Ok(()));
        assert_eq!(rate.take(1, 10 * SECOND), Err(10), "refused ones do not count");
        for number in 0..6 {
            assert_eq!(rate.take(1, 70 * SECOND), Ok(()), "{number}");
        }
        assert_eq!(rate.take(1, 70 * SECOND), Err(10));
    }

    #[test]
    fn a_clock_that_was_put_back_locks_nobody_out() {
        let mut rate = Rate::new(2).unwrap();
        assert_eq!(rate.take(1, 1_000_000 * SECOND), Ok(()));
        assert_eq!(rate.take(1, 0), Err(30));
        assert_eq!(rate.take(1, 29 * SECOND), Err(1));
        assert_eq!(rate.take(1, 30 * SECOND), Ok(()));
        assert!(Rate::<i64>::new(0).is_none(), "no bound");
    }

    #[test]
    fn those_who_have_been_quiet_are_forgotten() {
        let mut rate = Rate::new(60).unwrap();
        for caller in 0..20_000 {
            assert_eq!(rate.take(caller, caller * SECOND), Ok(()));
        }
        assert!(rate.used_until.len() <= KEPT + 1);
    }
}
