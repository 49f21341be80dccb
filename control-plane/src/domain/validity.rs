//! How long a token lives.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::choice;
use super::time::{self, InvalidTime};

/// Most days that `P<n>D` may ask for: a hundred years.
const MAX_DAYS: i64 = 36_500;

/// The validities that users choose from, and the bound that admins set. Ordered from short to long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Validity {
    /// Six calendar months.
    SixMonths,
    /// One calendar year.
    #[default]
    OneYear,
    /// Two calendar years.
    TwoYears,
    /// No end.
    Never,
}

impl Serialize for Validity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Validity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        choice::read(deserializer, &Self::ALL, Self::name)
    }
}

impl Validity {
    const ALL: [Self; 4] = [Self::SixMonths, Self::OneYear, Self::TwoYears, Self::Never];

    /// Those that may be chosen within the bound `max`, from short to long.
    pub fn within(max: Self) -> Vec<Self> {
        Self::ALL.into_iter().filter(|choice| *choice <= max).collect()
    }

    /// The name that the settings and a wish give it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SixMonths => "P6M",
            Self::OneYear => "P1Y",
            Self::TwoYears => "P2Y",
            Self::Never => "never",
        }
    }

    fn span(self) -> Option<Span> {
        match self {
            Self::SixMonths => Some(6.months()),
            Self::OneYear => Some(1.year()),
            Self::TwoYears => Some(2.years()),
            Self::Never => None,
        }
    }

    /// The latest end that this bound allows to a token made at `created_at`, in Unix seconds; `None` is never.
    pub fn latest_end(self, created_at: i64) -> Option<i64> {
        let span = self.span()?;
        // A bound later than can be written bounds nothing.
        Timestamp::from_second(created_at).ok().and_then(|created| add(created, span))
    }

    /// The end of a token made at `now`: calendar months in UTC, on the month's last day where the day is missing.
    fn end(self, now: Timestamp) -> Result<Option<i64>, InvalidValidity> {
        self.span().map(|span| add(now, span).ok_or_else(|| too_far("valid_for"))).transpose()
    }
}

/// What the creator of a token asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// `P6M`, `P1Y`, `P2Y`, `never`, or with custom validity `P<n>D`.
    pub valid_for: Option<&'a str>,
    /// An RFC 3339 time, with custom validity.
    pub expires_at: Option<&'a str>,
}

/// Why a validity was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidValidity {
    /// `valid_for` or `expires_at`.
    pub field: &'static str,
    /// What would be right.
    pub problem: String,
}

/// The end of a token made at `now`, in Unix seconds; `None` is never. Without a wish it is the longest that the bound
/// allows, but at most a year.
///
/// # Errors
/// What the bound `max` and `custom` (whether days and dates may be chosen) allow instead.
pub fn expiry(
    request: Request<'_>,
    max: Validity,
    custom: bool,
    now: Timestamp,
) -> Result<Option<i64>, InvalidValidity> {
    match (request.valid_for, request.expires_at) {
        (None, None) => max.min(Validity::OneYear).end(now),
        (Some(_), Some(_)) => Err(invalid("expires_at", "give either valid_for or expires_at")),
        (Some(text), None) => match Validity::ALL.into_iter().find(|choice| choice.name() == text) {
            Some(choice) if choice <= max => choice.end(now),
            Some(_) => Err(above("valid_for", max)),
            None => within(days(text, custom, max, now)?, "valid_for", max, now).map(Some),
        },
        (None, Some(text)) => within(date(text, custom, now)?, "expires_at", max, now).map(Some),
    }
}

/// Refuses the end of a token that is to be made at `now` with the end of an earlier one, in Unix seconds.
///
/// # Errors
/// The bound `max` has become shorter than that.
pub fn refuse_beyond(end: Option<i64>, max: Validity, now: Timestamp) -> Result<(), InvalidValidity> {
    let bound = max.end(now)?;
    if bound.is_none_or(|bound| end.is_some_and(|end| end <= bound)) {
        return Ok(());
    }
    let problem = format!(
        "the token ends later than max_validity, {}, allows now: give it an earlier end first",
        max.name()
    );
    Err(invalid("expires_at", problem))
}

