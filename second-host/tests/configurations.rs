//! What becomes of pushed configurations, in a fresh VM and in one that enforces another.

use gatepass_second_host::gate::Gate;
use gatepass_second_host::request::get;
use serde_json::{Value, json};

use crate::house::{configuration, decides, entry, secret};

fn revision(epoch: &str, revision: u64, tokens: &[Value]) -> String {
    let settings = json!({"protected_paths": ["/rest/"]});
    json!({"version": 1, "epoch": epoch, "revision": revision.to_string(), "settings": settings, "tokens": tokens})
        .to_string()
}

fn broken() -> [String; 7] {
    [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        json!({"version": 2, "revision": "1", "tokens": []}).to_string(),
        json!({"version": 1, "revision": 1, "tokens": []}).to_string(),
        json!({"version": 1, "revision": "1", "tokens": [], "unknown": true}).to_string(),
        revision("a", 99, &[entry("plain", json!({"scope": "missing"}))]),
    ]
}

#[test]
fn a_broken_configuration_is_refused_in_a_fresh_vm() {
    for text in broken() {
        let mut gate = Gate::fresh();
        assert!(!gate.configure("gatepass", &text), "{text}");
        assert!(gate.log().iter().any(|line| line.contains("configuration refused")), "{:?}", gate.log());
    }
}

#[test]
fn a_broken_configuration_leaves_the_last_good_one_enforced_in_a_warm_vm() {
    let mut gate = Gate::with(&configuration(json!({})));
    for text in broken() {
        // True: on false Envoy would skip the filter on this worker.
        assert!(gate.configure("gatepass", &text), "{text}");
        decides(
            &mut gate,
            &[
                (
                    "a token of the last good one",
                    get("/rest/a").bearer(&secret("plain")),
                    "allow.token plain",
                ),
                ("no credentials", get("/rest/a"), "401 credentials_missing"),
                ("its open paths", get("/open"), "allow.unprotected"),
            ],
        );
    }
    assert!(gate.configure("gatepass", revision("a1", 18, &[])), "and a good one is taken after it");
    decides(&mut gate, &[("revoked", get("/rest/a").bearer(&secret("plain")), "403 credentials_unknown")]);
}

#[test]
fn a_new_revision_is_enforced_by_requests_of_the_old_root_too() {
    let mut gate = Gate::with(&configuration(json!({})));
    let old = gate.root();
    assert!(gate.configure("gatepass", revision("a1", 18, &[entry("amys", json!({"user": "amy"}))])));
    for root in [old, gate.root()] {
        let answers = ["plain", "amys"].map(|id| gate.send_to(root, &get("/rest/a").bearer(&secret(id))));
        assert_eq!(answers[0].decision(), Some("refuse.credentials_unknown"));
        assert_eq!(answers[1].decision(), Some("allow.token"));
    }
}

#[test]
fn a_stale_revision_is_ignored_and_taken_for_an_answer() {
    let mut gate = Gate::fresh();
    let with_token = [entry("plain", json!({}))];
    let plain = || get("/rest/a").bearer(&secret("plain"));
    assert!(gate.configure("gatepass", revision("a", 17, &[])));
    assert!(gate.configure("gatepass", revision("a", 16, &with_token)), "true, or the worker would be open");
    decides(&mut gate, &[("16 after 17: a revoked token stays so", plain(), "403 credentials_unknown")]);
    assert!(gate.log().iter().any(|line| line.contains("below 17")), "{:?}", gate.log());
    assert!(gate.configure("gatepass", revision("a", 17, &with_token)));
    decides(&mut gate, &[("the same revision is taken again", plain(), "allow.token plain")]);
    assert!(gate.configure("gatepass", revision("b", 1, &[])));
    decides(&mut gate, &[("a new epoch starts anew", plain(), "403 credentials_unknown")]);
    assert!(gate.configure("gatepass", revision("a", 16, &with_token)));
    decides(&mut gate, &[("and does not bring an old one back", plain(), "403 credentials_unknown")]);
}

