//! Times as RFC 3339 writes them, and in no other way: parsers of dates take much that another one reads differently.

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

/// The seconds of a day.
const DAY: i64 = 24 * 60 * 60;

/// The day after `day`, both as RFC 3339 writes a date; `None` if there is no such day.
pub fn day_after(day: &str) -> Option<String> {
    let day: Date = has_shape(day, "0000-00-00").then(|| day.parse().ok())??;
    Some(day.tomorrow().ok()?.to_string())
}

/// Why a text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidTime {
    /// It is not written as RFC 3339 §5.6 demands, or there is no such day or hour.
    Malformed,
    /// It is one, of the last day of the year 9999: later than can be kept.
    TooFar,
}

/// The time in Unix seconds; a fraction is dropped.
///
/// # Errors
/// It is no time of RFC 3339.
pub fn parse(text: &str) -> Result<i64, InvalidTime> {
    read(text).ok_or(InvalidTime::Malformed)?
}

fn read(text: &str) -> Option<Result<i64, InvalidTime>> {
    let (local, rest) = text.split_at_checked("0000-00-00T00:00:00".len())?;
    if !has_shape(local, "0000-00-00T00:00:00") {
        return None;
    }
    let offset = offset(without_fraction(rest)?)?;
    let local_time: DateTime = local.parse().ok()?;
    let Ok(time) = offset.to_timestamp(local_time) else { return Some(Err(InvalidTime::TooFar)) };
    let seconds = time.as_second();
    // Leap seconds end a day of UTC (RFC 3339 §5.7); jiff has read one as the second before.
    if local.ends_with("60") && seconds.rem_euclid(DAY) != DAY - 1 {
        return None;
    }
    Some(Ok(seconds))
}

fn without_fraction(text: &str) -> Option<&str> {
    let Some(fraction) = text.strip_prefix('.') else { return Some(text) };
    let rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < fraction.len()).then_some(rest)
}

fn offset(text: &str) -> Option<Offset> {
    if text.eq_ignore_ascii_case("Z") {
        return Some(Offset::UTC);
    }
    let digits = text.strip_prefix(['+', '-'])?;
    if !has_shape(digits, "00:00") {
        return None;
    }
    let (hours, minutes) = digits.split_once(':')?;
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let seconds = (hours * 60 + minutes) * 60;
    let sign = if text.starts_with('-') { -1 } else { 1 };
    (hours < 24 && minutes < 60).then(|| Offset::from_seconds(sign * seconds).ok())?
}

/// Whether `text` is `shape` with other digits; letters in any case (RFC 3339 §5.6).
fn has_shape(text: &str, shape: &str) -> bool {
    let same = |(byte, form): (u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        other => byte.eq_ignore_ascii_case(&other),
    };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_rfc_3339_are_read() {
        for (text, meant) in [
            ("2027-01-31T00:00:00Z", "2027-01-31T00:00:00Z"),
            ("2027-01-31t00:00:00z", "2027-01-31T00:00:00Z"),
            ("2027-01-31T02:00:00+02:00", "2027-01-31T00:00:00Z"),
            ("2027-01-30T12:30:00-11:30", "2027-01-31T00:00:00Z"),
            ("2027-01-31T00:00:00-00:00", "2027-01-31T00:00:00Z"),
            ("2027-01-31T23:59:00+23:59", "2027-01-31T00:00:00Z"),
            ("2027-01-31T00:00:00.9Z", "2027-01-31T00:00:00Z"),
            ("2027-01-31T00:00:00.12345678901234567890+00:00", "2027-01-31T00:00:00Z"),
            ("2028-02-29T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("2028-06-30T23:59:60Z", "2028-06-30T23:59:59Z"),
            ("2028-07-01T01:59:60+02:00", "2028-06-30T23:59:59Z"),
            ("9999-12-30T21:00:00Z", "9999-12-30T21:00:00Z"),
        ] {
            assert_eq!(parse(text).map(crate::clock::rfc3339).as_deref(), Ok(meant), "{text}");
        }
    }

    #[test]
    fn days_follow_each_other() {
        for (day, next) in
            [("2026-12-31", "2027-01-01"), ("2028-02-28", "2028-02-29"), ("2027-02-28", "2027-03-01")]
        {
            assert_eq!(day_after(day).as_deref(), Some(next));
        }
        for bad in
            ["", "2027-02-29", "2027-1-1", "20270101", "2027-01-01T00:00", "9999-12-31", "-002027-01-01"]
        {
            assert_eq!(day_after(bad), None, "{bad}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        for text in [
            "",
            "tomorrow",
            "20270131T000000Z",
            "2027-01-31",
            "2027-01-31T00Z",
            "2027-01-31T00:00Z",
            "2027-01-31T00:00:00",
            "2027-01-31 00:00:00Z",
            "2027-01-31T00:00:00 Z",
            "2027-01-31T00:00:00Z ",
            "2027-01-31T00:00:00Z[Europe/Berlin]",
            "2027-01-31T00:00:00+01:00[Europe/Berlin]",
            "2027-01-31T00:00:00,5Z",
            "2027-01-31T00:00:00.Z",
            "2027-01-31T00:00:00+25:59",
            "2027-01-31T00:00:00+24:00",
            "2027-01-31T00:00:00+01:60",
            "2027-01-31T00:00:00+01",
            "2027-01-31T00:00:00+0100",
            "2027-01-31T00:00:00+01:00:00",
            "2027-01-31T00:00:00\u{2212}01:00",
            "2027-02-29T00:00:00Z",
            "2027-13-01T00:00:00Z",
            "2027-01-31T24:00:00Z",
            "2027-01-31T00:60:00Z",
            "2027-01-31T00:00:61Z",
            "2027-01-31T12:00:60Z",
            "+002027-01-31T00:00:00Z",
            "12027-01-31T00:00:00Z",
            "2027-01-3\u{661}T00:00:00Z",
        ] {
            assert_eq!(parse(text), Err(InvalidTime::Malformed), "{text}");
        }
        for text in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59"] {
            assert_eq!(parse(text), Err(InvalidTime::TooFar), "{text}");
        }
    }
}
