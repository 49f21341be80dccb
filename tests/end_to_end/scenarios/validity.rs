//! App configuration, "Token Validity Time".

use gatepass_tests::wait;
use serde_json::{Value, json};

use super::{Site, in_seconds};

/// The select list.
const OFFERED: [&str; 4] = ["P6M", "P1Y", "P2Y", "never"];

/// "System Wide Setting is 6 month - users can select 6 month only, nothing else. 1 year - 1 year or 6 month, nothing else.
/// 2 years - 2 years, 1 year or 6 month, nothing else. Never - any validity time from the select list."
#[test]
fn users_choose_within_the_administrators_bound() {
    let site = Site::open();
    let keys = ["fred", "mary", "ada"].map(|name| (name, site.key_of(name)));
    for (bound, admitted) in
        [("P6M", &OFFERED[..1]), ("P1Y", &OFFERED[..2]), ("P2Y", &OFFERED[..3]), ("never", &OFFERED[..])]
    {
        site.set(&json!({"max_validity": bound}));
        for ((name, key), valid_for) in keys.iter().flat_map(|key| OFFERED.map(|offered| (key, offered))) {
            let reply = site.create(key, &json!({"description": "x", "valid_for": valid_for}));
            let expected = if admitted.contains(&valid_for) { 201 } else { 400 };
            assert_eq!(reply.status, expected, "{name}: {valid_for} within {bound}: {}", reply.text());
            if expected == 400 {
                assert!(reply.text().contains("valid_for"), "the field is named: {}", reply.text());
            } else {
                assert_eq!(reply.json()["expires_at"].is_null(), valid_for == "never", "{}", reply.text());
            }
        }
    }
}

/// What has ended is refused at the gate, and says so to its owner.
#[test]
fn a_token_ends_when_it_says() {
    let site = Site::open();
    site.set(&json!({"custom_validity": true}));
    let soon = in_seconds(3);
    let token = site.created(&site.key_of("fred"), &json!({"description": "x", "expires_at": soon}));
    // Until a proxy knows the token it is unknown, and then admitted.
    wait::until("the end", || {
        let reply = site.ask("fred", &token.secret);
        (reply.status == 403 && reply.code() == "token_expired").then_some(())
    });
    let shown = site.control.admins(200, "GET", &format!("/tokens/{}", token.id), &Value::Null).json();
    assert_eq!(shown["state"], "expired");
}
