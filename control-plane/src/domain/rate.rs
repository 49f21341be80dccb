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
    used: Used<K>,
}

/// A number of things per span of time, for each caller, of whom each may have another number: so many at once, and then
/// evenly.
#[derive(Debug)]
pub struct Shares<K>(Used<K>);

/// What callers have used of a span of time.
#[derive(Debug)]
struct Used<K> {
    span: i64,
    // The time until which each caller has used up what is due, in microseconds.
    until: HashMap<K, i64>,
}

impl<K: Eq + Hash> Rate<K> {
    /// `per_minute` times; `None` is as often as one likes.
    pub fn new(per_minute: u32) -> Option<Self> {
        let interval = MINUTE.checked_div(i64::from(per_minute))?.max(1);
        Some(Self { interval, used: Used { span: MINUTE, until: HashMap::new() } })
    }

    /// Whether `caller` may once more at `now`, in microseconds, which then counts.
    ///
    /// # Errors
    /// After how many seconds the caller may, at least 1.
    pub fn take(&mut self, caller: K, now: i64) -> Result<(), u64> {
        self.used.take(caller, self.interval, now)
    }

    /// Takes back what was counted last.
    pub fn give_back(&mut self, caller: &K) {
        if let Some(until) = self.used.until.get_mut(caller) {
            *until = until.saturating_sub(self.interval);
        }
    }
}

impl<K: Eq + Hash> Shares<K> {
    /// Of a span of so many seconds.
    pub fn per(seconds: u32) -> Self {
        Self(Used { span: i64::from(seconds).saturating_mul(1_000_000), until: HashMap::new() })
    }

    /// Whether `caller`, who may have `most` in the span, may have `count` more at `now`, in microseconds, which then count.
    /// Who asks for more than `most` at once asks for all of it.
    ///
    /// # Errors
    /// After how many seconds the caller may, at least 1.
    pub fn take(&mut self, caller: K, (count, most): (u64, u64), now: i64) -> Result<(), u64> {
        let most = i128::from(most.max(1));
        let cost = (i128::from(self.0.span) * i128::from(count).min(most) / most).try_into();
        self.0.take(caller, cost.unwrap_or(self.0.span), now)
    }
}

impl<K: Eq + Hash> Used<K> {
    fn take(&mut self, caller: K, cost: i64, now: i64) -> Result<(), u64> {
        if self.until.len() >= KEPT {
            self.until.retain(|_, until| *until > now);
        }
        // A clock that was put back must not lock anybody out for longer than the span.
        let latest = now.saturating_add(self.span);
        let until = self.until.get(&caller).copied().unwrap_or(now).clamp(now, latest);
        let next = until.saturating_add(cost);
        if next > latest {
            self.until.insert(caller, until);
            let wait = u64::try_from(next.saturating_sub(latest)).unwrap_or(1);
            return Err(wait.div_ceil(1_000_000).max(1));
        }
        self.until.insert(caller, next);
        Ok(())
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
        assert!(rate.used.until.len() <= KEPT + 1);
    }

    #[test]
    fn everybody_has_a_share_of_a_span() {
        let mut shares = Shares::per(3600);
        assert_eq!(shares.take("a", (400, 1000), 0), Ok(()));
        assert_eq!(shares.take("a", (600, 1000), 0), Ok(()));
        assert_eq!(shares.take("a", (1, 1000), 0), Err(4), "3.6 s");
        assert_eq!(shares.take("a", (0, 1000), 0), Ok(()), "nothing costs nothing");
        assert_eq!(shares.take("a", (1000, 1000), 1800 * SECOND), Err(1800));
        assert_eq!(shares.take("a", (500, 1000), 1800 * SECOND), Ok(()));
        assert_eq!(shares.take("b", (7, 5), 0), Ok(()), "more than all is all");
        assert_eq!(shares.take("b", (7, 5), 3599 * SECOND), Err(1));
        assert_eq!(shares.take("b", (7, 5), 3600 * SECOND), Ok(()));
        assert_eq!(shares.take("c", (1, 0), 0), Ok(()));
    }
}
