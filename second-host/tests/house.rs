//! The standing configuration, its tokens, and what holds of every answer.

use std::convert::Infallible;

use gatepass::token::{PlainToken, Prefix};
use gatepass_second_host::gate::{Answer, Gate, NOW};
use gatepass_second_host::request::Request;
use serde_json::{Value, json};

/// The token of this id; the same in every run.
pub fn token(id: &str) -> PlainToken {
    let mut state = id.bytes().fold(17_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    let fill = |buffer: &mut [u8]| -> Result<(), Infallible> {
        for byte in buffer {
            state = state.wrapping_mul(5).wrapping_add(101);
            *byte = state;
        }
        Ok(())
    };
    match PlainToken::generate(&Prefix::default(), fill) {
        Ok(token) => token,
    }
}

/// The token of this id in clear.
pub fn secret(id: &str) -> String {
    token(id).expose().to_owned()
}

/// A token's entry: fred's, with `more` fields.
pub fn entry(id: &str, more: Value) -> Value {
    let mut entry = json!({"id": id, "sha256": token(id).digest().to_string(), "user": "fred"});
    let fields = entry.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    entry
}

/// The configuration that protects `/rest/` and knows a token of each kind, with `settings` changed.
pub fn configuration(settings: Value) -> Value {
    let mut all = json!({"protected_paths": ["/rest/"]});
    all.as_object_mut().expect("an object").extend(settings.as_object().expect("an object").clone());
    json!({
        "version": 1, "epoch": "a1", "revision": "17",
        "settings": all,
        "scopes": {
            "read_only": [
                {"methods": ["GET", "HEAD", "OPTIONS"]},
                {"methods": ["POST"], "paths": ["/rest/api/2/search"]},
            ],
            "one_project": [{"methods": ["GET"], "paths": ["/rest/projects/a"]}],
        },
        "tokens": [
            entry("plain", json!({})),
            entry("amys", json!({"user": "amy"})),
            entry("ends", json!({"expires_at": NOW + 60})),
            entry("listed", json!({"allowed_ips": ["10.1.0.0/16"]})),
            entry("reader", json!({"scope": "read_only"})),
            entry("project", json!({"scope": "one_project"})),
            entry("disabled", json!({"refuse": "token_disabled"})),
            entry("inactive", json!({"refuse": "user_inactive"})),
            entry("barred", json!({"refuse": "use_not_allowed"})),
        ],
    })
}

/// The gate with the standing configuration, changed by `settings`.
#[track_caller]
pub fn gate(settings: Value) -> Gate {
    Gate::with(&configuration(settings))
}

/// Cases: what a request is, the request, and its answer as [`check`] reads it.
pub type Cases<'c> = &'c [(&'c str, Request, &'c str)];

/// Sends each request and checks its answer.
#[track_caller]
pub fn decides(gate: &mut Gate, cases: Cases<'_>) {
    for (what, request, expected) in cases {
        let answer = gate.send(request);
        check(what, request, &answer, expected);
    }
}

/// Checks an answer: `allow.…` (for `allow.token` with the token's id behind it), or a status and a code. Of each
/// kind, all that the contract says of it is checked too.
#[track_caller]
pub fn check(what: &str, request: &Request, answer: &Answer, expected: &str) {
    let (first, second) = expected.split_once(' ').unwrap_or((expected, ""));
    if first.starts_with("allow.") {
        assert_eq!(answer.decision(), Some(first), "{what}: {:?}", answer.reply);
        check_forwarded(what, request, answer, second);
    } else {
        let reply = answer.reply.as_ref().unwrap_or_else(|| panic!("{what}: {:?}", answer.decision()));
        assert_eq!(
            (reply.status.to_string().as_str(), code(&reply.body).as_str()),
            (first, second),
            "{what}"
        );
        check_refused(what, request, answer, second);
    }
}

#[track_caller]
fn check_forwarded(what: &str, request: &Request, answer: &Answer, token_id: &str) {
    assert!(answer.forwarded && answer.reply.is_none(), "{what}: {:?}", answer.reply);
    let last = answer.calls.last().map(String::as_str).unwrap_or_default();
    assert!(last.starts_with("proxy_set_property gatepass.decision allow."), "{what}: last came {last}");
    let identity = (answer.header("x-gatepass-user"), answer.header("x-gatepass-token-id"));
    if token_id.is_empty() {
        assert_eq!(identity, (None, None), "{what}: an identity");
        if answer.decision() != Some("allow.unprotected") {
            let sent = request.value("authorization").map(String::from_utf8_lossy);
            assert_eq!(answer.header("authorization"), sent.as_deref(), "{what}: not untouched");
        }
    } else {
        let user = if token_id == "amys" { "amy" } else { "fred" };
        assert_eq!(identity, (Some(user), Some(token_id)), "{what}");
    }
}

#[track_caller]
fn check_refused(what: &str, request: &Request, answer: &Answer, code: &str) {
    assert!(!answer.forwarded, "{what}: refused and forwarded");
    assert_eq!(answer.decision(), Some(format!("refuse.{code}").as_str()), "{what}");
    let reply = answer.reply.as_ref().expect("a reply");
    let body: Value = serde_json::from_str(&reply.body).unwrap_or_else(|error| panic!("{what}: {error}"));
    let fields: Vec<_> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(fields, ["code", "status", "title"], "{what}");
    assert_eq!(body["status"], reply.status, "{what}");
    let header =
        |name: &'static str| reply.headers.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str());
    assert!(header("content-type").eq(["application/problem+json"]), "{what}: {:?}", reply.headers);
    assert_eq!(header("www-authenticate").count(), if reply.status == 401 { 2 } else { 0 }, "{what}");
    assert!(header("www-authenticate").zip(["Bearer ", "Basic "]).all(|(v, scheme)| v.starts_with(scheme)));
    for word in credentials(request) {
        assert!(!reply.body.contains(&word), "{what}: the reply repeats {word}");
    }
}

fn code(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    body["code"].as_str().unwrap_or_default().to_owned()
}

/// Long words of what the client sent as credentials.
fn credentials(request: &Request) -> Vec<String> {
    let values =
        ["authorization", "x-api-key", "private-token"].iter().filter_map(|name| request.value(name));
    let text = values.map(|value| String::from_utf8_lossy(value).into_owned()).collect::<Vec<_>>().join(" ");
    text.split_whitespace().filter(|word| word.len() > 8).map(str::to_owned).collect()
}
