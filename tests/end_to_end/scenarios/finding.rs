//! User guide, "Filter Tokens".

use gatepass_tests::wait;
use serde_json::{Value, json};

use super::{Site, in_days};

impl Site {
    fn descriptions(&self, key: &str, query: &str) -> Vec<String> {
        let reply = self.control.call(key, "GET", &format!("/tokens?state=active&{query}"), &Value::Null);
        assert_eq!(reply.status, 200, "{query}: {}", reply.text());
        let items = reply.json()["items"].as_array().expect("a list").clone();
        let mut found: Vec<String> =
            items.iter().map(|token| token["description"].as_str().expect("one").to_owned()).collect();
        found.sort();
        found
    }
}

/// "Select one or more users for whom you want to see their tokens, enter a string from the token description to search for
/// (search is case insensitive) or filter for created-, last used- or expiration date. The date filters provide presets to
/// choose from but you can also define a custom range for each."
#[test]
fn tokens_are_found_by_users_description_and_dates() {
    let site = Site::open();
    site.control.user("wilma", "user");
    let key = site.key_of("mary");
    for (user, description, valid_for) in [
        ("fred", "Nightly Report", "P6M"),
        ("fred", "deploy", "P1Y"),
        ("wilma", "report to the board", "P1Y"),
    ] {
        site.created(&key, &json!({"user": user, "description": description, "valid_for": valid_for}));
    }
    let find = |query: &str| site.descriptions(&key, query);
    assert_eq!(find("user=fred"), ["Nightly Report", "deploy"]);
    assert_eq!(find("user=fred&user=wilma"), ["Nightly Report", "deploy", "report to the board"]);
    assert_eq!(find("user=fred&user=wilma&description=REPORT"), ["Nightly Report", "report to the board"]);
    let both = "user=fred&user=wilma";
    for preset in ["today", "last_7_days", "last_30_days", "last_90_days"] {
        assert_eq!(find(&format!("{both}&created={preset}")).len(), 3, "{preset}");
    }
    assert_eq!(find(&format!("{both}&last_used=never")).len(), 3);
    assert_eq!(find(&format!("{both}&expires=within_30_days")), [] as [&str; 0]);
    let in_months = |months: i64| in_days(months * 30);
    let half_a_year = format!("{both}&expires_from={}&expires_to={}", in_months(5), in_months(7));
    assert_eq!(find(&half_a_year), ["Nightly Report"], "a custom range");
    assert_eq!(find(&format!("{both}&created_to=2020-01-01T00:00:00Z")), [] as [&str; 0]);
}

/// The filter by last use shows what proxies saw.
#[test]
fn a_token_that_was_used_is_found_by_its_last_use() {
    let site = Site::open();
    let key = site.key_of("mary");
    let used = site.created(&key, &json!({"user": "fred", "description": "used"}));
    site.created(&key, &json!({"user": "fred", "description": "unused"}));
    site.becomes(200, "fred", &used.secret);
    wait::until("the use to be reported", || {
        (site.descriptions(&key, "user=fred&last_used=today") == ["used"]).then_some(())
    });
    assert_eq!(site.descriptions(&key, "user=fred&last_used=never"), ["unused"]);
}
