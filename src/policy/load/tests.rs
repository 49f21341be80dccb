//! Every class of broken configuration is refused whole, and the message names the field.

use super::super::Mode;
use super::*;
use crate::config::wire::ScopeRule;
use crate::table::MAX_EXPIRY;
use proptest::prelude::*;
use serde_json::{Value, json};

const SHA: &str = "76af36046176b3b1df719d951e21f17b3f89239c509adad04fae613cc7723499";

/// The contract's own example.
fn full() -> Value {
    json!({
        "version": 1,
        "epoch": "a1", "revision": "17",
        "settings": {
            "anonymous": "refuse", "password_auth": "refuse", "foreign_credentials": "refuse",
            "allowed_ips": ["10.0.0.0/8", "2001:db8::7"],
            "protected_paths": ["/rest/"],
            "identity_headers": {"user": "x-gatepass-user", "token_id": "x-gatepass-token-id"},
            "forward_authorization": false,
            "token_headers": ["x-api-key"],
            "token_prefixes": ["gp_"]
        },
        "scopes": {"read_only": [{"methods": ["GET", "HEAD", "OPTIONS"]},
                                 {"methods": ["POST"], "paths": ["/rest/api/2/search"]}]},
        "tokens": [{"id": "01JD0ZQ8M2", "sha256": SHA, "user": "fred", "expires_at": 1_798_761_600,
                    "scope": "read_only", "allowed_ips": ["10.1.0.0/16"], "refuse": "token_disabled"}],
        "report": {"cluster": "gatepass", "path": "/dataplane/v1/usage", "interval_ms": 10000}
    })
}

fn parse(value: &Value) -> Result<Policy, ConfigError> {
    Policy::parse(value.to_string().as_bytes())
}

/// The error after `value` was put at `pointer` (RFC 6901), or what stood there removed.
fn error_with(pointer: &str, value: Option<Value>) -> String {
    let mut changed = full();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match changed.pointer_mut(parent).unwrap() {
        Value::Object(fields) => match value {
            Some(value) => drop(fields.insert(key.to_owned(), value)),
            None => drop(fields.remove(key)),
        },
        Value::Array(items) if key == "-" => items.push(value.unwrap()),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value.unwrap(),
        other => panic!("{other}"),
    }
    parse(&changed).map(|_| ()).expect_err(pointer).to_string()
}

#[test]
fn the_documented_example_is_taken() {
    let policy = parse(&full()).unwrap();
    assert_eq!(policy.version(), &Version { epoch: "a1".into(), revision: 17 });
    assert_eq!(policy.tokens(), 1);
    assert!(policy.wants_reports());
}

#[test]
fn version_revision_and_tokens_are_enough() {
    let policy = parse(&json!({"version": 1, "revision": "0", "tokens": []})).unwrap();
    assert_eq!(policy.protected_paths, ["/".parse().unwrap()]);
    assert_eq!((policy.anonymous, policy.password_auth), (Mode::Refuse, Mode::Refuse));
    assert!(policy.token_headers.is_empty() && policy.allowed_ips.is_empty() && !policy.wants_reports());
}

#[test]
fn numbers_may_come_as_doubles_as_istio_makes_them() {
    let text =
        full().to_string().replace("1798761600", "1.7987616e9").replace("\"version\":1", "\"version\":1.0");
    assert!(Policy::parse(text.as_bytes()).is_ok());
}

