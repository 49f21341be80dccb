//! What becomes of configurations in a VM that has little memory left. On a worker a trap would open the gate, and the
//! canary, which holds nothing yet, has memory where a worker has none.

use std::convert::Infallible;

use gatepass::compact;
use gatepass::config::wire::PluginConfiguration;
use gatepass::token::{PlainToken, Prefix};
use gatepass_second_host::gate::Gate;
use gatepass_second_host::request::get;
use serde_json::{Value, json};
use twox_hash::XxHash64;

use crate::house::{entry, secret};

/// By which a VM's memory grows.
const PAGE: usize = 64 * 1024;
/// What every worker has: a small configuration is enforced in it.
const LEAST: usize = 40;

fn text(number: u64, scopes: Value, tokens: &[Value]) -> Vec<u8> {
    let scopes = if scopes.is_null() { json!({}) } else { scopes };
    json!({"version": 1, "revision": number.to_string(), "scopes": scopes, "tokens": tokens})
        .to_string()
        .into_bytes()
}

fn numbered(number: usize, more: Value) -> Value {
    let mut token =
        json!({"id": format!("{number:020}"), "sha256": format!("{number:064x}"), "user": "fred"});
    token.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    token
}

/// With what memory soever: the second configuration of a worker is enforced, or it is no trap and nobody is let in.
#[track_caller]
fn is_no_trap_whatever_memory_is_left(what: &str, second: &[u8]) {
    let first = text(1, Value::Null, &[entry("plain", json!({}))]);
    let decision = |pages: usize| {
        let mut worker = Gate::with_memory(pages * PAGE);
        assert!(worker.configure("gatepass", &first));
        // True: on false Envoy would skip the filter on this worker.
        assert!(worker.configure("gatepass", second), "{what}, {pages} pages");
        let answer = worker.send(&get("/rest/a").bearer(&secret("plain")));
        answer.decision().expect("a decision").to_owned()
    };
    let (mut before, mut after) = (LEAST, 16_384);
    while after - before > 1 {
        let middle = usize::midpoint(before, after);
        match decision(middle).as_str() {
            "refuse.not_ready" => before = middle,
            _ => after = middle,
        }
    }
    // One that suffices has been found; what lies below it is gone through by small steps and by large ones.
    let mut refused = 0;
    for pages in
        (after.saturating_sub(48).max(LEAST)..=after).chain((LEAST..after).step_by(after.div_ceil(48)))
    {
        refused += usize::from(decision(pages) == "refuse.not_ready");
    }
    assert!(refused > 0, "{what}: {after} pages suffice, and with less it is never refused");
}

#[test]
fn many_tokens_in_json() {
    let tokens: Vec<Value> = (0..8000).map(|n| numbered(n, json!({"user": format!("{n:0100}")}))).collect();
    is_no_trap_whatever_memory_is_left("tokens", &text(2, Value::Null, &tokens));
    let least: Vec<Value> =
        (0..20_000).map(|n| numbered(n, json!({"id": n.to_string(), "user": "a"}))).collect();
    is_no_trap_whatever_memory_is_left("tokens with little in them", &text(2, Value::Null, &least));
}

#[test]
fn many_addresses_in_json() {
    let ips = vec!["::"; 1024];
    let tokens: Vec<Value> = (0..100).map(|n| numbered(n, json!({"allowed_ips": ips}))).collect();
    is_no_trap_whatever_memory_is_left("addresses", &text(2, Value::Null, &tokens));
}

/// As many paths as a configuration may have.
fn scopes() -> Value {
    let rule = json!({"methods": ["A"], "paths": vec!["/"; 249]});
    json!({"0": vec![rule; 40]})
}

#[test]
fn many_paths() {
    is_no_trap_whatever_memory_is_left("paths in JSON", &text(2, scopes(), &[]));
    let rest = json!({"version": 1, "revision": "2", "scopes": scopes()}).to_string();
    is_no_trap_whatever_memory_is_left("paths in a compact one", &assembled(rest.as_bytes(), &[]));
}

/// A list that nobody reads is no list that costs nothing.
#[test]
fn long_lists_where_none_are_expected() {
    for (what, list) in [("numbers", vec![json!(0); 300_000]), ("lists", vec![json!([]); 200_000])] {
        let whole = json!({"version": 1, "revision": "2", "settings": {"allowed_ips": list}, "tokens": []});
        refused_for_what_it_says(what, whole.to_string().as_bytes());
        let token = numbered(1, json!({"user": list}));
        refused_for_what_it_says(what, &text(2, Value::Null, &[token]));
    }
}

/// However much memory there is: what was enforced before stays, and there is no trap.
#[track_caller]
fn refused_for_what_it_says(what: &str, second: &[u8]) {
    for pages in (LEAST..400).step_by(8) {
        let mut worker = Gate::with_memory(pages * PAGE);
        assert!(worker.configure("gatepass", text(1, Value::Null, &[entry("plain", json!({}))])));
        assert!(worker.configure("gatepass", second), "{what}, {pages} pages");
        let answer = worker.send(&get("/rest/a").bearer(&secret("plain")));
        let decision = answer.decision().expect("a decision");
        assert!(["allow.token", "refuse.not_ready"].contains(&decision), "{what}, {pages} pages: {decision}");
    }
}

