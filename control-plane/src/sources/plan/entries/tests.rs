use super::*;
use crate::domain::validity::Validity;

const DAY: i64 = 24 * 60 * 60;

fn now() -> Timestamp {
    Timestamp::from_second(1_795_338_000).unwrap()
}

fn present(expires_at: Option<i64>) -> Token {
    let created_at = now().as_second() - 100 * DAY;
    Token { created_at, expires_at, ..crate::domain::token::tests::token() }
}

#[test]
fn an_entry_ends_within_the_bound_from_when_its_secret_was_pushed_first() {
    let (in_60_days, in_100_days) = ("2027-01-21T09:00:00Z", "2027-03-02T09:00:00Z");
    let second = |text: &str| time::parse(text).unwrap();
    let six_months = second("2027-05-22T09:00:00Z");
    let old = |end: &str| Some(present(Some(second(end))));
    for (wish, same, max, expected) in [
        (None, None, Validity::SixMonths, Ok(Some(six_months))),
        (None, None, Validity::Never, Ok(Some(second("2027-11-22T09:00:00Z")))),
        (None, old(in_100_days), Validity::SixMonths, Ok(Some(second(in_100_days)))),
        (None, Some(present(None)), Validity::SixMonths, Ok(None)),
        (Some("never"), None, Validity::Never, Ok(None)),
        (Some("never"), None, Validity::TwoYears, Err("max_validity, P2Y")),
        (Some("never"), Some(present(None)), Validity::SixMonths, Ok(None)),
        (Some(in_60_days), None, Validity::SixMonths, Ok(Some(second(in_60_days)))),
        (Some("2027-05-22T09:00:00Z"), None, Validity::SixMonths, Ok(Some(six_months))),
        (Some("2027-05-22T09:00:01Z"), None, Validity::SixMonths, Err("max_validity, P6M")),
        // Pushed first a hundred days ago, what is left of six months is less than a hundred days more.
        (Some(in_60_days), Some(present(None)), Validity::SixMonths, Ok(Some(second(in_60_days)))),
        (Some(in_100_days), Some(present(None)), Validity::SixMonths, Err("at most 2027-02-14T09:00:00Z")),
        (Some(in_100_days), old(in_100_days), Validity::SixMonths, Ok(Some(second(in_100_days)))),
        (Some("2026-11-22T09:00:00Z"), None, Validity::Never, Err("in the future")),
        (
            Some("2026-01-01T00:00:00Z"),
            old("2026-01-01T00:00:00Z"),
            Validity::Never,
            Ok(Some(second("2026-01-01T00:00:00Z"))),
        ),
        (Some("2026-01-01T00:00:00Z"), Some(present(None)), Validity::Never, Err("in the future")),
        (Some("tomorrow"), None, Validity::Never, Err("RFC 3339")),
        (Some(""), None, Validity::Never, Err("RFC 3339")),
    ] {
        let settings = Settings { max_validity: max, ..Settings::default() };
        let created_at = same.as_ref().map_or(now().as_second(), |same| same.created_at);
        let got = end(wish, (same.as_ref(), created_at), &settings, now());
        match expected {
            Ok(expected) => assert_eq!(got, Ok(expected), "{wish:?} {same:?} {max:?}"),
            Err(part) => {
                assert!(got.as_ref().is_err_and(|text| text.contains(part)), "{wish:?} {max:?}: {got:?}")
            }
        }
    }
}

#[test]
fn a_secret_that_comes_back_lives_no_longer_than_if_it_had_stayed() {
    let second = |text: &str| time::parse(text).unwrap();
    let pushed_first = now().as_second() - 200 * DAY;
    for (wish, max, expected) in [
        (None, Validity::OneYear, Ok(Some(second("2027-05-06T09:00:00Z")))),
        (None, Validity::TwoYears, Ok(Some(second("2027-11-22T09:00:00Z")))),
        (None, Validity::Never, Ok(Some(second("2027-11-22T09:00:00Z")))),
        (None, Validity::SixMonths, Err("pushed first at 2026-05-06T09:00:00Z")),
        (Some("2027-01-01T00:00:00Z"), Validity::SixMonths, Err("until 2026-11-06T09:00:00Z")),
        (Some("never"), Validity::SixMonths, Err("make another token")),
        (Some("never"), Validity::Never, Ok(None)),
        (Some("2027-05-06T09:00:01Z"), Validity::OneYear, Err("at most 2027-05-06T09:00:00Z")),
    ] {
        let settings = Settings { max_validity: max, ..Settings::default() };
        let got = end(wish, (None, pushed_first), &settings, now());
        match expected {
            Ok(expected) => assert_eq!(got, Ok(expected), "{wish:?} {max:?}"),
            Err(part) => {
                assert!(got.as_ref().is_err_and(|text| text.contains(part)), "{wish:?} {max:?}: {got:?}")
            }
        }
    }
}

#[test]
fn every_field_that_may_differ_is_named() {
    let before = present(None);
    let after = |change: fn(&mut Token)| {
        let mut after = before.clone();
        change(&mut after);
        Checked::differences(&before, &after)
    };
    assert!(after(|_| {}).is_empty());
    assert!(after(|token| token.created_at = 7).is_empty());
    assert_eq!(after(|token| token.digest = token::Digest::from_bytes([8; 32])), ["sha256"]);
    assert_eq!(after(|token| token.owner_id = 9), ["user"]);
    assert_eq!(after(|token| token.description.push('x')), ["description"]);
    assert_eq!(after(|token| token.expires_at = Some(9)), ["expires_at"]);
    assert_eq!(after(|token| token.scope = Some("ci".into())), ["scope"]);
    assert_eq!(
        after(|token| token.allowed_ips = serde_json::from_str("[\"10.0.0.1\"]").unwrap()),
        ["allowed_ips"]
    );
    assert_eq!(after(|token| token.disabled = Some(Disabled { at: 1, by: "x".into() })), ["disabled"]);
}