#[test]
fn a_broken_field_is_named() {
    let cases = [
        ("/version", json!(2), "version: "),
        ("/version", json!("1"), "version: "),
        ("/revision", json!(17), "revision: "),
        ("/revision", json!("017"), "revision: "),
        ("/revision", json!("+17"), "revision: "),
        ("/revision", json!("-1"), "revision: "),
        ("/revision", json!("18446744073709551616"), "revision: "),
        ("/epoch", json!("a b"), "epoch: "),
        ("/colour", json!("red"), "colour: unknown field `colour`"),
        ("/settings/colour", json!("red"), "settings.colour: unknown field `colour`"),
        ("/settings/anonymous", json!("allow"), "settings.anonymous: "),
        ("/settings/forward_authorization", json!("no"), "settings.forward_authorization: "),
        ("/settings/allowed_ips/0", json!("10.0.0.0/33"), "settings.allowed_ips[0]: "),
        ("/settings/allowed_ips/1", json!("10.0.0.1-10.0.0.9"), "settings.allowed_ips[1]: "),
        ("/settings/protected_paths/0", json!("rest"), "settings.protected_paths[0]: "),
        ("/settings/protected_paths/0", json!("/%72est/"), "settings.protected_paths[0]: "),
        ("/settings/protected_paths", json!([]), "settings.protected_paths: "),
        ("/settings/identity_headers/user", json!("X-User"), "settings.identity_headers.user: "),
        ("/settings/identity_headers/user", json!("host"), "settings.identity_headers.user: "),
        (
            "/settings/identity_headers/token_id",
            json!("x_gatepass_user"),
            "settings.identity_headers.token_id: ",
        ),
        (
            "/settings/identity_headers/email",
            json!("x-mail"),
            "settings.identity_headers.email: unknown field",
        ),
        ("/settings/token_headers/0", json!("authorization"), "settings.token_headers[0]: "),
        ("/settings/token_headers/0", json!("x-gatepass-key"), "settings.token_headers[0]: "),
        ("/settings/token_headers/-", json!("x_api_key"), "settings.token_headers[1]: "),
        ("/settings/token_prefixes/0", json!("gp "), "settings.token_prefixes[0]: "),
        ("/settings/token_prefixes/-", json!("gp_"), "settings.token_prefixes[1]: "),
        ("/settings/token_prefixes", json!([]), "settings.token_prefixes: "),
        ("/scopes/Read", json!([{"methods": ["GET"]}]), "scopes.Read: "),
        ("/scopes/none", json!([]), "scopes.none: "),
        ("/scopes/read_only/0/methods", json!([]), "scopes.read_only[0].methods: "),
        ("/scopes/read_only/0/methods/0", json!("get"), "scopes.read_only[0].methods: "),
        ("/scopes/read_only/1/paths/0", json!("/a/../b"), "scopes.read_only[1].paths[0]: "),
        ("/scopes/read_only/1/paths", json!([]), "scopes.read_only[1].paths: "),
        ("/scopes/read_only/1/hosts", json!([]), "scopes.read_only[1].hosts: unknown field"),
        ("/tokens/0/id", json!("a b"), "tokens[0].id: "),
        ("/tokens/0/sha256", json!("xyz"), "tokens[0].sha256: "),
        ("/tokens/0/sha256", json!(SHA.to_uppercase()), "tokens[0].sha256: "),
        ("/tokens/0/user", json!("fr:ed"), "tokens[0].user: "),
        ("/tokens/0/user", json!(" fred"), "tokens[0].user: "),
        ("/tokens/0/scope", json!("admin"), "tokens[0].scope: "),
        ("/tokens/0/allowed_ips/0", json!("x"), "tokens[0].allowed_ips[0]: "),
        ("/tokens/0/refuse", json!("because"), "tokens[0].refuse: "),
        ("/tokens/0/expires_at", json!(1.5), "tokens[0].expires_at: "),
        ("/tokens/0/expires_at", json!(-1), "tokens[0].expires_at: "),
        ("/tokens/0/expires_at", json!(0), "tokens[0].expires_at: "),
        ("/tokens/0/expires_at", json!(1_798_761_600_000_u64), "tokens[0].expires_at: "),
        ("/tokens/0/expires_at", json!("2027-01-01"), "tokens[0].expires_at: "),
        ("/tokens/0/colour", json!("red"), "tokens[0].colour: unknown field `colour`"),
        ("/report/interval_ms", json!(10), "report.interval_ms: "),
        ("/report/path", json!("usage"), "report.path: "),
        ("/report/cluster", json!(""), "report.cluster: "),
    ];
    for (pointer, value, expected) in cases {
        let error = error_with(pointer, Some(value.clone()));
        assert!(error.starts_with(expected), "{pointer} = {value}: {error}");
    }
}

