//! The reference on cases that stand in the contract.

use serde_json::{Value, json};

use super::enforced::Enforced;
use super::policy::Policy;
use super::{Answer, Request, decide, path, token};
use crate::{basic, bearer};

/// Stands in the documentation of the plugin configuration, with its digest.
const TOKEN: &str = "gp_0123456789ABCDEFGHIJKLMNOPQRSTUV0kO87M";
const DIGEST: &str = "76af36046176b3b1df719d951e21f17b3f89239c509adad04fae613cc7723499";

fn policy(settings: Value, token: Value) -> Policy {
    let mut entry = json!({"id": "t1", "sha256": DIGEST, "user": "fred"});
    entry.as_object_mut().expect("an object").extend(token.as_object().expect("an object").clone());
    let scopes = json!({"read_only": [{"methods": ["GET", "HEAD", "OPTIONS"]},
                                      {"methods": ["POST"], "paths": ["/rest/api/2/search"]}]});
    Policy::read(
        &json!({"version": 1, "revision": "1", "settings": settings, "scopes": scopes, "tokens": [entry]}),
    )
}

fn request(line: &str, headers: &[(&str, &str)]) -> Request {
    let (method, target) = line.split_once(' ').expect("a method and a target");
    let headers = headers.iter().map(|(n, v)| (n.to_ascii_lowercase(), v.as_bytes().to_vec())).collect();
    Request {
        method: method.to_owned(),
        target: Some(target.as_bytes().to_vec()),
        headers,
        source: "10.1.2.3".parse().ok(),
        now: 1_000,
    }
}

#[track_caller]
fn decides(settings: Value, token: Value, line: &str, headers: &[(&str, &str)], decision: &str) {
    let answer = decide(Some(&policy(settings, token)), &request(line, headers));
    assert_eq!(answer.decision(), decision, "{line} {headers:?}");
}

#[test]
fn the_documented_token_is_one() {
    let prefixes = ["gp_".to_owned()];
    assert!(token::is_token(&prefixes, TOKEN.as_bytes()));
    assert_eq!(token::digest(TOKEN.as_bytes()), DIGEST);
    assert_eq!(token::whole("gp_", b"0123456789ABCDEFGHIJKLMNOPQRSTUV"), TOKEN);
    assert!(!token::is_token(&prefixes, TOKEN.replace('V', "W").as_bytes()));
    assert!(!token::is_token(&["gp".to_owned()], TOKEN.as_bytes()));
}

#[test]
fn the_rows_of_the_contract() {
    let none = || json!({});
    let authorization = |value: &str| value.to_owned();
    let cases: Vec<(Value, &str, Option<String>, &str)> = vec![
        (json!({"protected_paths": ["/rest/"]}), "GET /restless", None, "allow.unprotected"),
        (json!({"protected_paths": ["/rest/"]}), "GET /rest", None, "refuse.credentials_missing"),
        (json!({"protected_paths": ["/rest/"]}), "GET /open;/a", None, "refuse.credentials_missing"),
        (json!({"anonymous": "forward"}), "GET /", None, "allow.anonymous"),
        (none(), "GET /", Some(bearer(TOKEN)), "allow.token"),
        (none(), "GET /", Some(authorization(&format!("bEARER   {TOKEN}"))), "allow.token"),
        (none(), "GET /", Some(basic("fred", TOKEN)), "allow.token"),
        (none(), "GET /", Some(basic("Fred", TOKEN)), "refuse.credentials_unknown"),
        (none(), "GET /", Some(basic(TOKEN, "x")), "refuse.credentials_unknown"),
        (none(), "GET /", Some(authorization(TOKEN)), "refuse.credentials_unknown"),
        (none(), "GET /", Some(bearer(&format!("x{TOKEN}y"))), "refuse.credentials_unknown"),
        (none(), "GET /", Some(bearer(&format!("{TOKEN} x"))), "refuse.authorization_malformed"),
        (none(), "GET /", Some(authorization("Bearer")), "refuse.authorization_malformed"),
        (none(), "GET /", Some(authorization("")), "refuse.authorization_malformed"),
        (none(), "GET /", Some(authorization("Basic !!!!")), "refuse.authorization_malformed"),
        (none(), "GET /", Some(authorization("Basic ZnJlZA==")), "refuse.authorization_malformed"),
        (none(), "GET /", Some(basic("fred", "")), "refuse.authorization_malformed"),
        (none(), "GET /", Some(basic("fred", "a\tb")), "refuse.authorization_malformed"),
        (none(), "GET /", Some(basic("fred", "pw")), "refuse.password_refused"),
        (json!({"password_auth": "forward"}), "GET /", Some(basic("fred", "pw")), "allow.password"),
        (none(), "GET /", Some(authorization("Digest a=b, c=d")), "refuse.scheme_refused"),
        (json!({"foreign_credentials": "forward"}), "GET /", Some(bearer("jwt")), "allow.foreign"),
        (json!({"allowed_ips": ["10.0.0.0/8"]}), "GET /", Some(bearer(TOKEN)), "allow.token"),
        (json!({"allowed_ips": ["::/0"]}), "GET /", Some(basic("fred", "pw")), "refuse.ip_not_allowed"),
    ];
    for (settings, line, authorization, decision) in cases {
        let headers: Vec<(&str, &str)> =
            authorization.as_deref().map(|v| ("Authorization", v)).into_iter().collect();
        decides(settings, none(), line, &headers, decision);
    }
}

