//! Rows 1 to 9, and what goes before them.

use super::*;

fn plain() -> Policy {
    policy(json!({}), json!({}))
}

#[test]
fn row_1_without_a_configuration_every_path_is_refused() {
    for target in ["/rest/a", "/open", "/"] {
        let headers = request(target, &[("authorization", &bearer(&freds()))]);
        let decided = decide(None, Request::new(&headers), &Host::at("10.0.0.1"));
        assert_eq!(decided.verdict.decision(), "refuse.not_ready", "{target}");
    }
}

#[test]
fn row_2_an_unprotected_path_is_forwarded_without_identity() {
    let policy = plain();
    for value in ["", "Bearer x", "Basic Zm9vOmJhcg==", "a,b\u{fc}"] {
        let headers = request("/open", &[("authorization", value)]);
        let decided = decide(Some(&policy), Request::new(&headers), &Host::at(""));
        assert_eq!(
            decided,
            Decision { remove: vec![], verdict: Verdict::Allow(Allow::Unprotected) },
            "{value}"
        );
    }
}

#[test]
fn row_2_a_header_that_holds_a_token_is_removed() {
    let policy = policy(json!({"token_headers": ["x-api-key"]}), json!({}));
    let held = [
        bearer(&freds()),
        basic("fred", &freds()),
        unknown(),
        format!("Basic x, {}", basic("a", &unknown())),
    ];
    for value in held {
        for name in ["authorization", "x-api-key", "X_Api_Key"] {
            let headers = request("/open", &[(name, &value), ("x-other", &value)]);
            let decided = decide(Some(&policy), Request::new(&headers), &Host::at(""));
            assert_eq!(decided.remove, [name], "{value}");
            assert_eq!(decided.verdict, Verdict::Allow(Allow::Unprotected));
        }
    }
}

#[test]
fn forged_identity_headers_are_removed_on_every_path_and_in_every_mode() {
    let custom = json!({"identity_headers": {"user": "remote-user", "token_id": "x-token-id"}, "anonymous": "forward"});
    let names = [
        "x-gatepass-user",
        "x_gatepass_user",
        "x-gatepass.user",
        "x-gatepass-anything",
        "remote_user",
        "x.token.id",
    ];
    let forged: Vec<_> = names.iter().map(|name| (*name, "admin")).collect();
    for target in ["/rest/a", "/open", "/rest;x"] {
        let policy = policy(custom.clone(), json!({}));
        let headers = request(target, &forged);
        assert_eq!(decide(Some(&policy), Request::new(&headers), &Host::at("")).remove, names, "{target}");
    }
    let headers = request("/rest/a", &[("authorization", &bearer(&freds())), ("x-gatepass-user", "admin")]);
    let allowed = plain();
    let decided = decide(Some(&allowed), Request::new(&headers), &Host::at(""));
    assert_eq!(decided.remove, ["x-gatepass-user", "authorization"]);
    let unready = decide(None, Request::new(&headers), &Host::at(""));
    assert_eq!(unready.remove, ["x-gatepass-user"]);
}

#[test]
fn trailers_carry_neither_identity_nor_credentials() {
    let policy = policy(json!({"token_headers": ["x-api-key"]}), json!({}));
    let sent = ["x-gatepass-user", "x_gatepass.anything", "authorization", "X-Api-Key", "grpc-status"];
    let trailers: Vec<Header> = sent.iter().map(|name| (*name, b"x".as_slice())).collect();
    assert_eq!(forged_trailers(Some(&policy), Request::new(&trailers)), sent[..4]);
    assert_eq!(forged_trailers(None, Request::new(&trailers)), sent[..2]);
}

#[test]
fn row_3_no_credentials() {
    assert_eq!(decision(&plain(), &[]), "refuse.credentials_missing");
    assert_eq!(decision(&policy(json!({"anonymous": "forward"}), json!({})), &[]), "allow.anonymous");
}

#[test]
fn row_4_malformed_credentials_in_every_mode() {
    let lenient = json!({"anonymous": "forward", "password_auth": "forward", "foreign_credentials": "forward",
                         "token_headers": ["x-api-key"]});
    let policy = policy(lenient, json!({}));
    let long = bearer(&"a".repeat(16 * 1024));
    let twice = format!("{0},{0}", bearer(&freds()));
    for value in
        ["", "Bearer", "Bearer a b", "Bearer a,b", "Bearer \u{fc}", "Basic !", "Basic Zm9v", &long, &twice]
    {
        assert_eq!(authorized(&policy, value), "refuse.authorization_malformed", "{value}");
    }
    assert_eq!(authorized(&policy, &basic("fred", "")), "refuse.authorization_malformed");
    let good = bearer(&freds());
    let freds = freds();
    for headers in [
        [("authorization", good.as_str()), ("authorization", good.as_str())],
        [("authorization", good.as_str()), ("x-api-key", freds.as_str())],
        [("authorization", good.as_str()), ("x-api-key", "")],
        [("x-api-key", freds.as_str()), ("x_api_key", freds.as_str())],
        [("x-api-key", ""), ("x-other", "")],
        [("authorization", good.as_str()), ("connection", "close, Authorization")],
        [("authorization", good.as_str()), ("connection", "x_gatepass_user")],
        [("authorization", good.as_str()), ("connection", "X-Gatepass-Token-Id")],
        [("x-api-key", freds.as_str()), ("connection", "x-api-key")],
    ] {
        assert_eq!(decision(&policy, &headers), "refuse.authorization_malformed", "{headers:?}");
    }
    assert_eq!(decision(&policy, &[("authorization", &good), ("connection", "keep-alive")]), "allow.token");
}

