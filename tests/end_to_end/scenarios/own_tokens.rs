//! User guide, "User Token Management": creating a token, using it, revoking it.

use serde_json::{Value, json};

use super::{ISSUE, Site};

/// "Enter a description for it, select the expiration time within the boundaries defined by your administrator … The token
/// automatically created will be displayed afterwards. You may now access the REST API via Basic Authorization and your user
/// and the token instead of your user password."
#[test]
fn a_user_makes_a_token_and_uses_it_in_place_of_the_password() {
    let site = Site::open();
    let key = site.key_of("fred");
    let reply = site.create(&key, &json!({"description": "nightly report", "valid_for": "P6M"}));
    assert_eq!(reply.status, 201, "{}", reply.text());
    let made = reply.json();
    let secret = made["token"].as_str().expect("the token is displayed");
    assert_eq!((&made["user"], &made["description"]), (&json!("fred"), &json!("nightly report")));
    site.becomes(200, "fred", secret);
    let seen = site.upstream.seen();
    let seen = seen.iter().rfind(|request| request.target == ISSUE).expect("the request");
    assert_eq!(seen.header("x-gatepass-user"), ["fred"], "the service is told who calls");
    assert!(seen.header("authorization").is_empty(), "and never sees the token");
    let shown =
        site.control.call(&key, "GET", &format!("/tokens/{}", made["id"].as_str().unwrap()), &Value::Null);
    assert!(!shown.text().contains(secret), "it is displayed once");
}

/// "To revoke any token, simply use the Delete operation."
#[test]
fn a_user_deletes_a_token_and_it_works_no_longer() {
    let site = Site::open();
    let key = site.key_of("fred");
    let [kept, deleted] = ["kept", "deleted"].map(|name| site.created(&key, &json!({"description": name})));
    for token in [&kept, &deleted] {
        site.becomes(200, "fred", &token.secret);
    }
    let gone = site.control.call(&key, "DELETE", &format!("/tokens/{}", deleted.id), &Value::Null);
    assert_eq!(gone.status, 204, "{}", gone.text());
    site.becomes(403, "fred", &deleted.secret);
    assert_eq!(site.refused("fred", &deleted.secret), "credentials_unknown");
    assert_eq!(site.ask("fred", &kept.secret).status, 200, "the other one does");
}

/// "All tokens they've created for their user": a token is its owner's, under no other name.
#[test]
fn a_token_opens_the_gate_for_its_owner_alone() {
    let site = Site::open();
    let token = site.created(&site.key_of("fred"), &json!({"description": "x"}));
    site.becomes(200, "fred", &token.secret);
    assert_eq!(site.refused("mary", &token.secret), "credentials_unknown");
}