/// Texts that are put together in a buffer, for they have escapes, and tokens of which nearly nothing is in the text.
#[test]
fn what_is_much_larger_in_memory_than_in_the_text() {
    let long = "a".repeat(3_000_000) + "\n";
    let key = json!({"version": 1, "revision": "2", long.clone(): 0, "tokens": []});
    refused_for_what_it_says("a key", key.to_string().as_bytes());
    let choice = json!({"version": 1, "revision": "2", "settings": {"anonymous": long}, "tokens": []});
    refused_for_what_it_says("a choice", choice.to_string().as_bytes());
    let least = vec![json!({"id": "a", "sha256": "", "user": ""}); (1 << 16) + 1];
    refused_for_what_it_says("tokens", &text(2, Value::Null, &least));
}

/// One token of many.
fn token(number: u64) -> PlainToken {
    let mut state = number;
    let fill = |buffer: &mut [u8]| -> Result<(), Infallible> {
        for byte in buffer {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = state.to_be_bytes()[0];
        }
        Ok(())
    };
    match PlainToken::generate(&Prefix::default(), fill) {
        Ok(token) => token,
    }
}

/// Requests and reports of their uses take memory as well, when a configuration has left little.
#[test]
fn uses_and_reports() {
    let listed =
        |n| json!({"id": format!("{n:064}"), "sha256": token(n).digest().to_string(), "user": "fred"});
    let tokens: Vec<Value> = (0..1500).map(listed).collect();
    let whole = json!({"version": 1, "revision": "1", "tokens": tokens, "report": {"cluster": "gatepass"}});
    let whole = PluginConfiguration::from_json(whole.to_string().as_bytes()).expect("valid");
    let whole = compact::encode(&whole).expect("valid");
    let agent = "u".repeat(256);
    let mut dropped = false;
    for pages in (110..160).step_by(5) {
        let mut worker = Gate::with_memory(pages * PAGE);
        assert!(worker.configure("gatepass", &whole));
        for n in 0..1500 {
            let used = get("/").without("user-agent").header("user-agent", &agent).bearer(token(n).expose());
            let answer = worker.send(&used);
            let decision = answer.decision().expect("a decision");
            assert!(
                ["allow.token", "refuse.not_ready"].contains(&decision),
                "{pages} pages, use {n}: {decision}"
            );
            dropped |= decision == "allow.token";
        }
        worker.tick();
        // Nothing is left for another gate: none of its requests is let in by the first one's.
        let name = "n".repeat(400);
        assert!(worker.configure(&name, text(1, Value::Null, &[])));
        let answer = worker.send(&get("/").bearer(token(7).expose()));
        assert_ne!(answer.decision(), Some("allow.token"), "{pages} pages");
    }
    assert!(dropped, "no request was ever let in");
}

#[test]
fn ever_more_gates() {
    let mut worker = Gate::with_memory(LEAST * PAGE);
    let refused = (0..3000).find(|n| {
        assert!(worker.configure(&format!("gate-{n}"), text(1, Value::Null, &[entry("plain", json!({}))])));
        worker.send(&get("/").bearer(&secret("plain"))).decision() != Some("allow.token")
    });
    assert!(refused.is_some(), "there was memory for all of them");
}

#[test]
fn many_parts_of_a_compact_one() {
    let tokens: Vec<Value> = (0..20_000).map(|n| numbered(n, json!({}))).collect();
    let rest = br#"{"version":1,"revision":"2"}"#;
    is_no_trap_whatever_memory_is_left("parts", &assembled(rest, &tokens));
}

/// A compact configuration with a chunk and a list of ids for each of these tokens, whose digests rise:
/// `docs/plugin-configuration.md` has the layout.
fn assembled(rest: &[u8], tokens: &[Value]) -> Vec<u8> {
    let mut chunks = Vec::new();
    let mut ids = Vec::new();
    for token in tokens {
        let one = PluginConfiguration::from_json(&text(1, Value::Null, std::slice::from_ref(token)))
            .expect("valid");
        let bytes = compact::encode(&one).expect("valid");
        let parts = compact::parts(&bytes).expect("just encoded");
        chunks.push(parts.chunks[0].bytes.to_vec());
        ids.push(<[u8; 8]>::try_from(parts.ids[0].bytes).expect("one id"));
    }
    ids.sort_unstable_by_key(|number| u64::from_le_bytes(*number));
    let ids: Vec<Vec<u8>> = ids.iter().map(|number| number.to_vec()).collect();
    let checksum = |bytes: &[u8]| XxHash64::oneshot(0, bytes) as u32;
    let size = |bytes: &[u8]| u32::try_from(bytes.len()).expect("small");
    let count = u32::try_from(tokens.len()).expect("few");
    let mut checked: Vec<u8> =
        [size(rest), count, count, count].iter().flat_map(|n| n.to_le_bytes()).collect();
    checked.extend_from_slice(rest);
    for part in chunks.iter().chain(&ids) {
        // A name of its own. Nobody computes it while a configuration is loaded.
        checked.extend_from_slice(&[0; 24]);
        checked.extend_from_slice(&XxHash64::oneshot(1, part).to_le_bytes());
        checked.extend([size(part), 1, checksum(part)].iter().flat_map(|n| n.to_le_bytes()));
    }
    let mut bytes = compact::MAGIC.to_vec();
    bytes.extend([compact::FORMAT, checksum(&checked)].iter().flat_map(|n| n.to_le_bytes()));
    bytes.extend_from_slice(&checked);
    chunks.iter().chain(&ids).for_each(|part| bytes.extend_from_slice(part));
    bytes
}
