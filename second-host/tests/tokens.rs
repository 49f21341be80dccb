//! The token's own checks, in their order.

use gatepass_second_host::gate::NOW;
use gatepass_second_host::request::{get, request};
use serde_json::json;

use crate::house::{check, decides, gate, secret};

#[test]
fn a_stated_refusal_answers_with_its_own_code_by_whatever_way() {
    let mut gate = gate(json!({"token_headers": ["x-api-key"]}));
    for (id, expected) in [
        ("disabled", "403 token_disabled"),
        ("inactive", "403 user_inactive"),
        ("barred", "403 use_not_allowed"),
    ] {
        let secret = secret(id);
        decides(
            &mut gate,
            &[
                ("by Bearer", get("/rest/a").bearer(&secret), expected),
                ("by Basic", get("/rest/a").basic("fred", &secret), expected),
                ("by a token header", get("/rest/a").header("x-api-key", &secret), expected),
                (
                    "another user's says nothing",
                    get("/rest/a").basic("amy", &secret),
                    "403 credentials_unknown",
                ),
            ],
        );
    }
}

#[test]
fn at_its_very_second_a_token_has_ended() {
    let mut gate = gate(json!({}));
    for (seconds, expected) in [
        (NOW, "allow.token ends"),
        (NOW + 59, "allow.token ends"),
        (NOW + 60, "403 token_expired"),
        (NOW + 61, "403 token_expired"),
    ] {
        gate.set_time(seconds);
        decides(&mut gate, &[("a minute's token", get("/rest/a").bearer(&secret("ends")), expected)]);
    }
}

#[test]
fn the_tokens_own_list_and_the_global_one_must_both_admit_the_address() {
    let listed = || get("/rest/a").bearer(&secret("listed"));
    let mut alone = gate(json!({}));
    decides(
        &mut alone,
        &[
            ("inside", listed().from("10.1.255.255:1"), "allow.token listed"),
            ("outside", listed().from("10.2.0.0:1"), "403 ip_not_allowed"),
            ("unreadable", listed().from("x"), "403 ip_not_allowed"),
            ("not told", listed().from_nowhere(), "403 ip_not_allowed"),
            (
                "others are not bound",
                get("/rest/a").bearer(&secret("plain")).from("10.2.0.0:1"),
                "allow.token plain",
            ),
        ],
    );
    let mut both = gate(json!({"allowed_ips": ["10.0.0.0/8", "192.0.2.0/24"]}));
    decides(
        &mut both,
        &[
            ("in both", listed(), "allow.token listed"),
            ("in the global one alone", listed().from("192.0.2.1:1"), "403 ip_not_allowed"),
        ],
    );
    let mut apart = gate(json!({"allowed_ips": ["192.0.2.0/24"]}));
    decides(&mut apart, &[("in its own alone", listed(), "403 ip_not_allowed")]);
}

#[test]
fn a_scope_admits_its_methods_on_its_paths() {
    let mut gate = gate(json!({}));
    let reader = |method: &str, path: &str| request(method, path).bearer(&secret("reader"));
    let project = |path: &str| get(path).bearer(&secret("project"));
    decides(
        &mut gate,
        &[
            ("GET", reader("GET", "/rest/a"), "allow.token reader"),
            ("HEAD", reader("HEAD", "/rest/a"), "allow.token reader"),
            ("OPTIONS", reader("OPTIONS", "/rest/a"), "allow.token reader"),
            ("a stated POST", reader("POST", "/rest/api/2/search"), "allow.token reader"),
            ("below it, with a query", reader("POST", "/rest/api/2/search/a?b"), "allow.token reader"),
            ("another POST", reader("POST", "/rest/api/2/issue"), SCOPE),
            ("not at a segment", reader("POST", "/rest/api/2/searches"), SCOPE),
            ("an ambiguous path is in no rule with paths", reader("POST", "/rest/api/2/search;a"), SCOPE),
            ("and in every rule without", reader("GET", "/rest;a"), "allow.token reader"),
            ("methods compare exactly", reader("get", "/rest/a"), SCOPE),
            ("DELETE", reader("DELETE", "/rest/a"), SCOPE),
            ("no method at all", reader("GET", "/rest/a").without(":method"), SCOPE),
            ("its project", project("/rest/projects/a/b"), "allow.token project"),
            ("spelled with escapes", project("/rest/projects/%61"), "allow.token project"),
            ("another's", project("/rest/projects/b"), SCOPE),
        ],
    );
}

const SCOPE: &str = "403 scope_exceeded";

#[test]
fn a_scoped_request_that_asks_for_another_method_or_path_exceeds_it() {
    let mut gate = gate(json!({}));
    let reader = |path: &str| get(path).bearer(&secret("reader"));
    for name in
        ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"]
    {
        let plain = get("/rest/a").bearer(&secret("plain")).header(name, "DELETE");
        decides(
            &mut gate,
            &[
                (name, reader("/rest/a").header(name, "GET"), SCOPE),
                (name, reader("/rest/a").header(&name.replace('-', "_"), "GET"), SCOPE),
                ("a token without a scope may", plain, "allow.token plain"),
            ],
        );
    }
    for path in ["/rest/a?_method=PUT", "/rest/a?b=c&_METHOD=x", "/rest/a?%5fmethod=x", "/rest/a?b;_method"] {
        decides(&mut gate, &[(path, reader(path), SCOPE)]);
    }
    decides(&mut gate, &[("a value is no name", reader("/rest/a?a=_method"), "allow.token reader")]);
}

#[test]
fn the_checks_are_made_in_their_order() {
    // Each of these tokens fails one check more than the next.
    let settings = json!({"allowed_ips": ["10.0.0.0/8"]});
    let mut configuration = crate::house::configuration(settings);
    let token = |id: &str, more| crate::house::entry(id, more);
    let failing = [
        (
            "all",
            json!({"refuse": "user_inactive", "expires_at": 1, "allowed_ips": ["192.0.2.1"], "scope": "one_project"}),
        ),
        ("three", json!({"expires_at": 1, "allowed_ips": ["192.0.2.1"], "scope": "one_project"})),
        ("two", json!({"allowed_ips": ["192.0.2.1"], "scope": "one_project"})),
        ("one", json!({"scope": "one_project"})),
    ];
    configuration["tokens"] = failing.iter().map(|(id, more)| token(id, more.clone())).collect();
    let mut gate = gatepass_second_host::gate::Gate::with(&configuration);
    let sent = |id: &str| get("/rest/a").bearer(&secret(id));
    decides(
        &mut gate,
        &[
            ("the global list", sent("all").from("192.0.2.9:1"), "403 ip_not_allowed"),
            ("then the stated refusal", sent("all"), "403 user_inactive"),
            ("then expiry", sent("three"), "403 token_expired"),
            ("then the token's list", sent("two"), "403 ip_not_allowed"),
            ("then the scope", sent("one"), SCOPE),
        ],
    );
}

#[test]
fn a_refused_token_is_named_for_the_log_and_not_in_the_reply() {
    let mut gate = gate(json!({}));
    let sent = get("/rest/a").bearer(&secret("disabled"));
    let answer = gate.send(&sent);
    check("disabled", &sent, &answer, "403 token_disabled");
    assert_eq!(answer.property("gatepass.token_id"), Some("disabled"));
    let reply = answer.reply.expect("a reply");
    assert!(!format!("{reply:?}").contains("\"disabled\""), "{reply:?}");
    let unknown = gate.send(&get("/rest/a").bearer(&secret("nobody's")));
    assert_eq!(unknown.property("gatepass.token_id"), None);
}