#[test]
fn row_5_the_global_list_binds_every_kind_of_credentials() {
    let forward = json!({"allowed_ips": ["10.0.0.0/8"], "anonymous": "forward", "password_auth": "forward",
                         "foreign_credentials": "forward"});
    let policy = policy(forward, json!({}));
    let values = [
        bearer(&freds()),
        basic("fred", &freds()),
        basic("fred", "password"),
        bearer("jwt"),
        bearer(&unknown()),
    ];
    for value in &values {
        let headers = request("/rest/a", &[("authorization", value)]);
        for outside in ["11.0.0.0:1", "[2001:db8::1]:1", "unreadable"] {
            let decided = decide(Some(&policy), Request::new(&headers), &Host::at(outside));
            assert_eq!(decided.verdict.decision(), "refuse.ip_not_allowed", "{value} from {outside}");
        }
        let inside = decide(Some(&policy), Request::new(&headers), &Host::at("[::ffff:10.255.255.255]:1"));
        assert_ne!(inside.verdict.decision(), "refuse.ip_not_allowed", "{value}");
    }
    let nobody = request("/rest/a", &[]);
    let decided = decide(Some(&policy), Request::new(&nobody), &Host::at("11.0.0.0"));
    assert_eq!(decided.verdict.decision(), "allow.anonymous", "no credentials, no list");
}

#[test]
fn row_6_a_token_as_bearer_basic_or_token_header_is_its_owner() {
    let policy = policy(json!({"token_headers": ["x-api-key", "private-token"]}), json!({}));
    let freds = freds();
    for (name, value) in [
        ("authorization", bearer(&freds)),
        ("authorization", format!("bEARER   {freds}")),
        ("authorization", basic("fred", &freds)),
        ("x-api-key", freds.clone()),
        ("private-token", format!(" {freds} ")),
    ] {
        let headers = request("/rest/a", &[(name, &value)]);
        let decided = decide(Some(&policy), Request::new(&headers), &Host::at("unreadable"));
        assert_eq!(decided.remove, [name]);
        let identity = Identity {
            user: "fred",
            token_id: "t1",
            user_header: "x-gatepass-user",
            token_id_header: "x-gatepass-token-id",
        };
        assert_eq!(decided.verdict, Verdict::Allow(Allow::Token(identity)), "{name}: {value}");
    }
}

#[test]
fn row_6_forward_authorization_leaves_the_credentials() {
    let policy = policy(json!({"forward_authorization": true}), json!({}));
    let headers = request("/rest/a", &[("authorization", &bearer(&freds()))]);
    assert_eq!(decide(Some(&policy), Request::new(&headers), &Host::at("")).remove, Vec::<&str>::new());
}

#[test]
fn row_7_a_token_that_does_not_match_is_unknown_and_never_goes_upstream() {
    let forward =
        json!({"password_auth": "forward", "foreign_credentials": "forward", "token_headers": ["x-api-key"]});
    let policy = policy(forward, json!({}));
    let freds = freds();
    for value in [
        bearer(&unknown()),
        basic("fred", &unknown()),
        basic("bob", &freds),
        basic("Fred", &freds),
        basic("", &freds),
        basic("fred ", &freds),
        basic(&freds, "x"),
        basic("fred", &format!("{freds}:x")),
        basic("fred", &format!("{freds}0")),
        basic("fred", &format!(" {freds}")),
        bearer(&format!("{freds}0")),
        bearer(&format!("{freds}=")),
        format!("Token {freds}"),
        format!("Digest x, {}", basic("fred", &freds)),
        freds.clone(),
        bearer(&STANDARD.encode(format!("fred:{freds}"))),
    ] {
        assert_eq!(authorized(&policy, &value), "refuse.credentials_unknown", "{value}");
    }
    assert_eq!(decision(&policy, &[("x-api-key", "no token")]), "refuse.credentials_unknown");
    assert_eq!(decision(&policy, &[("x-api-key", &bearer(&freds))]), "refuse.credentials_unknown");
}