fn days(text: &str, custom: bool, max: Validity, now: Timestamp) -> Result<i64, InvalidValidity> {
    let digits = text.strip_prefix('P').and_then(|rest| rest.strip_suffix('D'));
    let count = digits
        .filter(|digits| digits.len() <= 5 && digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| digits.parse::<i64>().ok())
        .filter(|count| (1..=MAX_DAYS).contains(count));
    let Some(count) = count else {
        let days = if custom { " or days from P1D to P36500D" } else { "" };
        return Err(invalid("valid_for", format!("must be one of {}{days}", choices(max))));
    };
    if !custom {
        let problem =
            format!("days cannot be chosen (custom_validity is off); choose one of {}", choices(max));
        return Err(invalid("valid_for", problem));
    }
    add(now, count.days()).ok_or_else(|| too_far("valid_for"))
}

fn date(text: &str, custom: bool, now: Timestamp) -> Result<i64, InvalidValidity> {
    if !custom {
        return Err(invalid("expires_at", "a date cannot be chosen (custom_validity is off); use valid_for"));
    }
    let end = time::parse(text).map_err(|error| match error {
        InvalidTime::Malformed => {
            invalid("expires_at", "must be an RFC 3339 time such as 2027-01-31T00:00:00Z")
        }
        InvalidTime::TooFar => too_far("expires_at"),
    })?;
    if end <= now.as_second() {
        return Err(invalid("expires_at", "must lie in the future"));
    }
    Ok(end)
}

fn within(end: i64, field: &'static str, max: Validity, now: Timestamp) -> Result<i64, InvalidValidity> {
    match max.end(now)? {
        Some(bound) if end > bound => Err(above(field, max)),
        _ => Ok(end),
    }
}

fn add(now: Timestamp, span: Span) -> Option<i64> {
    let start: DateTime = TimeZone::UTC.to_datetime(now);
    let end = start.checked_add(span).ok()?;
    TimeZone::UTC.to_timestamp(end).ok().map(Timestamp::as_second)
}

fn choices(max: Validity) -> String {
    Validity::within(max).into_iter().map(Validity::name).collect::<Vec<_>>().join(", ")
}

fn above(field: &'static str, max: Validity) -> InvalidValidity {
    invalid(field, format!("is longer than max_validity, {}; allowed: {}", max.name(), choices(max)))
}

fn too_far(field: &'static str) -> InvalidValidity {
    invalid(field, "lies too far in the future")
}

