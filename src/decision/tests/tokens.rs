//! The token's own checks, in their order.

use super::*;

/// The decision for Fred's token with `fields`, for this method and target from this source.
fn own(fields: Value, method: &str, target: &str, source: &str, headers: &[(&str, &str)]) -> &'static str {
    let policy = policy(json!({}), fields);
    let mut all: Vec<Header<'_>> = request(target, headers);
    let credentials = bearer(&freds());
    all.remove(0);
    all.extend([(":method", method.as_bytes()), ("authorization", credentials.as_bytes())]);
    decide(Some(&policy), Request::new(&all), &Host::at(source)).verdict.decision()
}

fn get(fields: Value) -> &'static str {
    own(fields, "GET", "/rest/a", "10.0.0.1:1", &[])
}

fn scoped(method: &str, target: &str, headers: &[(&str, &str)]) -> &'static str {
    own(json!({"scope": "read_only"}), method, target, "10.0.0.1:1", headers)
}

#[test]
fn a_stated_refusal_has_its_own_code() {
    for code in ["token_disabled", "user_inactive", "use_not_allowed"] {
        assert_eq!(get(json!({"refuse": code})), format!("refuse.{code}"));
    }
}

#[test]
fn a_token_ends_at_its_very_second() {
    assert_eq!(get(json!({"expires_at": NOW + 1})), "allow.token");
    assert_eq!(get(json!({"expires_at": NOW})), "refuse.token_expired");
    assert_eq!(get(json!({"expires_at": NOW - 1})), "refuse.token_expired");
    assert!(!has_expired(NOW - 1, NOW) && has_expired(NOW, NOW));
}

#[test]
fn without_a_clock_nothing_that_expires_is_admitted() {
    let clockless = Host { now: None, ..Host::at("10.0.0.1") };
    let headers = request("/rest/a", &[("authorization", &bearer(&freds()))]);
    let of = |fields| policy(json!({}), fields);
    let decided =
        |policy: &Policy| decide(Some(policy), Request::new(&headers), &clockless).verdict.decision();
    assert_eq!(decided(&of(json!({"expires_at": NOW + 1}))), "refuse.token_expired");
    assert_eq!(decided(&of(json!({}))), "allow.token");
}

#[test]
fn the_tokens_list_and_the_global_one_must_both_admit() {
    let policy =
        policy(json!({"allowed_ips": ["10.0.0.0/8"]}), json!({"allowed_ips": ["10.1.0.0/16", "11.0.0.1"]}));
    for (source, expected) in [
        ("10.1.255.255:1", "allow.token"),
        ("10.2.0.0:1", "refuse.ip_not_allowed"),
        ("11.0.0.1:1", "refuse.ip_not_allowed"),
        ("unreadable", "refuse.ip_not_allowed"),
    ] {
        let headers = request("/rest/a", &[("authorization", &bearer(&freds()))]);
        let decided = decide(Some(&policy), Request::new(&headers), &Host::at(source));
        assert_eq!(decided.verdict.decision(), expected, "{source}");
    }
}

#[test]
fn lists_of_everything_still_want_a_readable_address_of_their_family() {
    let everything = json!({"allowed_ips": ["::/0"]});
    for (source, expected) in [
        ("[2001:db8::1]:1", "allow.token"),
        ("10.0.0.1:1", "refuse.ip_not_allowed"),
        ("[::ffff:10.0.0.1]:1", "refuse.ip_not_allowed"),
        ("unreadable", "refuse.ip_not_allowed"),
    ] {
        assert_eq!(own(everything.clone(), "GET", "/rest/a", source, &[]), expected, "{source}");
    }
    assert_eq!(own(json!({}), "GET", "/rest/a", "unreadable", &[]), "allow.token", "no list, no question");
}

#[test]
fn a_scope_admits_what_any_of_its_rules_does() {
    for method in ["GET", "HEAD", "OPTIONS"] {
        assert_eq!(scoped(method, "/rest/a", &[]), "allow.token", "{method}");
    }
    for target in
        ["/rest/api/2/search", "/rest/api/2/search/", "/rest/api/2/search/x?y", "/rest/api/2/%73earch"]
    {
        assert_eq!(scoped("POST", target, &[]), "allow.token", "{target}");
    }
    for target in ["/rest/api/2/searches", "/rest/api/2", "/rest/api/2/search;x", "/rest//api/2/search"] {
        assert_eq!(scoped("POST", target, &[]), "refuse.scope_exceeded", "{target}");
    }
    for method in ["PUT", "DELETE", "PATCH", "get", "Get", "GET ", ""] {
        assert_eq!(scoped(method, "/rest/a", &[]), "refuse.scope_exceeded", "{method}");
    }
    assert_eq!(scoped("GET", "/rest;x/a", &[]), "allow.token", "a rule without paths means every path");
    let empty = own(json!({}), "DELETE", "/rest;x/a", "10.0.0.1", &[]);
    assert_eq!(empty, "allow.token", "without a scope everything is admitted");
}

#[test]
fn a_scoped_request_carries_no_override() {
    for name in
        ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x_rewrite_url"]
    {
        assert_eq!(scoped("GET", "/rest/a", &[(name, "DELETE")]), "refuse.scope_exceeded", "{name}");
    }
    assert_eq!(scoped("GET", "/rest/a?_method=DELETE", &[]), "refuse.scope_exceeded");
    assert_eq!(own(json!({}), "GET", "/rest/a?_method=DELETE", "10.0.0.1", &[]), "allow.token");
}

#[test]
fn the_checks_come_in_their_order() {
    let mut fields = json!({"refuse": "token_disabled", "expires_at": NOW, "allowed_ips": ["11.0.0.1"], "scope": "read_only"});
    for (first, expected) in [
        ("refuse", "refuse.token_disabled"),
        ("expires_at", "refuse.token_expired"),
        ("allowed_ips", "refuse.ip_not_allowed"),
        ("scope", "refuse.scope_exceeded"),
    ] {
        assert_eq!(own(fields.clone(), "DELETE", "/rest/a", "10.0.0.1", &[]), expected);
        fields.as_object_mut().unwrap().remove(first);
    }
    assert_eq!(own(fields, "DELETE", "/rest/a", "10.0.0.1", &[]), "allow.token");
}

#[test]
fn a_recognised_token_is_named_to_the_log_and_an_unmatched_one_is_not() {
    let expired = policy(json!({}), json!({"expires_at": NOW}));
    let named = |value: String| {
        let headers = request("/rest/a", &[("authorization", &value)]);
        match decide(Some(&expired), Request::new(&headers), &Host::at("")).verdict {
            Verdict::Refuse { token_id, .. } => token_id.map(str::to_owned),
            Verdict::Allow(_) => panic!("admitted"),
        }
    };
    assert_eq!(named(bearer(&freds())).as_deref(), Some("t1"));
    assert_eq!(named(basic("bob", &freds())), None);
}