#[test]
fn the_tokens_own_checks_in_their_order() {
    let known = bearer(TOKEN);
    let all = json!({"refuse": "user_inactive", "expires_at": 1_000, "allowed_ips": ["11.0.0.1"], "scope": "read_only"});
    let checks = [
        ("refuse", "user_inactive"),
        ("expires_at", "token_expired"),
        ("allowed_ips", "ip_not_allowed"),
        ("scope", "scope_exceeded"),
    ];
    let mut token = all;
    for (field, code) in checks {
        decides(json!({}), token.clone(), "PUT /", &[("Authorization", &known)], &format!("refuse.{code}"));
        token.as_object_mut().expect("an object").remove(field);
    }
    decides(json!({}), token, "PUT /", &[("Authorization", &known)], "allow.token");
    let later = json!({"expires_at": 1_001});
    decides(json!({}), later, "PUT /", &[("Authorization", &known)], "allow.token");
}

#[test]
fn a_scope_admits_what_it_says_and_nothing_in_disguise() {
    let known = bearer(TOKEN);
    for (line, more, decision) in [
        ("GET /x;y", None, "allow.token"),
        ("POST /rest/api/2/search/x?a=b", None, "allow.token"),
        ("POST /rest/api/2/searches", None, "refuse.scope_exceeded"),
        ("POST /rest/api/2/search/;", None, "refuse.scope_exceeded"),
        ("GET /?a=b&%5Fmethod=PUT", None, "refuse.scope_exceeded"),
        ("GET /?[_method]=PUT", None, "refuse.scope_exceeded"),
        ("GET /?a=_method", None, "allow.token"),
        ("GET /?a[_method]=PUT", None, "allow.token"),
        ("GET /", Some(("X_HTTP_Method", "PUT")), "refuse.scope_exceeded"),
    ] {
        let mut headers = vec![("Authorization", known.as_str())];
        headers.extend(more);
        decides(json!({}), json!({"scope": "read_only"}), line, &headers, decision);
    }
}

#[test]
fn what_the_service_sees() {
    let forged = [("X_Gatepass.User", "admin"), ("x-gatepass-x", "y"), ("Remote_User", "admin"), ("a", "b")];
    let settings = json!({"identity_headers": {"user": "remote-user"}, "token_headers": ["x-api-key"],
                          "protected_paths": ["/rest"]});
    let policy = policy(settings, json!({}));
    let seen = |line: &str, credentials: (&str, &str)| {
        let headers = [&[credentials], forged.as_slice()].concat();
        match decide(Some(&policy), &request(line, &headers)) {
            Answer::Forwarded { headers, .. } => headers
                .into_iter()
                .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(&value)))
                .collect(),
            Answer::Refused { code, .. } => vec![code.to_owned()],
        }
    };
    let admitted = ["a: b", "remote-user: fred", "x-gatepass-token-id: t1"];
    assert_eq!(seen("GET /rest", ("x-api-key", TOKEN)), admitted);
    assert_eq!(seen("GET /open", ("authorization", &basic("a", TOKEN))), ["a: b"]);
    assert_eq!(seen("GET /open", ("authorization", "Basic x")), ["authorization: Basic x", "a: b"]);
    assert_eq!(seen("GET /rest", ("x-api-key", "x")), ["credentials_unknown"]);
}

#[test]
fn ambiguous_paths() {
    for target in [
        "x", "/a//b", "/a;b", "/a\\b", "/a/.", "/../a", "/a/%2e", "/%2F", "/%5c", "/%3B", "/%25", "/%00",
        "/%7f", "/%", "/%4", "/%g0", "/\u{e9}", "/a b", "/a#", "/%c0%af",
    ] {
        assert_eq!(path::canonical(target.as_bytes()), None, "{target}");
    }
    for (target, path) in
        [("/", "/"), ("/a?b//..;", "/a"), ("/%41%20/...", "/A /..."), ("/%c3%a9", "/é"), ("/%3f", "/?")]
    {
        assert_eq!(path::canonical(target.as_bytes()).as_deref(), Some(path.as_bytes()), "{target}");
    }
}

#[test]
fn an_old_revision_is_ignored_within_its_epoch() {
    let mut enforced = Enforced::default();
    let offers =
        [("a", 2, true), ("a", 1, false), ("a", 2, true), ("b", 1, true), ("a", 1, false), ("a", 3, true)];
    for (epoch, revision, taken) in offers {
        let offered = Policy { epoch: epoch.to_owned(), revision, ..policy(json!({}), json!({})) };
        assert_eq!(enforced.offer(offered), taken, "{epoch} {revision}");
    }
}
