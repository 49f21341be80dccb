//! App configuration: "When playing and testing with wrong passwords or tokens, be aware that this can lead to too many failed
//! logins recorded. Go to your user manager and reset the failed login count for the user you are testing with."

use serde_json::{Value, json};

use super::Site;

const ORIGIN: &str = "http://localhost";

#[test]
fn failed_sign_ins_are_counted_and_an_administrator_resets_the_count() {
    let site = Site::open();
    let password = "correct horse battery";
    site.control.admins(204, "PUT", "/users/fred/password", &json!({"password": password}));
    let sign_in = |password: &str| {
        let headers = [("Host", "localhost"), ("Origin", ORIGIN)];
        site.control.raw_call("POST", "/session", &headers, &json!({"user": "fred", "password": password}))
    };
    let failed =
        || site.control.admins(200, "GET", "/users/fred", &Value::Null).json()["failed_sign_ins"].clone();
    assert_eq!(failed(), 0);
    let mut wrong = 0_i64;
    while sign_in("wrong password").status != 429 {
        wrong += 1;
        assert_eq!(failed(), wrong);
        assert!(wrong < 100, "never throttled");
    }
    assert_eq!(sign_in(password).status, 429, "the right one has to wait, too");
    site.control.admins(204, "DELETE", "/users/fred/failed-sign-ins", &Value::Null);
    assert_eq!(failed(), 0);
    let signed_in = sign_in(password);
    assert_eq!(signed_in.status, 200, "{}", signed_in.text());
}

/// Wrong tokens at the gate lock nobody out.
#[test]
fn wrong_tokens_at_the_gate_are_no_failed_sign_ins() {
    let site = Site::open();
    let token = site.created(&site.key_of("fred"), &json!({"description": "x"}));
    site.becomes(200, "fred", &token.secret);
    for _ in 0..30 {
        assert_eq!(site.refused("fred", gatepass_tests::plugin::mint().expose()), "credentials_unknown");
    }
    assert_eq!(site.ask("fred", &token.secret).status, 200);
    assert_eq!(site.control.admins(200, "GET", "/users/fred", &Value::Null).json()["failed_sign_ins"], 0);
}