#[test]
fn rows_8_and_9_what_is_no_token_goes_by_its_mode() {
    let one_char_off = format!("{}x", &freds()[..40]);
    for (value, password, foreign) in [
        (basic("fred", "secret"), true, false),
        (basic("fred", &one_char_off), true, false),
        (bearer("eyJhbGciOiJub25lIn0.e30."), false, true),
        (bearer(&one_char_off), false, true),
        ("Digest username=\"fred\", realm=\"x\"".to_owned(), false, true),
        ("Negotiate YII=".to_owned(), false, true),
    ] {
        let refused = if password { "refuse.password_refused" } else { "refuse.scheme_refused" };
        assert_eq!(authorized(&plain(), &value), refused, "{value}");
        for (setting, applies, allowed) in
            [("password_auth", password, "allow.password"), ("foreign_credentials", foreign, "allow.foreign")]
        {
            let forwarding = policy(json!({setting: "forward"}), json!({}));
            let headers = request("/rest/a", &[("authorization", &value)]);
            let decided = decide(Some(&forwarding), Request::new(&headers), &Host::at(""));
            assert_eq!(decided.verdict.decision(), if applies { allowed } else { refused }, "{value}");
            assert_eq!(decided.remove, Vec::<&str>::new(), "forwarded untouched");
        }
    }
}

#[test]
fn ambiguous_paths_are_protected() {
    for target in
        ["/rest;x/a", "/a/..%2frest/a", "//rest/a", "/%72est/a", "/open/../rest/a", "*", "", "/open;/rest"]
    {
        let headers = request(target, &[]);
        let decided = decide(Some(&plain()), Request::new(&headers), &Host::at("")).verdict.decision();
        assert_eq!(decided, "refuse.credentials_missing", "{target}");
    }
    let connect = [(":method", b"CONNECT".as_slice())];
    let decided = decide(Some(&plain()), Request::new(&connect), &Host::at("")).verdict.decision();
    assert_eq!(decided, "refuse.credentials_missing");
}

#[test]
fn the_host_is_asked_only_what_a_rule_needs() {
    let asked = |policy: &Policy, value: &str| {
        let host = Host::at("10.0.0.1");
        decide(Some(policy), Request::new(&request("/rest/a", &[("authorization", value)])), &host);
        host.asked.get()
    };
    assert_eq!(asked(&plain(), &bearer(&freds())), 0);
    assert_eq!(asked(&policy(json!({}), json!({"expires_at": NOW + 1})), &bearer(&freds())), 1);
    let list = json!({"allowed_ips": ["10.0.0.0/8"]});
    assert_eq!(asked(&policy(list.clone(), json!({})), &bearer(&freds())), 1);
    assert_eq!(asked(&policy(list.clone(), list), &bearer(&freds())), 1, "both lists, one question");
    assert_eq!(asked(&policy(json!({}), json!({"expires_at": NOW + 1})), &bearer(&unknown())), 0);
}

proptest! {
    #[test]
    fn no_headers_make_it_panic_and_nothing_but_a_whole_token_is_admitted(
        target in proptest::collection::vec(any::<u8>(), 0..60),
        before in proptest::collection::vec(any::<u8>(), 0..12),
        after in proptest::collection::vec(any::<u8>(), 0..12),
        name in "(authorization|x-api-key|connection|x-gatepass-user|content-type)",
        with_token in any::<bool>(),
        forward in any::<bool>(),
    ) {
        let mode = if forward { "forward" } else { "refuse" };
        let policy = policy(json!({"password_auth": mode, "foreign_credentials": mode,
                                   "token_headers": ["x-api-key"], "protected_paths": ["/"]}), json!({}));
        let inner = if with_token { freds().into_bytes() } else { Vec::new() };
        let value = [before, inner.clone(), after].concat();
        let headers = [(":method", b"GET".as_slice()), (":path", &target), (&name, &value)];
        let decided = decide(Some(&policy), Request::new(&headers), &Host::at("10.0.0.1")).verdict;
        let whole = name == "x-api-key" && with_token && crate::authorization::trim(&value) == inner;
        prop_assert_eq!(matches!(decided, Verdict::Allow(Allow::Token(_))), whole);
        if !forward && !whole {
            prop_assert!(decided.decision().starts_with("refuse."));
        }
    }

    #[test]
    fn what_holds_a_token_is_never_forwarded(before in "[ -~]{0,12}", after in "[ -~]{0,12}", encode in any::<bool>()) {
        let forward = json!({"password_auth": "forward", "foreign_credentials": "forward"});
        let inner = format!("{before}{}{after}", unknown());
        let value = if encode { format!("Basic {}", STANDARD.encode(inner)) } else { inner };
        let decided = authorized(&policy(forward, json!({})), &value);
        prop_assert!(decided.starts_with("refuse."), "{} for {}", decided, value);
    }
}
