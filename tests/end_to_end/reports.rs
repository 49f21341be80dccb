//! What workers tell the control plane: who used a token, and what is enforced where.

use gatepass_tests::client::get;
use gatepass_tests::control_plane::ControlPlane;
use gatepass_tests::envoy::{Changes, Envoy};
use gatepass_tests::{bearer, wait};
use serde_json::{Value, json};

const MYSELF: &str = "/rest/api/2/myself";

/// Requests until each of Envoy's two workers has answered some, whichever takes a connection.
fn use_token(envoy: &Envoy, token: &str) {
    for _ in 0..40 {
        let headers = [("Authorization", bearer(token)), ("User-Agent", "backup/1.0".to_owned())];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        get(envoy.http(), MYSELF, &headers);
    }
}

fn last_used(control: &ControlPlane, id: &str) -> Value {
    control.admins(200, "GET", &format!("/tokens/{id}"), &Value::Null).json()["last_used"].clone()
}

#[test]
fn a_use_shows_as_last_used_and_the_fleet_shows_what_each_worker_enforces() {
    let mut control = ControlPlane::start();
    let envoy = Envoy::start(&control.data(), Changes::default());
    control.user("fred", "user");
    let token = control.token("fred");
    assert_eq!(last_used(&control, &token.id), Value::Null);
    wait::until("the token to be known", || {
        let reply = get(envoy.http(), MYSELF, &[("Authorization", &bearer(&token.secret))]);
        (reply.status == 200).then_some(())
    });
    use_token(&envoy, &token.secret);
    let used = wait::until("the use to be reported", || {
        let used = last_used(&control, &token.id);
        (!used.is_null()).then_some(used)
    });
    assert_eq!(used["ip"], "127.0.0.1", "{used}");

    let fleet = wait::until("every worker that has served to enforce the newest revision", || {
        let fleet = control.admins(200, "GET", "/fleet", &Value::Null).json();
        (fleet["workers"].as_u64()? >= 1 && fleet["up_to_date"] == fleet["workers"]).then_some(fleet)
    });
    let worker = &fleet["proxies"][0]["instances"][0]["workers"][0];
    assert_eq!(fleet["proxies"][0]["node"], "gatepass", "{fleet}");
    assert_eq!(fleet["proxies"][0]["instances"][0]["instance"], "gatepass/gatepass", "{fleet}");
    assert!(worker["decisions"]["allow.token"].as_u64() >= Some(1), "{fleet}");

    // With the control plane away nothing changes for requests, and what they used is told afterwards.
    let other = control.token("fred");
    wait::until("the other token to be known", || {
        let reply = get(envoy.http(), MYSELF, &[("Authorization", &bearer(&other.secret))]);
        (reply.status == 200).then_some(())
    });
    control.kill();
    use_token(&envoy, &other.secret);
    control.restart();
    wait::until("the use of the time without a control plane", || {
        let used = last_used(&control, &other.id);
        (used["user_agent"] == json!("backup/1.0") || !used.is_null()).then_some(())
    });
    let page = envoy.admin("/stats/prometheus").text();
    assert!(page.contains("gatepass_allowed{kind=\"token\"}"), "{page}");
}
