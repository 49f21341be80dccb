//! How the proxies decide over time: what is counted of a report, and for how long it is kept.
//!
//! Workers report what they have counted since their VM started, so a report that is lost is made good by the next, and one
//! that comes twice says nothing new. What a report adds is the difference to the one before it.

use std::collections::BTreeMap;

/// What is kept at first.
pub const MINUTE: i64 = 60;
/// What is kept later.
pub const HOUR: i64 = 60 * MINUTE;
/// Minutes become hours after that many seconds, and up to an hour more.
pub const MINUTES_KEPT: i64 = 24 * HOUR;
/// Hours are forgotten after that many seconds, and up to an hour more.
pub const HOURS_KEPT: i64 = 90 * 24 * HOUR;
/// Most requests of one decision in one minute or hour; what is more is not counted. No fleet decides so many: it keeps one
/// who makes reports up from making sums that no database holds.
pub const MOST: u64 = 10_000_000_000_000;

/// What the filter decides. With it, each minute and each hour has a bounded number of rows, whatever a report says.
const DECISIONS: [&str; 18] = [
    "allow.token",
    "allow.password",
    "allow.foreign",
    "allow.anonymous",
    "allow.unprotected",
    "refuse.not_ready",
    "refuse.credentials_missing",
    "refuse.authorization_malformed",
    "refuse.ip_not_allowed",
    "refuse.credentials_unknown",
    "refuse.password_refused",
    "refuse.scheme_refused",
    "refuse.token_disabled",
    "refuse.user_inactive",
    "refuse.use_not_allowed",
    "refuse.token_expired",
    "refuse.scope_exceeded",
    "refuse.internal_error",
];
/// What a filter of another version lets through for a reason of its own.
const ALLOWED_OTHERWISE: &str = "allow.other";
/// What such a filter refuses.
const REFUSED_OTHERWISE: &str = "refuse.other";

/// Where a span of so many seconds that holds `at` begins.
pub fn begin(at: i64, seconds: i64) -> i64 {
    at.saturating_sub(at.rem_euclid(seconds))
}

/// Whether requests that were decided so went on to the service.
pub fn is_allowed(decision: &str) -> bool {
    decision.starts_with("allow.")
}

/// What a worker has decided since the report before, by names that are counted; nothing where that cannot be told:
/// `before` is what the worker had said last, `None` when it is not known, and `first` whether this is its first report.
///
/// A worker that is not known although it has reported before was forgotten, after a day of silence: how much of what it
/// says was counted already, nobody knows, so it is the beginning of a new count.
pub fn news(
    before: Option<&BTreeMap<String, u64>>,
    first: bool,
    now: &BTreeMap<String, u64>,
) -> BTreeMap<&'static str, u64> {
    let mut news = BTreeMap::new();
    if before.is_none() && !first {
        return news;
    }
    for (decision, count) in now {
        let counted = before.and_then(|before| before.get(decision)).copied().unwrap_or_default();
        let more = count.saturating_sub(counted);
        if more > 0 {
            let sum: &mut u64 = news.entry(counted_as(decision)).or_default();
            *sum = sum.saturating_add(more);
        }
    }
    news
}

fn counted_as(decision: &str) -> &'static str {
    let known = DECISIONS.iter().find(|known| **known == decision);
    let otherwise = if is_allowed(decision) { ALLOWED_OTHERWISE } else { REFUSED_OTHERWISE };
    known.copied().unwrap_or(otherwise)
}

/// A span of time that ends now, in steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Span {
    /// By the minute.
    LastHour,
    /// By the quarter of an hour.
    #[default]
    Last24Hours,
    /// By three hours.
    Last7Days,
    /// By twelve hours.
    Last30Days,
    /// By the day.
    Last90Days,
}

impl Span {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::LastHour, Self::Last24Hours, Self::Last7Days, Self::Last30Days, Self::Last90Days];

    /// The name that a query gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::LastHour => "last_hour",
            Self::Last24Hours => "last_24_hours",
            Self::Last7Days => "last_7_days",
            Self::Last30Days => "last_30_days",
            Self::Last90Days => "last_90_days",
        }
    }

    /// The span of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|span| span.name() == name)
    }

    /// How many seconds a step has, and how many steps there are, the one that is under way included.
    pub fn steps(self) -> (i64, i64) {
        match self {
            Self::LastHour => (MINUTE, 60),
            Self::Last24Hours => (15 * MINUTE, 96),
            Self::Last7Days => (3 * HOUR, 56),
            Self::Last30Days => (12 * HOUR, 60),
            Self::Last90Days => (24 * HOUR, 90),
        }
    }

    /// When the first step begins, and when the last one ends, at `now`; all in Unix seconds.
    pub fn range(self, now: i64) -> (i64, i64) {
        let (step, steps) = self.steps();
        let until = begin(now, step).saturating_add(step);
        (until.saturating_sub(step.saturating_mul(steps)), until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatepass::decision::Refusal;

    fn counts(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
        counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn a_report_adds_what_is_new_in_it() {
        let before = counts(&[("allow.token", 5), ("refuse.token_expired", 2)]);
        let now = counts(&[("allow.token", 9), ("refuse.token_expired", 2), ("refuse.scope_exceeded", 1)]);
        let added = [("allow.token", 4), ("refuse.scope_exceeded", 1)].into();
        assert_eq!(news(Some(&before), false, &now), added);
        assert_eq!(news(Some(&now), false, &now), BTreeMap::new(), "the same again");
        let all = [("allow.token", 5), ("refuse.token_expired", 2)].into();
        assert_eq!(news(None, true, &before), all, "a worker's first");
        assert_eq!(news(None, false, &before), BTreeMap::new(), "one that was forgotten");
        assert_eq!(news(Some(&now), false, &before), BTreeMap::new(), "counts only grow");
    }

    #[test]
    fn unknown_decisions_count_together() {
        let said =
            counts(&[("allow.magic", 1), ("allow.more", 2), ("refuse.new", u64::MAX), ("refuse.x", 1)]);
        let added = [("allow.other", 3), ("refuse.other", u64::MAX)].into();
        assert_eq!(news(None, true, &said), added);
    }

    #[test]
    fn each_refusal_of_the_filter_is_counted_by_its_name() {
        for refusal in Refusal::ALL {
            assert_eq!(counted_as(refusal.decision()), refusal.decision());
        }
    }

    #[test]
    fn spans_end_with_the_step_that_is_under_way() {
        for span in Span::ALL {
            let (step, steps) = span.steps();
            for now in [1_795_338_000, 1_795_338_000 + step - 1] {
                let (from, until) = span.range(now);
                assert!(from % step == 0 && until > now && until - now <= step, "{span:?}");
                assert_eq!(until - from, step * steps);
            }
            // What is kept by the hour alone is not asked for by less.
            let (from, _) = span.range(0);
            assert!(step % HOUR == 0 || -from <= MINUTES_KEPT, "{span:?}");
            assert!(-from <= HOURS_KEPT, "{span:?}");
            assert_eq!(Span::from_name(span.name()), Some(span));
        }
    }
}
