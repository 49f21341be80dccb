//! App configuration, "System-Wide Settings".

use serde_json::{Value, json};

use super::Site;

/// "The app contains a few System-Wide Settings settings, available for administrators only."
#[test]
fn only_administrators_read_and_change_the_settings() {
    let site = Site::open();
    for (name, status) in [("fred", 403), ("mary", 403), ("ada", 200)] {
        let key = site.key_of(name);
        assert_eq!(site.control.call(&key, "GET", "/settings", &Value::Null).status, status, "{name}");
        let change = json!({"password_auth": true});
        assert_eq!(site.control.call(&key, "PATCH", "/settings", &change).status, status, "{name}");
    }
}

/// "Settings here apply to all users accessing the REST API with Basic Authentication and any of the tokens they've created."
#[test]
fn a_setting_applies_to_everyone_and_to_tokens_that_there_are() {
    let site = Site::open();
    let tokens = ["fred", "mary", "ada"]
        .map(|name| (name, site.created(&site.key_of(name), &json!({"description": "x"}))));
    for (name, token) in &tokens {
        site.becomes(200, name, &token.secret);
    }
    site.set(&json!({"allowed_ips": ["192.0.2.0/24"]}));
    for (name, token) in &tokens {
        site.becomes(403, name, &token.secret);
        assert_eq!(site.refused(name, &token.secret), "ip_not_allowed", "{name}");
    }
}
