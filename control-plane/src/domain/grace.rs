//! How long a token goes on working once another has replaced it.

use jiff::Span;

/// The longest grace, in seconds: 7 days.
pub const MAX_GRACE: i64 = 7 * 24 * 60 * 60;

/// The longest text that is read, in bytes.
pub const MAX_TEXT: usize = 32;

/// The seconds of an ISO 8601 duration in weeks, days, hours, minutes and seconds; `PT0S` is none.
///
/// # Errors
/// What would be right.
pub fn seconds(text: &str) -> Result<i64, &'static str> {
    const FORM: &str = "must be an ISO 8601 duration of at most 7 days, such as PT1H or P7D";
    // jiff also reads `1 hour`, signs and lower case.
    let plain = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase();
    if !text.starts_with('P') || text.len() > MAX_TEXT || !text.bytes().all(plain) {
        return Err(FORM);
    }
    let span: Span = text.parse().map_err(|_| FORM)?;
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(FORM);
    }
    let parts = [
        (i64::from(span.get_weeks()), 7 * 24 * 60 * 60),
        (i64::from(span.get_days()), 24 * 60 * 60),
        (i64::from(span.get_hours()), 60 * 60),
        (span.get_minutes(), 60),
        (span.get_seconds(), 1),
    ];
    let seconds =
        parts.iter().try_fold(0_i64, |sum, (count, unit)| sum.checked_add(count.checked_mul(*unit)?));
    seconds.filter(|seconds| *seconds <= MAX_GRACE).ok_or(FORM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grace_is_an_iso_8601_duration_of_at_most_7_days() {
        for (text, expected) in [
            ("PT1H", 3600),
            ("PT0S", 0),
            ("P0D", 0),
            ("P7D", MAX_GRACE),
            ("P1W", MAX_GRACE),
            ("PT168H", MAX_GRACE),
            ("P1DT2H3M4S", 93_784),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for bad in [
            "",
            "P",
            "PT",
            "P7DT1S",
            "P8D",
            "PT169H",
            "P1M",
            "P1Y",
            "P0Y1M",
            "-PT1H",
            "P-1D",
            "+PT1H",
            "pt1h",
            "PT1h",
            "1 hour",
            "1h",
            "PT1.5S",
            "PT0.5H",
            "PT1H ",
            "P99999999999999999999D",
            "PT9223372036854775807S",
            "3600",
        ] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
