use super::*;
use crate::domain::token::tests::token;
use serde_json::{Value, json};

const NOW: i64 = 1_795_338_000; // 2026-11-22T09:00:00Z

fn settings() -> Settings {
    let scopes = json!({
        "read_only": [{"methods": ["GET", "HEAD"]}, {"methods": ["POST"], "paths": ["/rest/search"]}],
        "get": [{"methods": ["GET"]}],
        "get_rest": [{"methods": ["GET"], "paths": ["/rest/"]}],
        "get_restless": [{"methods": ["GET"], "paths": ["/restless"]}],
        "get_api": [{"methods": ["GET"], "paths": ["/rest/api", "/rest/agile/"]}],
        "search": [{"methods": ["POST"], "paths": ["/rest/search/"]}],
        "post": [{"methods": ["POST"]}],
        "both": [{"methods": ["GET"]}, {"methods": ["POST"]}],
        "get_and_post": [{"methods": ["GET", "POST"]}],
        "root": [{"methods": ["GET"], "paths": ["/"]}]
    });
    Settings { scopes: serde_json::from_value(scopes).unwrap(), ..Settings::default() }
}

fn edit(token: &Token, patch: Value) -> Result<Token, String> {
    let patch = serde_json::from_value(patch).unwrap();
    narrowed(token, &patch, &settings(), NOW).map_err(|error| error.field)
}

#[test]
fn a_scope_gives_way_only_to_one_that_lies_within_it() {
    for (old, new, allowed) in [
        (None, "read_only", true),
        (None, "post", true),
        (Some("read_only"), "read_only", true),
        (Some("read_only"), "get", true),
        (Some("get"), "read_only", false),
        (Some("read_only"), "post", false),
        (Some("read_only"), "search", true),
        (Some("search"), "read_only", false),
        (Some("get"), "get_rest", true),
        (Some("get_rest"), "get", false),
        (Some("get_rest"), "get_api", true),
        (Some("get_api"), "get_rest", false),
        (Some("get_rest"), "get_restless", false),
        (Some("get_rest"), "root", false),
        (Some("root"), "get_rest", true),
        (Some("root"), "get", false),
        (Some("both"), "get_and_post", true),
        (Some("get_and_post"), "both", true),
        (Some("get"), "get_and_post", false),
        (Some("get"), "nowhere", false),
        (None, "nowhere", false),
        (Some("gone"), "get", false),
    ] {
        let token = Token { scope: old.map(str::to_owned), ..token() };
        let edited = edit(&token, json!({"scope": new})).map(|token| token.scope);
        let expected = if allowed { Ok(Some(new.to_owned())) } else { Err("scope".to_owned()) };
        assert_eq!(edited, expected, "{old:?} {new}");
    }
}

#[test]
fn addresses_only_become_fewer() {
    for (old, new, allowed) in [
        (vec![], vec!["10.0.0.0/8"], true),
        (vec![], vec![], false),
        (vec!["10.0.0.0/8"], vec![], false),
        (vec!["10.0.0.0/8"], vec!["10.0.0.0/8"], true),
        (vec!["10.0.0.0/8"], vec!["10.1.0.0/16", "10.2.0.1"], true),
        (vec!["10.0.0.0/8"], vec!["10.1.0.0/16", "11.0.0.1"], false),
        (vec!["10.0.0.0/8"], vec!["10.0.0.0/7"], false),
        (vec!["10.0.0.0/8"], vec!["0.0.0.0/0"], false),
        (vec!["10.0.0.0/9", "10.128.0.0/9"], vec!["10.0.0.0/8"], true),
        (vec!["10.0.0.0/8"], vec!["::ffff:10.0.0.1"], true),
        (vec!["10.0.0.0/8"], vec!["2001:db8::1"], false),
        (vec!["2001:db8::/32"], vec!["2001:db8:1::/48", "2001:db8::1-2001:db8::9"], true),
        (vec!["2001:db8::/32"], vec!["2001:db9::1"], false),
        (vec!["2001:db8::/32"], vec!["2001:db8::/31"], false),
        (vec!["::/0"], vec!["10.0.0.1"], false),
        (vec!["10.0.0.0/8", "2001:db8::/32"], vec!["2001:db8::7"], true),
    ] {
        let list = |entries: &[&str]| serde_json::from_value(json!(entries)).unwrap();
        let token = Token { allowed_ips: list(&old), ..token() };
        let edited = edit(&token, json!({"allowed_ips": new})).map(|token| token.allowed_ips);
        let expected = if allowed { Ok(list(&new)) } else { Err("allowed_ips".to_owned()) };
        assert_eq!(edited, expected, "{old:?} {new:?}");
    }
    let many: Vec<String> = (0..65).map(|n| format!("10.0.{n}.1")).collect();
    assert_eq!(edit(&token(), json!({"allowed_ips": many})), Err("allowed_ips".to_owned()));
}

#[test]
fn the_end_only_comes_earlier_and_not_into_the_past() {
    for (old, new, allowed) in [
        (None, "2026-11-22T09:00:01Z", true),
        (None, "2026-11-22T09:00:00Z", false),
        (None, "9998-01-01T00:00:00Z", true),
        (Some(NOW + 100), "2026-11-22T09:01:39Z", true),
        (Some(NOW + 100), "2026-11-22T09:01:40Z", true),
        (Some(NOW + 100), "2026-11-22T10:01:40+01:00", true),
        (Some(NOW + 100), "2026-11-22T09:01:41Z", false),
        (Some(NOW + 100), "2026-11-21T00:00:00Z", false),
        (Some(NOW + 100), "soon", false),
    ] {
        let token = Token { expires_at: old, ..token() };
        let edited = edit(&token, json!({"expires_at": new})).map(|token| token.expires_at);
        let expected =
            if allowed { Ok(Some(time::parse(new).unwrap())) } else { Err("expires_at".to_owned()) };
        assert_eq!(edited, expected, "{old:?} {new}");
    }
}

#[test]
fn nothing_is_removed_and_the_right_to_manage_only_taken_away() {
    for (patch, field) in [
        (json!({"scope": null}), "scope"),
        (json!({"expires_at": null}), "expires_at"),
        (json!({"control_plane": true}), "control_plane"),
        (json!({"description": ""}), "description"),
        (json!({"description": "see gp_0123456789ABCDEFGHIJKLMNOPQRSTUV0kO87M"}), "description"),
    ] {
        assert_eq!(edit(&token(), patch.clone()), Err(field.to_owned()), "{patch}");
    }
    let managing = Token { control_plane: true, ..token() };
    assert_eq!(edit(&managing, json!({"control_plane": true})), Ok(managing.clone()));
    assert_eq!(edit(&managing, json!({"control_plane": false})), Ok(token()));
    assert_eq!(edit(&token(), json!({})), Ok(token()));
    assert_eq!(edit(&token(), json!({"description": "y"})).unwrap().description, "y");
}

#[test]
fn null_and_other_types_are_no_edits() {
    for bad in [
        json!({"allowed_ips": null}),
        json!({"description": null}),
        json!({"control_plane": null}),
        json!({"enabled": null}),
        json!({"enabled": "false"}),
        json!({"user": "wilma"}),
        json!({"state": "active"}),
    ] {
        assert!(serde_json::from_value::<TokenPatch>(bad.clone()).is_err(), "{bad}");
    }
}
