//! App configuration, "Disable Basic Auth with passwords".

use gatepass_tests::{basic, plugin::mint};
use serde_json::json;

use super::{ISSUE, Site};

/// "You may want to disable password authentication for REST endpoints completely. Should the token provided not match any
/// user's tokens, a 403 status code will be returned."
#[test]
fn without_passwords_what_is_no_token_is_refused() {
    let site = Site::open();
    site.set(&json!({"password_auth": false}));
    let token = site.created(&site.key_of("fred"), &json!({"description": "x"}));
    site.becomes(200, "fred", &token.secret);
    site.upstream.forget();
    assert_eq!(site.refused("fred", "hunter2"), "password_refused");
    assert_eq!(site.refused("fred", mint().expose()), "credentials_unknown");
    assert!(site.upstream.seen().is_empty(), "the service saw neither");
}

/// "With Basic Auth and user passwords enabled, Jira will try to authenticate the user by password."
#[test]
fn with_passwords_the_service_gets_them_untouched_and_tokens_never() {
    let site = Site::open();
    site.set(&json!({"password_auth": true}));
    site.becomes(200, "fred", "hunter2");
    let seen = site.upstream.seen();
    let seen = seen.iter().rfind(|request| request.target == ISSUE).expect("the request");
    assert_eq!(seen.header("authorization"), [basic("fred", "hunter2")]);
    assert!(seen.header("x-gatepass-user").is_empty(), "nobody has checked who it is");
    site.upstream.forget();
    assert_eq!(site.refused("fred", mint().expose()), "credentials_unknown");
    assert!(site.upstream.seen().is_empty(), "a token that works no longer is no password");
}
