//! What becomes of a token after it was made: disabled, enabled, rotated, revoked, each seen at the gate.

use gatepass_tests::client::get;
use gatepass_tests::control_plane::{ControlPlane, Created};
use gatepass_tests::envoy::{Changes, Envoy};
use gatepass_tests::{basic, bearer, wait};
use serde_json::{Value, json};

const MYSELF: &str = "/rest/api/2/myself";

/// Waits until the gate answers so, by Bearer and by Basic.
#[track_caller]
fn wait_for(envoy: &Envoy, secret: &str, status: u16, code: &str) {
    let answers = || {
        [bearer(secret), basic("fred", secret)].iter().all(|credentials| {
            let reply = get(envoy.http(), MYSELF, &[("Authorization", credentials)]);
            reply.status == status && (status == 200 || reply.code() == code)
        })
    };
    wait::until(&format!("{status} {code}"), || answers().then_some(()));
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
    set_enabled(&control, &token, false);
    wait_for(&envoy, &token.secret, 403, "token_disabled");
    wait_for(&envoy, &other.secret, 200, "");
    set_enabled(&control, &token, true);
    wait_for(&envoy, &token.secret, 200, "");
}

#[test]
fn both_secrets_work_during_a_grace_and_neither_once_the_chain_is_revoked() {
    let control = ControlPlane::start();
    let envoy = Envoy::start(&control.data(), Changes::default());
    control.user("fred", "user");
    let old = control.token("fred");
    let rotate = |token: &Created, body: &Value| {
        let reply = control.admins(201, "POST", &format!("/tokens/{}/rotate", token.id), body).json();
        let text = |field: &str| reply[field].as_str().expect("a string").to_owned();
        Created { id: text("id"), secret: text("token") }
    };
    let new = rotate(&old, &json!({"grace": "PT1H"}));
    wait_for(&envoy, &new.secret, 200, "");
    wait_for(&envoy, &old.secret, 200, "");

    let newest = rotate(&new, &json!({}));
    wait_for(&envoy, &newest.secret, 200, "");
    wait_for(&envoy, &new.secret, 403, "credentials_unknown");
    wait_for(&envoy, &old.secret, 200, "");

    control.admins(204, "DELETE", &format!("/tokens/{}", old.id), &Value::Null);
    wait_for(&envoy, &old.secret, 403, "credentials_unknown");
    wait_for(&envoy, &newest.secret, 403, "credentials_unknown");
}

#[test]
fn a_grace_ends_by_itself_at_the_gate() {
    let control = ControlPlane::start();
    let envoy = Envoy::start(&control.data(), Changes::default());
    control.user("fred", "user");
    let old = control.token("fred");
    wait_for(&envoy, &old.secret, 200, "");
    control.admins(201, "POST", &format!("/tokens/{}/rotate", old.id), &json!({"grace": "PT2S"}));
    wait_for(&envoy, &old.secret, 403, "token_expired");
}

#[test]
fn a_narrowed_token_is_refused_what_it_was_admitted_to() {
    let control = ControlPlane::start();
    let envoy = Envoy::start(&control.data(), Changes::default());
    control.user("fred", "user");
    let token = control.token("fred");
    wait_for(&envoy, &token.secret, 200, "");
    let patch = json!({"allowed_ips": ["192.0.2.0/24"]});
    control.admins(200, "PATCH", &format!("/tokens/{}", token.id), &patch);
    wait_for(&envoy, &token.secret, 403, "ip_not_allowed");
}