#[test]
fn a_missing_field_is_named() {
    for (pointer, expected) in [
        ("/version", "missing field `version`"),
        ("/revision", "missing field `revision`"),
        ("/tokens", "missing field `tokens`"),
        ("/tokens/0/id", "tokens[0]: missing field `id`"),
        ("/tokens/0/sha256", "tokens[0]: missing field `sha256`"),
        ("/tokens/0/user", "tokens[0]: missing field `user`"),
        ("/scopes/read_only/0/methods", "scopes.read_only[0]: missing field `methods`"),
    ] {
        let error = error_with(pointer, None);
        assert!(error.starts_with(expected), "{pointer}: {error}");
    }
}

#[test]
fn null_is_no_value_of_any_field() {
    for pointer in [
        "/epoch",
        "/settings",
        "/settings/anonymous",
        "/settings/allowed_ips",
        "/settings/identity_headers",
        "/scopes",
        "/scopes/read_only",
        "/scopes/read_only/1/paths",
        "/tokens/0/scope",
        "/tokens/0/expires_at",
        "/tokens/0/refuse",
        "/tokens/0/allowed_ips",
        "/report",
    ] {
        let field = pointer[1..].replace("/0", "[0]").replace("/1", "[1]").replace('/', ".");
        let error = error_with(pointer, Some(json!(null)));
        assert!(error.starts_with(&format!("{field}: invalid type: null")), "{pointer}: {error}");
    }
}

#[test]
fn an_array_is_no_object_and_an_object_is_no_name() {
    for (pointer, value) in [
        ("/settings", json!(["forward", "forward"])),
        ("/settings/identity_headers", json!(["x-a", "x-b"])),
        ("/settings/anonymous", json!({"forward": null})),
        ("/scopes/read_only/0", json!([["GET"]])),
        ("/tokens/0", json!(["t1", SHA, "fred"])),
        ("/tokens/0/refuse", json!({"token_disabled": null})),
        ("/report", json!(["gatepass"])),
    ] {
        let field = pointer[1..].replace("/0", "[0]").replace('/', ".");
        let error = error_with(pointer, Some(value));
        assert!(error.starts_with(&format!("{field}: invalid type: ")), "{pointer}: {error}");
    }
    assert!(parse(&json!([1, "", "102", {}, {}, [], null])).is_err());
}

#[test]
fn a_report_has_defaults() {
    let mut short = full();
    short["report"] = json!({});
    assert!(parse(&short).unwrap().wants_reports());
}

#[test]
fn what_was_sent_by_mistake_is_not_repeated() {
    let token = "gp_0123456789ABCDEFGHIJKLMNOPQRSTUV0kO87M";
    for pointer in
        ["/tokens/0/scope", "/tokens/0/id", "/tokens/0/expires_at", "/settings/token_prefixes/0", "/revision"]
    {
        let error = error_with(pointer, Some(json!(format!("{token}\n"))));
        assert!(!error.contains(&token[..20]) && !error.contains('\n'), "{pointer}: {error}");
    }
    assert!(!error_with(&format!("/scopes/{token}"), Some(json!([]))).contains(&token[..20]));
}

#[test]
fn sizes_have_bounds() {
    let token = |n: usize| json!({"id": n.to_string(), "sha256": format!("{n:064x}"), "user": "fred"});
    let mut listed = full();
    let ips = vec!["10.0.0.1"; 1000];
    listed["tokens"] = (0..1001)
        .map(|n| {
            let mut t = token(n);
            t["allowed_ips"] = json!(ips);
            t
        })
        .collect();
    assert!(
        parse(&listed)
            .expect_err("too many addresses")
            .to_string()
            .starts_with("tokens: all allowed_ips of tokens")
    );
    listed["tokens"][0]["allowed_ips"] = json!([]);
    assert!(parse(&listed).is_ok());
    let rule = |paths: usize| json!({"methods": ["GET"], "paths": vec!["/a"; paths]});
    let mut scoped = full();
    scoped["scopes"] = json!({"read_only": vec![rule(249); 40]});
    assert!(parse(&scoped).is_ok());
    scoped["scopes"]["more"] = json!([rule(1)]);
    let error = parse(&scoped).expect_err("too many paths").to_string();
    assert_eq!(error, "scopes: all scopes together have at most 10000 methods and paths");
    // Who makes a configuration has the same bounds as who reads it.
    let rule = ScopeRule { methods: vec!["GET".into()], paths: None };
    let mut made = PluginConfiguration::from_json(full().to_string().as_bytes()).unwrap();
    made.scopes.0.extend((0..157).map(|n| (n.to_string(), vec![rule.clone(); 64])));
    assert_eq!(Policy::from_wire(made).expect_err("too many").to_string(), error);
    let error = error_with("/tokens/0/user", Some(json!(vec![0; 3000])));
    assert!(
        error.starts_with("tokens[0]: fewer than 65536 values") && error.contains("2048 in a token"),
        "{error}"
    );
}

