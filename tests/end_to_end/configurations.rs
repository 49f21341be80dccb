//! Configurations that are refused, and old ones.

use std::time::Duration;

use gatepass_tests::client::get;
use gatepass_tests::plugin::{Gate, configuration, entry, mint};
use gatepass_tests::{bearer, wait};
use serde_json::{Value, json};

/// `configuration` with the value at a JSON pointer's place replaced; the parent must exist.
fn with(mut configuration: Value, pointer: &str, value: Value) -> String {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = configuration.pointer_mut(parent).expect("the parent");
    match parent {
        Value::Array(items) => items[key.parse::<usize>().expect("an index")] = value,
        Value::Object(fields) => {
            fields.insert(key.to_owned(), value);
        }
        _ => panic!("{pointer} has no place"),
    }
    configuration.to_string()
}

#[test]
fn a_broken_configuration_is_rejected_by_field_and_the_last_good_one_serves_on() {
    let (token, other) = (mint(), mint());
    let tokens = [entry("t1", &token, "fred"), entry("t2", &other, "ann")];
    let mut gate = Gate::shipped(&configuration(1, &tokens));
    let good = configuration(2, &tokens);
    let text = good.to_string();
    let twin = |field: &str| {
        let value = good["tokens"][0][field].clone();
        with(good.clone(), &format!("/tokens/1/{field}"), value)
    };
    let rules = r#"[{"methods":["GET"]}]"#;
    let cases: Vec<(&str, String, &str)> = vec![
        ("unknown field", with(good.clone(), "/tokens/0/colour", json!("red")), "colour"),
        ("unknown field of settings", with(good.clone(), "/settings/colour", json!("red")), "colour"),
        ("unknown field at the top", with(good.clone(), "/colour", json!("red")), "colour"),
        ("unknown scope", with(good.clone(), "/tokens/1/scope", json!("nowhere")), "tokens[1].scope"),
        ("duplicate hash", twin("sha256"), "tokens[1].sha256"),
        ("duplicate id", twin("id"), "tokens[1].id"),
        ("duplicate key", text.replacen("\"tokens\"", "\"revision\":\"2\",\"tokens\"", 1), "revision"),
        (
            "duplicate scope",
            text.replacen("\"tokens\"", &format!("\"scopes\":{{\"a\":{rules},\"a\":{rules}}},\"tokens\""), 1),
            "scopes",
        ),
        ("bad hex", with(good.clone(), "/tokens/0/sha256", json!("zz")), "tokens[0].sha256"),
        (
            "upper-case hex",
            with(good.clone(), "/tokens/0/sha256", json!("AB".repeat(32))),
            "tokens[0].sha256",
        ),
        (
            "bad CIDR",
            with(good.clone(), "/settings/allowed_ips", json!(["10.0.0.0/33"])),
            "settings.allowed_ips[0]",
        ),
        (
            "bad CIDR of a token",
            with(good.clone(), "/tokens/0/allowed_ips", json!(["::1", "x"])),
            "tokens[0].allowed_ips[1]",
        ),
        (
            "bad header name",
            with(good.clone(), "/settings/identity_headers", json!({"user": "x user"})),
            "settings.identity_headers.user",
        ),
        (
            "bad token header",
            with(good.clone(), "/settings/token_headers", json!(["a:b"])),
            "settings.token_headers[0]",
        ),
        ("bad user name", with(good.clone(), "/tokens/0/user", json!("fr:ed")), "tokens[0].user"),
        ("empty user name", with(good.clone(), "/tokens/0/user", json!("")), "tokens[0].user"),
        (
            "fractional expiry",
            with(good.clone(), "/tokens/0/expires_at", json!(1798761600.5)),
            "tokens[0].expires_at",
        ),
        (
            "absurd expiry",
            with(good.clone(), "/tokens/0/expires_at", json!(9_000_000_000_000_000_u64)),
            "tokens[0].expires_at",
        ),
        ("negative expiry", with(good.clone(), "/tokens/0/expires_at", json!(-1)), "tokens[0].expires_at"),
        (
            "missing version",
            {
                let mut c = good.clone();
                c.as_object_mut().expect("an object").remove("version");
                c.to_string()
            },
            "version",
        ),
        ("other version", with(good.clone(), "/version", json!(2)), "version"),
        (
            "a path that is not canonical",
            with(good.clone(), "/settings/protected_paths", json!(["/a//b"])),
            "settings.protected_paths[0]",
        ),
        ("a revision that is no number", with(good.clone(), "/revision", json!("2a")), "revision"),
        ("invalid JSON", text[..text.len() - 1].to_owned(), ""),
        ("nothing", String::new(), ""),
    ];
    for (name, broken, field) in cases {
        let before = gate.envoy.log().len();
        assert!(!gate.push(&broken), "{name} was taken");
        let log = gate.envoy.log()[before..].to_owned();
        let refusal = log.lines().find(|line| line.contains("configuration refused")).map(str::to_owned);
        let refusal = refusal.unwrap_or_else(|| panic!("{name}: no message in Envoy's log:\n{log}"));
        println!("{name}: {}", refusal.split("configuration refused").nth(1).unwrap_or_default());
        assert!(refusal.contains(field), "{name}: {field} is not named in {refusal}");
        for _ in 0..4 {
            let known = get(gate.envoy.http(), "/rest/a", &[("Authorization", &bearer(token.expose()))]);
            assert_eq!(known.status, 200, "after {name}");
            assert_eq!(get(gate.envoy.http(), "/rest/a", &[]).status, 401, "after {name}");
        }
    }
    assert!(gate.push(&text), "a good one is taken after all those");
}

#[test]
fn revision_16_after_17_leaves_17_enforced() {
    let (kept, revoked) = (mint(), mint());
    let both = [entry("t1", &kept, "fred"), entry("t2", &revoked, "ann")];
    let mut gate = Gate::shipped(&configuration(16, &both));
    let status = |gate: &Gate, token: &str| {
        get(gate.envoy.http(), "/rest/a", &[("Authorization", &bearer(token))]).status
    };
    assert_eq!(status(&gate, revoked.expose()), 200);

    assert!(gate.push(&configuration(17, &both[..1]).to_string()));
    let refused = || (0..20).all(|_| status(&gate, revoked.expose()) == 403).then_some(());
    wait::until("revision 17 on every worker", refused);

    let stale = gate.envoy.stat("wasmcustom.gatepass.stale_revisions").unwrap_or(0);
    assert!(gate.push(&configuration(16, &both).to_string()), "an old revision is no error in the content");
    let counted = wait::until("the old revision to be counted", || {
        gate.envoy.stat("wasmcustom.gatepass.stale_revisions").filter(|now| *now >= stale + 2)
    });
    println!("stale revisions counted: {counted}");
    wait::until("the statistics to show what is enforced, not what was ignored", || {
        let stat = |name: &str| gate.envoy.stat(&format!("wasmcustom.gatepass.{name}"));
        (stat("revision") == Some(17) && stat("tokens") == Some(1)).then_some(())
    });
    for _ in 0..50 {
        assert_eq!(status(&gate, revoked.expose()), 403);
        assert_eq!(status(&gate, kept.expose()), 200);
    }

    // A restored control plane starts a new epoch, whose revisions may be lower.
    let mut restored = configuration(3, &both);
    restored["epoch"] = json!("a2");
    assert!(gate.push(&restored.to_string()));
    let (_, took) = wait::timed("the new epoch on every worker", Duration::from_secs(10), || {
        (0..20).all(|_| status(&gate, revoked.expose()) == 200).then_some(())
    });
    println!("a new epoch took {took:?}");
}