fn invalid(field: &'static str, problem: impl Into<String>) -> InvalidValidity {
    InvalidValidity { field, problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Validity::{Never, OneYear, SixMonths, TwoYears};

    fn end(request: Request<'_>, max: Validity, custom: bool, now: &str) -> Result<String, &'static str> {
        match expiry(request, max, custom, now.parse().unwrap()) {
            Ok(Some(end)) => Ok(crate::clock::rfc3339(end)),
            Ok(None) => Ok("never".to_owned()),
            Err(error) => Err(error.field),
        }
    }

    fn valid_for(text: &str) -> Request<'_> {
        Request { valid_for: Some(text), expires_at: None }
    }

    fn expires_at(text: &str) -> Request<'_> {
        Request { valid_for: None, expires_at: Some(text) }
    }

    #[test]
    fn months_are_calendar_months_in_utc() {
        for (now, choice, expected) in [
            ("2026-01-15T12:30:00Z", "P6M", "2026-07-15T12:30:00Z"),
            ("2026-08-31T23:59:59Z", "P6M", "2027-02-28T23:59:59Z"),
            ("2027-08-31T00:00:00Z", "P6M", "2028-02-29T00:00:00Z"),
            ("2028-02-29T06:00:00Z", "P1Y", "2029-02-28T06:00:00Z"),
            ("2028-02-29T06:00:00Z", "P2Y", "2030-02-28T06:00:00Z"),
            ("2026-12-31T00:00:00Z", "P2Y", "2028-12-31T00:00:00Z"),
            ("2026-12-31T00:00:00Z", "never", "never"),
        ] {
            assert_eq!(end(valid_for(choice), Never, false, now).as_deref(), Ok(expected), "{now} {choice}");
        }
    }

    #[test]
    fn users_choose_the_bound_or_less() {
        let allowed = |max| {
            let fits = |choice: &&str| end(valid_for(choice), max, false, "2026-01-01T00:00:00Z").is_ok();
            ["P6M", "P1Y", "P2Y", "never"].into_iter().filter(fits).collect::<Vec<_>>()
        };
        assert_eq!(allowed(SixMonths), ["P6M"]);
        assert_eq!(allowed(OneYear), ["P6M", "P1Y"]);
        assert_eq!(allowed(TwoYears), ["P6M", "P1Y", "P2Y"]);
        assert_eq!(allowed(Never), ["P6M", "P1Y", "P2Y", "never"]);
    }

    #[test]
    fn without_a_wish_it_is_the_longest_up_to_a_year() {
        let default = |max| end(Request::default(), max, false, "2026-01-01T00:00:00Z").unwrap();
        assert_eq!(default(SixMonths), "2026-07-01T00:00:00Z");
        for max in [OneYear, TwoYears, Never] {
            assert_eq!(default(max), "2027-01-01T00:00:00Z");
        }
    }

    #[test]
    fn custom_validity_is_bounded_to_the_second() {
        let now = "2026-01-01T00:00:00Z";
        for (request, expected) in [
            (valid_for("P1D"), Ok("2026-01-02T00:00:00Z")),
            (valid_for("P365D"), Ok("2027-01-01T00:00:00Z")),
            (valid_for("P366D"), Err("valid_for")),
            (valid_for("P0D"), Err("valid_for")),
            (valid_for("P99999D"), Err("valid_for")),
            (valid_for("P-1D"), Err("valid_for")),
            (valid_for("P+1D"), Err("valid_for")),
            (valid_for("P1M"), Err("valid_for")),
            (valid_for("p1y"), Err("valid_for")),
            (expires_at("2027-01-01T00:00:00Z"), Ok("2027-01-01T00:00:00Z")),
            (expires_at("2027-01-01T02:00:00+02:00"), Ok("2027-01-01T00:00:00Z")),
            (expires_at("2027-01-01T00:00:01Z"), Err("expires_at")),
            (expires_at("2026-01-01T00:00:00Z"), Err("expires_at")),
            (expires_at("2026-01-01T00:00:01Z"), Ok("2026-01-01T00:00:01Z")),
            (expires_at("tomorrow"), Err("expires_at")),
        ] {
            assert_eq!(end(request, OneYear, true, now).as_deref().map_err(|e| *e), expected, "{request:?}");
        }
        assert_eq!(end(valid_for("P1D"), OneYear, false, now), Err("valid_for"));
        assert_eq!(end(expires_at("2026-06-01T00:00:00Z"), OneYear, false, now), Err("expires_at"));
        let both = Request { valid_for: Some("P6M"), expires_at: Some("2026-06-01T00:00:00Z") };
        assert_eq!(end(both, OneYear, true, now), Err("expires_at"));
    }

    #[test]
    fn a_date_that_cannot_be_kept_lies_too_far_away() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        for (text, part) in [
            ("9999-12-31T23:59:59Z", "too far in the future"),
            ("2027-01-31T00:00:00Z[Europe/Berlin]", "RFC 3339"),
            ("20270131T000000Z", "RFC 3339"),
            ("2025-01-31T00:00:00Z", "must lie in the future"),
        ] {
            let error = expiry(expires_at(text), Never, true, now).unwrap_err();
            assert!(error.problem.contains(part), "{text} {error:?}");
        }
    }

    #[test]
    fn an_end_that_is_kept_must_be_within_the_bound_of_today() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let end = |text: &str| Some(time::parse(text).unwrap());
        for (kept, max, allowed) in [
            (None, Never, true),
            (None, TwoYears, false),
            (end("2026-07-01T00:00:00Z"), SixMonths, true),
            (end("2026-07-01T00:00:01Z"), SixMonths, false),
            (end("2026-07-01T00:00:01Z"), OneYear, true),
            (end("2099-01-01T00:00:00Z"), Never, true),
        ] {
            assert_eq!(refuse_beyond(kept, max, now).is_ok(), allowed, "{kept:?} {max:?}");
        }
        assert!(refuse_beyond(None, SixMonths, now).unwrap_err().problem.contains("P6M"));
    }

    #[test]
    fn a_refusal_names_the_bound() {
        let error =
            expiry(valid_for("P2Y"), SixMonths, false, "2026-01-01T00:00:00Z".parse().unwrap()).unwrap_err();
        assert!(error.problem.contains("P6M"), "{error:?}");
    }
}
