//! Refusals: what a caller gets, and what it cannot tell from it.

use gatepass_second_host::gate::Gate;
use gatepass_second_host::request::get;
use serde_json::json;

use crate::house::{gate, secret};

#[test]
fn callers_that_speak_grpc_get_the_matching_grpc_status() {
    let mut configured = gate(json!({}));
    for (request, code, grpc_status) in [
        (get("/rest/a").authorization("Bearer a,b"), "authorization_malformed", 3),
        (get("/rest/a").bearer(&secret("disabled")), "token_disabled", 7),
        (get("/rest/a").bearer(&secret("nobody's")), "credentials_unknown", 7),
        (get("/rest/a"), "credentials_missing", 16),
    ] {
        expect_grpc(&mut configured, request.grpc(), code, grpc_status);
    }
    let mut fresh = Gate::fresh();
    fresh.unconfigured_root();
    expect_grpc(&mut fresh, get("/open").grpc(), "not_ready", 14);
}

#[track_caller]
fn expect_grpc(gate: &mut Gate, request: gatepass_second_host::request::Request, code: &str, status: u32) {
    let answer = gate.send(&request);
    let reply = answer.reply.as_ref().expect("a reply");
    assert!(!answer.forwarded);
    assert_eq!(answer.decision(), Some(format!("refuse.{code}").as_str()));
    assert_eq!(reply.grpc_status, Some(status), "{code}");
    assert!(reply.body.contains(code), "{reply:?}");
}

#[test]
fn what_is_grpc_is_what_envoy_takes_for_it() {
    let mut gate = gate(json!({}));
    for (kind, grpc) in [
        ("application/grpc", true),
        ("application/grpc+proto", true),
        ("application/grpc-web", false),
        ("application/json", false),
    ] {
        let answer = gate.send(&get("/rest/a").header("content-type", kind));
        assert_eq!(answer.reply.expect("a reply").grpc_status.is_some(), grpc, "{kind}");
    }
}

#[test]
fn who_reads_only_the_reply_cannot_tell_an_unknown_token_from_another_users() {
    let mut gate = gate(json!({}));
    let unknown = gate.send(&get("/rest/a").basic("amy", &secret("nobody's")));
    let others = gate.send(&get("/rest/a").basic("amy", &secret("plain")));
    let disabled = gate.send(&get("/rest/a").basic("amy", &secret("disabled")));
    assert_eq!(unknown.reply, others.reply);
    assert_eq!(unknown.reply, disabled.reply);
    assert_eq!((unknown.properties, unknown.calls), (others.properties, others.calls));
}

#[test]
fn no_reply_may_be_stored_by_a_cache() {
    let mut gate = gate(json!({}));
    let reply = gate.send(&get("/rest/a")).reply.expect("a reply");
    assert!(reply.headers.contains(&("cache-control".into(), "no-store".into())), "{reply:?}");
}

#[test]
fn no_credential_is_ever_logged() {
    let mut gate = gate(json!({}));
    for id in ["plain", "disabled", "nobody's"] {
        gate.send(&get("/rest/a").bearer(&secret(id)));
        gate.send(&get("/rest/a").basic("amy", &secret(id)));
        gate.send(&get("/open").bearer(&secret(id)));
    }
    // A token where its digest belongs, and one as a header's name: the errors say where, and not what.
    let mut wrong = crate::house::configuration(json!({"token_headers": [secret("plain")]}));
    gate.configure("gatepass", wrong.to_string());
    wrong["settings"]["token_headers"] = json!([]);
    wrong["tokens"][0]["sha256"] = json!(secret("plain"));
    gate.configure("gatepass", wrong.to_string());
    wrong[secret("plain")] = json!(1);
    gate.configure("gatepass", wrong.to_string());
    let log = gate.log();
    assert_eq!(log.iter().filter(|line| line.contains("configuration refused")).count(), 3, "{log:?}");
    assert!(!log.join("\n").contains(&secret("plain")[3..]), "{log:?}");
}
