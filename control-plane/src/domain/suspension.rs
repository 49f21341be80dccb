//! People who have not signed in for long: their tokens stop until they do.

use super::user::User;

/// The fewest days of `suspend_after_days`: as long as a session may last at most, so that nobody is suspended who is
/// signed in.
pub const MIN_DAYS: u32 = 30;
/// The most days of `suspend_after_days`.
pub const MAX_DAYS: u32 = 3650;

const DAY: i64 = 24 * 60 * 60;

/// The setting `suspend_after_days` while it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// After how many times 24 hours without a sign-in tokens stop.
    pub days: u32,
    /// When it was switched on, in Unix seconds: who has never signed in has had the time since then at least.
    pub since: i64,
}

impl Rule {
    /// Who signed in then, in Unix seconds, or before, has not signed in for long at `now`.
    pub fn limit(self, now: i64) -> i64 {
        now.saturating_sub(i64::from(self.days).saturating_mul(DAY))
    }

    /// Whether a user's tokens are to be stopped at `now`, in Unix seconds. It does not matter whether the user is active:
    /// the tokens of somebody who is not do not work anyway.
    pub fn is_due(self, user: &User, now: i64) -> bool {
        let counted_from = user.last_sign_in_at.unwrap_or(user.created_at.max(self.since));
        !user.exempt_from_suspension && counted_from <= self.limit(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::user::tests::user;

    #[test]
    fn people_count_from_their_last_sign_in_or_else_from_their_creation_or_the_setting() {
        let rule = Rule { days: 30, since: 1000 };
        let end = 30 * DAY;
        for (last_sign_in_at, created_at, exempt, counted_from) in [
            (None, 0, false, Some(1000)),
            (None, 2000, false, Some(2000)),
            (Some(500), 0, false, Some(500)),
            (Some(3000), 2000, false, Some(3000)),
            (Some(500), 0, true, None),
            (None, 0, true, None),
        ] {
            let user = User { last_sign_in_at, created_at, exempt_from_suspension: exempt, ..user() };
            let Some(from) = counted_from else {
                assert!(!rule.is_due(&user, i64::MAX), "{user:?}");
                continue;
            };
            assert!(!rule.is_due(&user, from + end - 1), "{user:?}");
            assert!(rule.is_due(&user, from + end), "at equality: {user:?}");
        }
    }
}