#[test]
fn plugins_with_a_root_id_each_enforce_each_their_own() {
    let mut gate = Gate::fresh();
    assert!(gate.configure("one", revision("a", 17, &[entry("plain", json!({}))])));
    let one = gate.root();
    assert!(gate.configure("two", revision("a", 1, &[entry("amys", json!({"user": "amy"}))])));
    let two = gate.root();
    for (root, id, decision) in [
        (one, "plain", "allow.token"),
        (one, "amys", "refuse.credentials_unknown"),
        (two, "plain", "refuse.credentials_unknown"),
        (two, "amys", "allow.token"),
    ] {
        let answer = gate.send_to(root, &get("/rest/a").bearer(&secret(id)));
        assert_eq!(answer.decision(), Some(decision), "{id}");
    }
}

#[test]
fn a_plugin_that_never_had_a_good_configuration_refuses_in_a_warm_vm() {
    let mut gate = Gate::with(&configuration(json!({})));
    let first = gate.root();
    assert!(gate.configure("second", "{"), "false would open the gate: this VM is no canary");
    decides(&mut gate, &[("every path", get("/open").bearer(&secret("plain")), "503 not_ready")]);
    let answer = gate.send_to(first, &get("/rest/a").bearer(&secret("plain")));
    assert_eq!(answer.decision(), Some("allow.token"), "the first is untouched");
}

#[test]
fn every_example_of_the_contract_is_taken() {
    let digest = crate::house::token("plain").digest().to_string();
    let whole = json!({
        "version": 1,
        "epoch": "a1", "revision": "17",
        "settings": {
            "anonymous": "refuse",
            "password_auth": "refuse",
            "foreign_credentials": "refuse",
            "allowed_ips": ["10.0.0.0/8", "2001:db8::7"],
            "protected_paths": ["/rest/"],
            "identity_headers": {"user": "x-gatepass-user", "token_id": "x-gatepass-token-id"},
            "forward_authorization": false,
            "token_headers": ["x-api-key"],
            "token_prefixes": ["gp_"],
        },
        "scopes": {"read_only": [{"methods": ["GET", "HEAD", "OPTIONS"]},
                                 {"methods": ["POST"], "paths": ["/rest/api/2/search"]}]},
        "tokens": [{"id": "01JD0ZQ8M2", "sha256": digest, "user": "fred",
                    "expires_at": 1_798_761_600, "scope": "read_only",
                    "allowed_ips": ["10.1.0.0/16"], "refuse": "token_disabled"}],
        "report": {"cluster": "gatepass", "path": "/dataplane/v1/usage", "interval_ms": 10000},
    });
    let mut gate = Gate::with(&whole);
    decides(&mut gate, &[("disabled", get("/rest/a").bearer(&secret("plain")), "403 token_disabled")]);
    let least = json!({"version": 1, "revision": "0", "tokens": []});
    let mut gate = Gate::with(&least);
    decides(&mut gate, &[("everything is protected", get("/"), "401 credentials_missing")]);
}

/// A VM's memory never shrinks, so what a push left behind would stay until the proxy's end.
#[test]
fn pushes_leave_nothing_behind_in_the_vm() {
    const PAGE: usize = 64 * 1024;
    let text = |number: u64| {
        let token = |n: u64| {
            let changed = if n == number % 500 { number } else { 0 };
            json!({"id": format!("{n:026}"), "sha256": format!("{n:032x}{changed:032x}"), "user": format!("user-{n}")})
        };
        let tokens: Vec<Value> = (0..500).map(token).chain([entry("plain", json!({}))]).collect();
        revision("a", number, &tokens)
    };
    let suffices = |bytes: usize, pushes: u64| {
        let mut worker = Gate::with_memory(bytes);
        (1..=pushes).all(|number| {
            worker.configure("gatepass", text(number))
                && worker.send(&get("/rest/a").bearer(&secret("plain"))).decision() == Some("allow.token")
        })
    };
    let least = (20..100).map(|pages| pages * PAGE).find(|bytes| suffices(*bytes, 20));
    let least = least.expect("some six megabytes suffice for 500 tokens");
    assert!(suffices(least + PAGE, 2_000), "what is enough for 20 pushes is not enough for 2,000");
}
