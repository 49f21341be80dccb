//! Times as pages show them: a reader's script turns them into the reader's zone, with the exact ones on hover.

use std::fmt;

use askama::filters::HtmlSafe;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock::rfc3339;
use crate::domain::time;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The mean ones of the Gregorian calendar.
const MONTH: i64 = 2_629_746;
const YEAR: i64 = 12 * MONTH;

/// A time, and from when it is looked at, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    at: i64,
    now: i64,
}

/// A time as seen from now: "in 12 days".
#[derive(Clone, Copy, Debug)]
pub(crate) struct Distance(Moment);

impl Moment {
    /// `at`, seen from `now`.
    pub(crate) fn new(at: i64, now: i64) -> Self {
        Self { at, now }
    }

    /// What the use cases wrote as RFC 3339.
    pub(crate) fn read(text: &str, now: i64) -> Self {
        // It is ours, and so is a time.
        Self::new(time::parse(text).unwrap_or_default(), now)
    }

    /// The same as seen from now.
    pub(crate) fn distance(self) -> Distance {
        Distance(self)
    }

    /// Whether it lies at most so many days ahead.
    pub(crate) fn is_within_days(self, days: i64) -> bool {
        self.now < self.at && self.at <= self.now.saturating_add(days * DAY)
    }

    /// In words: `22 Nov 2026, 09:00 UTC`.
    pub(crate) fn exact(self) -> String {
        let Ok(time) = Timestamp::from_second(self.at) else { return self.at.to_string() };
        time.to_zoned(TimeZone::UTC).strftime("%-d %b %Y, %H:%M UTC").to_string()
    }
}

/// As an element whose text is the exact time.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<time datetime=\"{}\" data-local>{}</time>", rfc3339(self.at), self.exact())
    }
}

// Digits, letters of months, and our own element.
impl HtmlSafe for Moment {}

/// As an element whose text is the distance.
impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (moment, exact) = (self.0, self.0.exact());
        let words = words(moment.at.saturating_sub(moment.now));
        write!(f, "<time datetime=\"{}\" title=\"{exact}\">{words}</time>", rfc3339(moment.at))
    }
}

impl HtmlSafe for Distance {}

/// So many seconds from now, in the largest unit of which there are two, but for a tenth of it: half a year has 181 days.
fn words(seconds: i64) -> String {
    let size = seconds.saturating_abs();
    let units = [(YEAR, "years"), (MONTH, "months"), (DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")];
    let counted = units.map(|(unit, name)| (size.saturating_add(unit / 10) / unit, name));
    match counted.into_iter().find(|(count, _)| *count >= 2) {
        Some((count, name)) if seconds > 0 => format!("in {count} {name}"),
        Some((count, name)) => format!("{count} {name} ago"),
        None if seconds > 0 => "within two minutes".to_owned(),
        None => "just now".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_in_the_largest_unit_of_which_there_are_two() {
        for (seconds, expected) in [
            (0, "just now"),
            (-113, "just now"),
            (1, "within two minutes"),
            (114, "in 2 minutes"),
            (-119 * MINUTE, "2 hours ago"),
            (-110 * MINUTE, "110 minutes ago"),
            (2 * DAY - 1, "in 2 days"),
            (45 * HOUR, "in 45 hours"),
            (12 * DAY + HOUR, "in 12 days"),
            (-2 * DAY, "2 days ago"),
            (61 * DAY, "in 2 months"),
            (181 * DAY, "in 6 months"),
            (184 * DAY, "in 6 months"),
            (365 * DAY, "in 12 months"),
            (730 * DAY, "in 2 years"),
            (-731 * DAY, "2 years ago"),
        ] {
            assert_eq!(words(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn the_exact_time_is_never_lost() {
        let moment = Moment::read("2026-11-22T09:00:00Z", 1_795_338_000 - 12 * DAY);
        assert_eq!(
            moment.to_string(),
            "<time datetime=\"2026-11-22T09:00:00Z\" data-local>22 Nov 2026, 09:00 UTC</time>"
        );
        assert_eq!(
            moment.distance().to_string(),
            "<time datetime=\"2026-11-22T09:00:00Z\" title=\"22 Nov 2026, 09:00 UTC\">in 12 days</time>"
        );
        assert!(moment.is_within_days(12) && !moment.is_within_days(11));
    }
}
