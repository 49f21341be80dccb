//! A created secret is in the reply that showed it, and nowhere else.

use std::path::Path;

use gatepass_tests::client::get;
use gatepass_tests::control_plane::ControlPlane;
use gatepass_tests::envoy::{Changes, Envoy};
use gatepass_tests::{basic, bearer, wait};
use serde_json::Value;

const MYSELF: &str = "/rest/api/2/myself";

#[test]
fn a_created_secret_is_in_no_file_log_dump_or_audit() {
    let control = ControlPlane::start();
    let envoy = Envoy::start(&control.data(), Changes::default());
    control.user("fred", "user");
    let token = control.token("fred");
    let secret = token.secret.as_str();
    wait::until("the token on every worker", || {
        (0..20)
            .all(|_| get(envoy.http(), MYSELF, &[("Authorization", &bearer(secret))]).status == 200)
            .then_some(())
    });
    // Every way that it could take into a log: used, misused, in a query, presented to REST, revoked.
    get(envoy.http(), MYSELF, &[("Authorization", &basic("fred", secret))]);
    get(envoy.http(), MYSELF, &[("Authorization", &basic("ann", secret))]);
    get(envoy.http(), MYSELF, &[("Authorization", &format!("Odd {secret}, {secret}"))]);
    get(envoy.http(), &format!("{MYSELF}?token={secret}"), &[]);
    control.call(secret, "GET", "/whoami", &Value::Null);
    control.call(secret, "POST", "/users", &serde_json::json!({"name": secret, "role": "user"}));
    control.admins(204, "DELETE", &format!("/tokens/{}", token.id), &Value::Null);
    get(envoy.http(), MYSELF, &[("Authorization", &bearer(secret))]);
    // Envoy writes the log from one buffer: once the last line is there, so are those before.
    get(envoy.http(), "/open/last", &[]);
    wait::until("the access log to be written", || {
        let log = envoy.access_log();
        (log.contains("/open/last") && log.contains(&token.id)).then_some(())
    });

    let audit = control.admins(200, "GET", "/audit?limit=100", &Value::Null).text();
    assert!(audit.contains("token.created") && audit.contains("token.revoked"), "{audit}");
    let pages = [
        ("the audit", audit),
        ("the list of tokens", control.admins(200, "GET", "/tokens", &Value::Null).text()),
        ("the snapshot", control.admins(200, "GET", "/snapshot", &Value::Null).text()),
        ("the control plane's log", control.log()),
        ("Envoy's log", envoy.log()),
        ("the access log", envoy.access_log()),
        ("/config_dump", envoy.admin("/config_dump?include_eds").text()),
        ("/stats", envoy.admin("/stats").text()),
    ];
    let coded = basic("fred", secret);
    let coded = coded.strip_prefix("Basic ").expect("Basic");
    for (place, text) in &pages {
        assert!(!text.is_empty() || *place == "Envoy's log", "{place} is empty");
        assert!(!text.contains(secret) && !text.contains(coded), "the secret is in {place}");
    }
    let files = files(&control.data());
    for (path, bytes) in &files {
        assert!(
            !contains(bytes, secret.as_bytes()) && !contains(bytes, coded.as_bytes()),
            "the secret is in {path}"
        );
    }
    println!("not in {} pages and logs, nor in {} files", pages.len(), files.len());
    // The search can find: the first start's token is in its file, and only there.
    let admin = control.admin();
    let holding: Vec<&str> =
        files.iter().filter(|(_, b)| contains(b, admin.as_bytes())).map(|(p, _)| p.as_str()).collect();
    assert_eq!(holding.len(), 1, "{holding:?}");
    assert!(holding[0].ends_with("/initial-admin-token"), "{holding:?}");
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).expect("a file")));
        }
    }
    found
}