#[test]
fn duplicates_are_refused() {
    let second = |id: &str, sha: &str| json!({"id": id, "sha256": sha, "user": "fred"});
    assert!(error_with("/tokens/-", Some(second("x", SHA))).starts_with("tokens[1].sha256: "));
    assert!(
        error_with("/tokens/-", Some(second("01JD0ZQ8M2", &SHA.replace('7', "8"))))
            .starts_with("tokens[1].id: ")
    );
    let double_field = full().to_string().replacen("\"user\":\"fred\"", "\"user\":\"a\",\"user\":\"b\"", 1);
    let error = Policy::parse(double_field.as_bytes()).expect_err("two users").to_string();
    assert!(error.contains("duplicate field `user`") && error.contains("tokens[0]"), "{error}");
    let double_scope = full().to_string().replacen("\"scopes\":{", "\"scopes\":{\"read_only\":[],", 1);
    let error = Policy::parse(double_scope.as_bytes()).expect_err("two scopes").to_string();
    assert!(error.contains("scopes") && error.contains("duplicate key `read_only`"), "{error}");
}

#[test]
fn what_is_no_json_object_is_refused() {
    for text in ["", "null", "[]", "{", "\u{feff}{}", "{\"version\":1,\"revision\":\"1\",\"tokens\":[]} x"] {
        assert!(Policy::parse(text.as_bytes()).is_err(), "{text:?}");
    }
    assert!(Policy::parse(b"\xff").is_err());
}

#[test]
fn an_expiry_may_be_the_last_second_of_year_9999() {
    let mut last = full();
    last["tokens"][0]["expires_at"] = json!(MAX_EXPIRY);
    assert!(parse(&last).is_ok());
    last["tokens"][0]["expires_at"] = json!(MAX_EXPIRY + 1);
    assert!(parse(&last).is_err());
}

#[test]
fn the_error_is_that_of_the_text_before_that_of_a_token_before_that_of_a_field() {
    let broken = full().to_string().replace("\"fred\"", "7").replace("\"version\":1", "\"version\":2");
    let error = |text: &str| Policy::parse(text.as_bytes()).expect_err(text).to_string();
    assert!(error(&broken).starts_with("tokens[0].user: invalid type: a number, expected a string"));
    let cut = error(&broken[..broken.len() - 1]);
    assert!(cut.starts_with("EOF while parsing an object at line 1 column "), "{cut}");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Policy::parse(&bytes);
    }

    #[test]
    fn no_damage_to_a_good_configuration_makes_it_panic(
        at in 0_usize..1000, byte in any::<u8>(), cut in 0_usize..1000,
    ) {
        let mut bytes = full().to_string().into_bytes();
        let place = at % bytes.len();
        bytes[place] = byte;
        bytes.truncate(bytes.len() - cut % bytes.len());
        let _ = Policy::parse(&bytes);
    }
}

#[test]
fn no_part_of_a_token_in_a_wrong_place_is_shown_wherever_a_long_text_is_cut() {
    let token = "gp_0123456789ABCDEFGHIJKLMNOPQRSTUV0kO87M";
    for dashes in 0..250 {
        let text = format!("{}{token}", "-".repeat(dashes));
        for wrong in [json!({text.clone(): 1}), json!({"version": 1, "settings": {"anonymous": text}})] {
            let error = Policy::parse(wrong.to_string().as_bytes()).expect_err("refused").to_string();
            assert!(!error.contains("gp_0"), "{error}");
        }
    }
}
