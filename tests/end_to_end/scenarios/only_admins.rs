//! App configuration, "Allow only admins to create tokens".

use serde_json::json;

use super::Site;

/// "With that option enabled, sys admin users can create tokens for themselves or for other users. … Any non sysadmin users
/// won't be able to create tokens for their user account anymore, regardless if via REST or the Web interface. … Trying to
/// create a token from a page still open will result in a 403 Forbidden."
#[test]
fn with_the_option_only_admins_create() {
    let site = Site::open();
    let [fred, mary, ada] = ["fred", "mary", "ada"].map(|name| site.key_of(name));
    site.set(&json!({"only_admins_create_tokens": true}));
    for (name, key) in [("fred", &fred), ("mary", &mary)] {
        let refused = site.create(key, &json!({"description": "x"}));
        assert_eq!(refused.status, 403, "{name}: {}", refused.text());
    }
    let for_other = site.create(&mary, &json!({"user": "fred", "description": "x"}));
    assert_eq!(for_other.status, 403, "{}", for_other.text());
    for user in ["ada", "fred"] {
        let token = site.created(&ada, &json!({"user": user, "description": "x"}));
        site.becomes(200, user, &token.secret);
    }
}

/// Managers may be included.
#[test]
fn managers_create_if_the_administrator_lets_them() {
    let site = Site::open();
    let [fred, mary] = ["fred", "mary"].map(|name| site.key_of(name));
    site.set(&json!({"only_admins_create_tokens": true, "managers_create_tokens": true}));
    assert_eq!(site.create(&fred, &json!({"description": "x"})).status, 403);
    let token = site.created(&mary, &json!({"user": "fred", "description": "x"}));
    site.becomes(200, "fred", &token.secret);
}

/// Who may not create may not rotate either: a successor is a new token.
#[test]
fn a_rotation_counts_as_a_creation() {
    let site = Site::open();
    let key = site.key_of("fred");
    let token = site.created(&key, &json!({"description": "x"}));
    site.set(&json!({"only_admins_create_tokens": true}));
    let rotate =
        || site.control.call(&key, "POST", &format!("/tokens/{}/rotate", token.id), &json!({})).status;
    assert_eq!(rotate(), 403);
    site.set(&json!({"only_admins_create_tokens": false}));
    assert_eq!(rotate(), 201);
}
