//! Every call out of the VM that each kind of request makes, in order. A call costs up to two microseconds of every
//! request: one more fails here, and one less is a line less to write down.

use gatepass_second_host::gate::Gate;
use gatepass_second_host::request::{Request, get};
use serde_json::json;

use crate::house::{configuration, secret};

/// The header map is read once, and nothing else is asked of the host that the request does not need.
const READ: &str = "proxy_get_header_map_pairs";
const DROP: &str = "proxy_remove_header_map_value authorization";
const USER: &str = "proxy_replace_header_map_value x-gatepass-user fred";
const SOURCE: &str = "proxy_get_property source.address";
const CLOCK: &str = "proxy_get_current_time_nanoseconds";

fn id(token: &str) -> String {
    format!("proxy_replace_header_map_value x-gatepass-token-id {token}")
}

fn decision(name: &str) -> String {
    format!("proxy_set_property gatepass.decision {name}")
}

/// What leaves the VM from the request's first header to its end.
#[track_caller]
fn calls(settings: serde_json::Value, request: &Request, expected: &[&str]) {
    let mut gate = Gate::traced(&configuration(settings));
    // The first request may draw the random key of a hash map; what is counted is what all the others cost.
    gate.send(request);
    assert_eq!(gate.send(request).calls, expected);
}

#[test]
fn accepted_by_bearer() {
    let request = get("/rest/a").bearer(&secret("plain"));
    calls(json!({}), &request, &[READ, DROP, USER, &id("plain"), &decision("allow.token")]);
}

#[test]
fn accepted_by_basic() {
    let request = get("/rest/a").basic("fred", &secret("plain"));
    calls(json!({}), &request, &[READ, DROP, USER, &id("plain"), &decision("allow.token")]);
}

#[test]
fn accepted_by_a_token_header() {
    let request = get("/rest/a").header("x-api-key", secret("plain"));
    let drop = "proxy_remove_header_map_value x-api-key";
    let settings = json!({"token_headers": ["x-api-key"]});
    calls(settings, &request, &[READ, drop, USER, &id("plain"), &decision("allow.token")]);
}

#[test]
fn accepted_and_forwarded_with_its_authorization() {
    let request = get("/rest/a").bearer(&secret("plain"));
    let settings = json!({"forward_authorization": true});
    calls(settings, &request, &[READ, USER, &id("plain"), &decision("allow.token")]);
}

#[test]
fn accepted_with_an_expiry_asks_for_the_time() {
    let request = get("/rest/a").bearer(&secret("ends"));
    calls(json!({}), &request, &[READ, CLOCK, DROP, USER, &id("ends"), &decision("allow.token")]);
}

#[test]
fn accepted_with_one_ip_list_or_two_asks_for_the_address_once() {
    let request = get("/rest/a").bearer(&secret("listed"));
    let expected = [READ, SOURCE, DROP, USER, &id("listed"), &decision("allow.token")];
    calls(json!({}), &request, &expected);
    calls(json!({"allowed_ips": ["10.0.0.0/8"]}), &request, &expected);
}

#[test]
fn accepted_with_forged_headers_removes_each() {
    let request = get("/rest/a").bearer(&secret("plain")).header("x_gatepass_user", "admin");
    let forged = "proxy_remove_header_map_value x_gatepass_user";
    calls(json!({}), &request, &[READ, forged, DROP, USER, &id("plain"), &decision("allow.token")]);
}

#[test]
fn refused() {
    let refused = |request: &Request, code: &str, status: u16| {
        let reply = format!("proxy_send_local_response {status}");
        calls(json!({}), request, &[READ, &decision(&format!("refuse.{code}")), &reply]);
    };
    refused(&get("/rest/a"), "credentials_missing", 401);
    refused(&get("/rest/a").authorization("Bearer a,b"), "authorization_malformed", 400);
    refused(&get("/rest/a").bearer(&secret("nobody's")), "credentials_unknown", 403);
    refused(&get("/rest/a").basic("fred", "password"), "password_refused", 403);
    refused(&get("/rest/a").bearer("abc"), "scheme_refused", 403);
}

#[test]
fn refused_though_recognised() {
    let request = get("/rest/a").bearer(&secret("disabled"));
    let named = "proxy_set_property gatepass.token_id disabled";
    let decision = decision("refuse.token_disabled");
    calls(json!({}), &request, &[READ, named, &decision, "proxy_send_local_response 403"]);
}

#[test]
fn unprotected() {
    calls(json!({}), &get("/open"), &[READ, &decision("allow.unprotected")]);
    let request = get("/open").bearer(&secret("plain"));
    calls(json!({}), &request, &[READ, DROP, &decision("allow.unprotected")]);
}

#[test]
fn anonymous_password_and_foreign() {
    let settings =
        || json!({"anonymous": "forward", "password_auth": "forward", "foreign_credentials": "forward"});
    calls(settings(), &get("/rest/a"), &[READ, &decision("allow.anonymous")]);
    let password = get("/rest/a").basic("fred", "password");
    calls(settings(), &password, &[READ, &decision("allow.password")]);
    calls(settings(), &get("/rest/a").bearer("abc"), &[READ, &decision("allow.foreign")]);
}

#[test]
fn trailers_are_read_once() {
    let request = get("/open").trailer("grpc-status", "0").trailer("x-gatepass-user", "admin");
    let forged = "proxy_remove_header_map_value x-gatepass-user";
    calls(json!({}), &request, &[READ, &decision("allow.unprotected"), READ, forged]);
}
