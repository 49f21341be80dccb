//! Rows 1 to 3 of the decision table: without a configuration, without protection, without credentials.

use gatepass_second_host::gate::Gate;
use gatepass_second_host::request::{basic, get};
use serde_json::json;

use crate::house::{decides, gate, secret};

#[test]
fn row_1_without_a_valid_configuration_every_path_is_503() {
    let mut gate = Gate::fresh();
    gate.unconfigured_root();
    decides(
        &mut gate,
        &[
            ("protected or not, nobody knows", get("/rest/a").bearer(&secret("plain")), "503 not_ready"),
            ("no path is open", get("/open"), "503 not_ready"),
            ("nor the root", get("/"), "503 not_ready"),
            ("nor a request without a path", get("/").without(":path"), "503 not_ready"),
        ],
    );
}

#[test]
fn row_2_an_unprotected_path_is_forwarded_with_no_identity() {
    let mut gate = gate(json!({}));
    decides(
        &mut gate,
        &[
            ("beside the prefix", get("/open"), "allow.unprotected"),
            ("a prefix ends at a segment", get("/restless"), "allow.unprotected"),
            ("the query is no part of the path", get("/open?next=/rest/a"), "allow.unprotected"),
            ("an encoded unreserved character", get("/%6fpen"), "allow.unprotected"),
            ("the root", get("/"), "allow.unprotected"),
            ("even with a disabled token", get("/open").bearer(&secret("disabled")), "allow.unprotected"),
            ("even if malformed", get("/open").authorization("Bearer a,b"), "allow.unprotected"),
            ("the prefix itself", get("/rest"), "401 credentials_missing"),
            ("with its slash", get("/rest/"), "401 credentials_missing"),
            ("below it", get("/rest/a/b?c=d"), "401 credentials_missing"),
            ("spelled with escapes", get("/%72est/a"), "401 credentials_missing"),
        ],
    );
}

#[test]
fn row_2_an_ambiguous_path_counts_as_protected() {
    let mut gate = gate(json!({}));
    let ambiguous = [
        "",
        "open",
        "*",
        "/open;x/a",
        "/open\\a",
        "//open",
        "/open//a",
        "/open/./a",
        "/open/../a",
        "/open/..",
        "/open/.",
        "/\u{fc}",
        "/open\u{7f}",
        "/open\t",
        "/op%zz",
        "/open%",
        "/open%4",
        "/open%2e",
        "/open%2Fa",
        "/open%5ca",
        "/open%3b",
        "/open%25",
        "/open%00",
        "/open#a",
        "/open%c0%af",
    ];
    for path in ambiguous {
        decides(&mut gate, &[(path, get(path), "401 credentials_missing")]);
    }
    decides(&mut gate, &[("absent", get("/").without(":path"), "401 credentials_missing")]);
}

#[test]
fn row_2_an_authorization_that_holds_a_token_does_not_go_to_an_unprotected_path() {
    let mut gate = gate(json!({"token_headers": ["x-api-key"]}));
    let plain = secret("plain");
    for sent in [
        get("/open").bearer(&plain),
        get("/open").bearer(&secret("never configured")),
        get("/open").basic("fred", &plain),
        get("/open").basic(&plain, "x"),
        get("/open").authorization(format!("Token {plain}")),
        get("/open").authorization(format!("Bearer {plain}, Bearer {plain}")),
        get("/open").header("x-api-key", &plain),
    ] {
        let answer = gate.send(&sent);
        assert_eq!(answer.decision(), Some("allow.unprotected"));
        assert_eq!((answer.header("authorization"), answer.header("x-api-key")), (None, None), "{sent:?}");
    }
    for value in [basic("fred:secret"), "Bearer abc".to_owned(), "Digest a=b".to_owned()] {
        let answer = gate.send(&get("/open").authorization(&value));
        assert_eq!(answer.header("authorization"), Some(value.as_str()), "what holds no token stays");
    }
}

#[test]
fn row_3_no_credentials() {
    let mut gate_that_refuses = gate(json!({"anonymous": "refuse"}));
    decides(&mut gate_that_refuses, &[("refuse", get("/rest/a"), "401 credentials_missing")]);
    let mut gate_that_forwards = gate(json!({"anonymous": "forward", "allowed_ips": ["192.0.2.1"]}));
    decides(
        &mut gate_that_forwards,
        &[
            ("forward, from any address: lists bind credentials", get("/rest/a"), "allow.anonymous"),
            ("an ambiguous path as well", get("/rest;a"), "allow.anonymous"),
        ],
    );
}
