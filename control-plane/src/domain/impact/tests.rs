use std::collections::BTreeSet;

use super::*;
use crate::domain::token::Disabled;
use crate::domain::usage::LastUse;
use crate::domain::user::Role;
use crate::domain::validity::Validity;
use gatepass::token::Digest;

/// 2026-11-22T09:00:00Z.
const NOW: i64 = 1_795_338_000;
const DAY: i64 = 24 * 60 * 60;

fn token() -> Token {
    Token {
        id: "01".to_owned(),
        digest: Digest::from_bytes([7; 32]),
        owner_id: 1,
        owner: "fred".to_owned(),
        owner_role: Role::User,
        owner_active: true,
        creator: "fred".to_owned(),
        description: "x".to_owned(),
        created_at: NOW - 10 * DAY,
        expires_at: None,
        scope: None,
        allowed_ips: Default::default(),
        prefix: "gp_".to_owned(),
        hint: "abcd".to_owned(),
        control_plane: false,
        disabled: None,
        chain: None,
        predecessor: None,
        successor: None,
        revoked_at: None,
        revoked_by: None,
        last_used: None,
    }
}

fn effect(old: &Settings, new: &Settings, token: &Token) -> Effect {
    let nobody = BTreeSet::new();
    Judge { old, new, now: NOW, suspended: &nobody, resumed: &nobody }.effect(token)
}

#[test]
fn a_bound_cuts_what_lives_longer_and_ends_what_is_older() {
    let bound = |max_validity| Settings { max_validity, ..Settings::default() };
    let any = Settings { max_validity: Validity::Never, ..Settings::default() };
    // Six months before 2026-11-22T09:00 lies 2026-05-22T09:00.
    let six_months_ago = 1_779_440_400;
    for (created_at, expires_at, max, cut_to) in [
        (NOW - 10 * DAY, None, Validity::OneYear, Some(NOW + 355 * DAY)),
        (NOW - 10 * DAY, Some(NOW + 355 * DAY), Validity::OneYear, None),
        (NOW - 10 * DAY, Some(NOW + 355 * DAY + 1), Validity::OneYear, Some(NOW + 355 * DAY)),
        (NOW - 10 * DAY, Some(NOW + DAY), Validity::OneYear, None),
        (NOW - 10 * DAY, None, Validity::Never, None),
        (six_months_ago + 1, None, Validity::SixMonths, Some(NOW + 1)),
        (six_months_ago, None, Validity::SixMonths, Some(NOW)),
        (six_months_ago - 400 * DAY, None, Validity::SixMonths, Some(NOW)),
        (six_months_ago - DAY, Some(NOW), Validity::SixMonths, None),
    ] {
        let token = Token { created_at, expires_at, ..token() };
        let found = effect(&any, &bound(max), &token);
        assert_eq!(
            (found.cut_to, found.ends),
            (cut_to, cut_to == Some(NOW)),
            "{created_at} {expires_at:?} {max:?}"
        );
    }
    let revoked = Token { revoked_at: Some(NOW - 1), ..token() };
    assert_eq!(effect(&any, &bound(Validity::SixMonths), &revoked), Effect::default());
    let disabled = Token { disabled: Some(Disabled { at: NOW - 1, by: "mary".to_owned() }), ..token() };
    assert!(effect(&any, &bound(Validity::SixMonths), &disabled).cut_to.is_some(), "it can be enabled again");
    let inactive = Token { owner_active: false, ..token() };
    assert!(
        effect(&any, &bound(Validity::SixMonths), &inactive).cut_to.is_some(),
        "it comes back with its owner"
    );
}

#[test]
fn people_are_cut_off_and_let_in_again() {
    let open = Settings::default();
    let closed =
        Settings { only_admins_create_tokens: true, users_may_use_tokens: false, ..Settings::default() };
    for (role, active, stops) in [
        (Role::User, true, true),
        (Role::TokenManager, true, true),
        (Role::Admin, true, false),
        (Role::User, false, false),
    ] {
        let token = Token { owner_role: role, owner_active: active, ..token() };
        let there = effect(&open, &closed, &token);
        let back = effect(&closed, &open, &token);
        assert_eq!((there.stops, there.works_again), (stops, false), "{role:?} {active}");
        assert_eq!((back.stops, back.works_again), (false, stops), "{role:?} {active}");
    }
    let may_not_create = Settings { only_admins_create_tokens: true, ..Settings::default() };
    assert!(!effect(&open, &may_not_create, &token()).stops);
    let expired = Token { expires_at: Some(NOW), ..token() };
    assert!(!effect(&open, &closed, &expired).stops, "it did not work before");
}

#[test]
fn the_address_of_the_last_use_may_come_to_lie_outside() {
    let list =
        |text: &str| Settings { allowed_ips: serde_json::from_str(text).unwrap(), ..Settings::default() };
    let used = |ip: Option<&str>| {
        let ip = ip.map(|ip| ip.parse().unwrap());
        Token { last_used: Some(LastUse { at: NOW - 5, ip, user_agent: None }), ..token() }
    };
    for (old, new, token, outside) in [
        ("[]", r#"["10.0.0.0/8"]"#, used(Some("192.0.2.1")), true),
        ("[]", r#"["10.0.0.0/8"]"#, used(Some("10.1.1.1")), false),
        (r#"["10.0.0.0/8"]"#, r#"["10.2.0.0/16"]"#, used(Some("192.0.2.1")), false),
        ("[]", r#"["10.0.0.0/8"]"#, used(None), false),
        ("[]", r#"["10.0.0.0/8"]"#, token(), false),
    ] {
        assert_eq!(effect(&list(old), &list(new), &token).outside, outside, "{old} {new}");
    }
}

#[test]
fn prefixes_change_sides_but_for_what_lies_below() {
    let list = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
    let change = |path: &str, except: &[&str]| PathChange { path: path.to_owned(), except: list(except) };
    for (from, to, covered) in [
        (&["/"] as &[_], &["/rest/"] as &[_], vec![]),
        (&["/rest/"], &["/"], vec![change("/", &["/rest/"])]),
        (&["/rest/"], &["/rest"], vec![]),
        (&["/rest/"], &["/restless", "/rest/a"], vec![change("/restless", &[])]),
        (
            &["/a/b/", "/a/c", "/d"],
            &["/e", "/a", "/e"],
            vec![change("/a", &["/a/b/", "/a/c"]), change("/e", &[])],
        ),
    ] {
        assert_eq!(newly_covered(&list(from), &list(to)), covered, "{from:?} {to:?}");
    }
}

#[test]
fn a_crowd_shows_its_first_few_and_counts_all() {
    let mut crowd = Crowd::default();
    for number in 0..25 {
        crowd.add(if number % 5 == 0 { "wilma" } else { "fred" }, || number);
    }
    assert_eq!((crowd.tokens, crowd.first), (25, (0..10).collect::<Vec<_>>()));
    assert_eq!(crowd.by_user, [("fred".to_owned(), 20), ("wilma".to_owned(), 5)].into());
}
