//! What becomes of a token after it was made: disabled, enabled, rotated, narrowed, revoked, each seen at the gate.

use std::time::Duration;

use gatepass_tests::client::{Connection, get};
use gatepass_tests::control_plane::{ControlPlane, Created};
use gatepass_tests::envoy::{Changes, Envoy};
use gatepass_tests::{basic, bearer, wait};
use serde_json::{Value, json};

const MYSELF: &str = "/rest/api/2/myself";

/// Waits until the gate answers so, by Bearer and by Basic, and tells how long that took.
#[track_caller]
fn wait_for(envoy: &Envoy, secret: &str, status: u16, code: &str) -> Duration {
    let answers = || {
        [bearer(secret), basic("fred", secret)].iter().all(|credentials| {
            let reply = get(envoy.http(), MYSELF, &[("Authorization", credentials)]);
            reply.status == status && (status == 200 || reply.code() == code)
        })
    };
    wait::timed(&format!("{status} {code}"), wait::PATIENCE, || answers().then_some(())).1
}

fn rotate(control: &ControlPlane, token: &Created, body: &Value) -> Created {
    let reply = control.admins(201, "POST", &format!("/tokens/{}/rotate", token.id), body).json();
    let text = |field: &str| reply[field].as_str().expect("a string").to_owned();
    Created { id: text("id"), secret: text("token") }
}

fn set_enabled(control: &ControlPlane, token: &Created, enabled: bool) {
    control.admins(200, "PATCH", &format!("/tokens/{}", token.id), &json!({"enabled": enabled}));
}

#[test]
fn a_disabled_token_is_refused_by_name_until_it_is_enabled() {
    let control = ControlPlane::start();
    let envoy = Envoy::start(&control.data(), Changes::default());
    control.user("fred", "user");
    let token = control.token("fred");
    let other = control.token("fred");
    wait_for(&envoy, &token.secret, 200, "");
    let mut slowest = [Duration::ZERO; 2];
    for _ in 0..5 {
        set_enabled(&control, &token, false);
        slowest[0] = slowest[0].max(wait_for(&envoy, &token.secret, 403, "token_disabled"));
        wait_for(&envoy, &other.secret, 200, "");
        set_enabled(&control, &token, true);
        slowest[1] = slowest[1].max(wait_for(&envoy, &token.secret, 200, ""));
    }
    println!(
        "from the PATCH's reply until it shows at the gate: disabled {:?}, enabled {:?}, at most, of 5",
        slowest[0], slowest[1]
    );
}

#[test]
fn both_secrets_work_during_a_grace_and_neither_once_the_chain_is_revoked() {
    let control = ControlPlane::start();
    let envoy = Envoy::start(&control.data(), Changes::default());
    control.user("fred", "user");
    let old = control.token("fred");
    let new = rotate(&control, &old, &json!({"grace": "PT1H"}));
    wait_for(&envoy, &new.secret, 200, "");
    wait_for(&envoy, &old.secret, 200, "");

    let newest = rotate(&control, &new, &json!({}));
    wait_for(&envoy, &newest.secret, 200, "");
    wait_for(&envoy, &new.secret, 403, "credentials_unknown");
    wait_for(&envoy, &old.secret, 200, "");

    control.admins(204, "DELETE", &format!("/tokens/{}", old.id), &Value::Null);
    wait_for(&envoy, &old.secret, 403, "credentials_unknown");
    wait_for(&envoy, &newest.secret, 403, "credentials_unknown");
}

#[test]
fn after_a_grace_only_the_successor_works() {
    let control = ControlPlane::start();
    let envoy = Envoy::start(&control.data(), Changes::default());
    control.user("fred", "user");
    let old = control.token("fred");
    wait_for(&envoy, &old.secret, 200, "");
    let new = rotate(&control, &old, &json!({"grace": "PT2S"}));
    wait_for(&envoy, &old.secret, 403, "token_expired");
    wait_for(&envoy, &new.secret, 200, "");
}

#[test]
fn a_narrowed_token_is_refused_what_it_was_admitted_to() {
    let control = ControlPlane::start();
    let envoy = Envoy::start(&control.data(), Changes::default());
    control.user("fred", "user");
    let token = control.token("fred");
    let narrow = |patch: &Value| control.admins(200, "PATCH", &format!("/tokens/{}", token.id), patch);
    let credentials = bearer(&token.secret);
    let headers = [("Authorization", credentials.as_str())];
    let post = || {
        let reply =
            Connection::open(envoy.http()).and_then(|mut c| c.request("POST", MYSELF, &headers, "{}"));
        reply.expect("a reply")
    };
    wait_for(&envoy, &token.secret, 200, "");
    assert_eq!(post().status, 200);

    narrow(&json!({"scope": "read_only"}));
    wait::until("403 scope_exceeded", || (post().status == 403).then_some(()));
    assert_eq!(post().code(), "scope_exceeded");
    wait_for(&envoy, &token.secret, 200, "");

    narrow(&json!({"allowed_ips": ["192.0.2.0/24"]}));
    wait_for(&envoy, &token.secret, 403, "ip_not_allowed");
}
