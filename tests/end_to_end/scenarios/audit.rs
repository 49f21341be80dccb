//! App configuration, "Audit Logging".

use serde_json::{Value, json};

use super::Site;

impl Site {
    /// Who did this, to what, oldest first.
    fn audited(&self, action: &str) -> Vec<(String, String)> {
        let found = self
            .control
            .admins(200, "GET", &format!("/audit?action={action}&limit=200"), &Value::Null)
            .json();
        let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        let items = found["items"].as_array().expect("a list");
        items.iter().rev().map(|entry| (text(entry, "actor"), text(entry, "target"))).collect()
    }
}

/// "Creating and deleting tokens (both deleting a single token or all for a user as an admin) will cause an audit log record
/// being created … especially important, when an admin creates a token on behalf of some other user."
#[test]
fn creating_deleting_and_deleting_all_are_in_the_audit() {
    let site = Site::open();
    let [fred, ada] = ["fred", "ada"].map(|name| site.key_of(name));
    let before = site.audited("token.created").len();
    let own = site.created(&fred, &json!({"description": "by fred"}));
    let given =
        [1, 2].map(|n| site.created(&ada, &json!({"user": "fred", "description": format!("by ada {n}")})));
    let created = site.audited("token.created").split_off(before);
    let actors: Vec<&str> = created.iter().map(|(actor, _)| actor.as_str()).collect();
    assert_eq!(actors, ["fred", "ada", "ada"]);
    for ((_, target), token) in created.iter().zip([&own, &given[0], &given[1]]) {
        assert!(target.contains(&token.id) && target.contains("fred"), "{target}: which token, and whose");
    }
    assert!(site.audited("token.revoked").is_empty());
    assert_eq!(site.control.call(&fred, "DELETE", &format!("/tokens/{}", own.id), &Value::Null).status, 204);
    let all = site.control.call(&ada, "DELETE", "/users/fred/tokens", &Value::Null).json();
    let revoked = site.audited("token.revoked");
    assert_eq!(revoked[0].0, "fred");
    assert!(revoked[0].1.contains(&own.id), "{revoked:?}");
    assert_eq!(all["revoked"].as_u64(), Some(revoked.len() as u64 - 1), "one entry for each: {revoked:?}");
    assert!(revoked[1..].iter().all(|(actor, _)| actor == "ada"), "{revoked:?}");
    for token in &given {
        assert!(revoked.iter().any(|(_, target)| target.contains(&token.id)), "{revoked:?}");
        site.becomes(403, "fred", &token.secret);
    }
    let log = site.control.admins(200, "GET", "/audit?limit=200", &Value::Null).text();
    for token in [&own, &given[0], &given[1]] {
        assert!(!log.contains(&token.secret), "never a secret");
    }
}
