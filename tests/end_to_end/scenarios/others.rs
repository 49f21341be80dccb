//! User guide, "Token Manager": tokens for others, and ending theirs.

use serde_json::{Value, json};

use super::Site;

/// "If your administrator has granted permissions to create tokens for other users … create tokens for any of them."
#[test]
fn a_token_manager_makes_a_token_for_somebody_else_who_uses_it() {
    let site = Site::open();
    let token = site.created(&site.key_of("mary"), &json!({"user": "fred", "description": "made for fred"}));
    site.becomes(200, "fred", &token.secret);
    assert_eq!(site.refused("mary", &token.secret), "credentials_unknown", "it is fred's, not hers");
    let shown = site.control.admins(200, "GET", &format!("/tokens/{}", token.id), &Value::Null).json();
    assert_eq!((&shown["user"], &shown["creator"]), (&json!("fred"), &json!("mary")));
}

/// Who has no such permission has no such tab.
#[test]
fn users_make_no_tokens_for_others_and_see_none_of_theirs() {
    let site = Site::open();
    let key = site.key_of("fred");
    let refused = site.create(&key, &json!({"user": "mary", "description": "x"}));
    assert_eq!(refused.status, 403, "{}", refused.text());
    let list = site.control.call(&key, "GET", "/tokens", &Value::Null).json();
    assert!(list["items"].as_array().unwrap().iter().all(|token| token["user"] == "fred"), "{list}");
    assert_eq!(site.control.call(&key, "GET", "/tokens?user=mary", &Value::Null).status, 403);
}

/// "Select an expiration time. Minimum value here is what your administrator has defined. You might choose a lower value, but
/// you can't select anything above."
#[test]
fn the_administrators_bound_binds_tokens_for_others_too() {
    let site = Site::open();
    site.set(&json!({"max_validity": "P1Y"}));
    let key = site.key_of("mary");
    for (valid_for, status) in [("P6M", 201), ("P1Y", 201), ("P2Y", 400), ("never", 400)] {
        let wish = json!({"user": "fred", "description": "x", "valid_for": valid_for});
        let reply = site.create(&key, &wish);
        assert_eq!(reply.status, status, "{valid_for}: {}", reply.text());
    }
}

/// "If you have permissions to access the Token Manage tab, you can revoke/ delete tokens in the same way you would your own."
#[test]
fn a_token_manager_deletes_somebody_elses_token_but_no_admins() {
    let site = Site::open();
    let key = site.key_of("mary");
    let [freds, adas] =
        ["fred", "ada"].map(|name| site.created(&site.key_of(name), &json!({"description": "x"})));
    for (name, token) in [("fred", &freds), ("ada", &adas)] {
        site.becomes(200, name, &token.secret);
    }
    let delete = |id: &str| site.control.call(&key, "DELETE", &format!("/tokens/{id}"), &Value::Null).status;
    assert_eq!(delete(&freds.id), 204);
    assert_eq!(delete(&adas.id), 404, "managers manage everyone but admins");
    site.becomes(403, "fred", &freds.secret);
    assert_eq!(site.ask("ada", &adas.secret).status, 200);
}
