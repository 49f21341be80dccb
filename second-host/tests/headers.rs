//! What goes upstream: identity headers are ours alone, credentials end here.

use gatepass_second_host::request::{Request, basic, get};
use serde_json::{Value, json};

use crate::house::{check, gate, secret};

const FORGED: [&str; 7] = [
    "x-gatepass-user",
    "x-gatepass-token-id",
    "x_gatepass_user",
    "x-gatepass.user",
    "X-Gatepass-User",
    "x-gatepass-anything",
    "x_gatepass~anything",
];

fn forge(request: Request) -> Request {
    FORGED.iter().fold(request, |request, name| request.header(name, "admin"))
}

/// Headers that went upstream though the client had no right to them.
fn left(headers: &[(String, Vec<u8>)]) -> Vec<&str> {
    headers.iter().filter(|(_, value)| value == b"admin").map(|(name, _)| name.as_str()).collect()
}

#[test]
fn forged_identity_headers_are_removed_on_every_path_through_the_filter() {
    let settings =
        json!({"anonymous": "forward", "password_auth": "forward", "foreign_credentials": "forward"});
    let mut gate = gate(settings);
    for (request, expected) in [
        (get("/open"), "allow.unprotected"),
        (get("/rest/a"), "allow.anonymous"),
        (get("/rest/a").basic("fred", "password"), "allow.password"),
        (get("/rest/a").bearer("abc"), "allow.foreign"),
        (get("/rest/a").bearer(&secret("plain")), "allow.token plain"),
        (get("/rest/a").bearer(&secret("disabled")), "403 token_disabled"),
        (get("/rest/a").authorization(""), "400 authorization_malformed"),
    ] {
        let request = forge(request);
        let answer = gate.send(&request);
        check(expected, &request, &answer, expected);
        assert_eq!(left(&answer.headers), [""; 0], "{expected}");
    }
}

#[test]
fn without_a_configuration_forged_identity_headers_are_removed_too() {
    let mut gate = gatepass_second_host::gate::Gate::fresh();
    gate.unconfigured_root();
    let answer = gate.send(&forge(get("/open")));
    assert_eq!(answer.decision(), Some("refuse.not_ready"));
    assert_eq!(left(&answer.headers), [""; 0]);
}

#[test]
fn configured_identity_headers_are_set_and_their_forgeries_removed() {
    let names: Value = json!({"user": "x-remote-user", "token_id": "x-token"});
    let mut gate = gate(json!({"identity_headers": names}));
    let request = get("/rest/a").bearer(&secret("plain"));
    let request =
        ["x-remote-user", "x_remote_user", "X.Remote.User", "x-token", "x_token", "x-gatepass-user"]
            .iter()
            .fold(request, |request, name| request.header(name, "admin"));
    let answer = gate.send(&request.header("x-remote-users", "others"));
    assert_eq!(answer.decision(), Some("allow.token"));
    assert_eq!(left(&answer.headers), [""; 0]);
    assert_eq!((answer.header("x-remote-user"), answer.header("x-token")), (Some("fred"), Some("plain")));
    assert_eq!((answer.header("x-remote-users"), answer.header("x-gatepass-user")), (Some("others"), None));
}

#[test]
fn the_credentials_of_a_token_end_at_the_filter_unless_they_are_to_be_forwarded() {
    let plain = secret("plain");
    let ways = || {
        [
            ("authorization", format!("Bearer {plain}")),
            ("authorization", basic(format!("fred:{plain}"))),
            ("x-api-key", plain.clone()),
        ]
    };
    for forward in [false, true] {
        let settings = json!({"forward_authorization": forward, "token_headers": ["x-api-key"]});
        let mut gate = gate(settings);
        for (name, value) in ways() {
            let request = get("/rest/a").header(name, &value).header("accept", "*/*");
            let answer = gate.send(&request);
            check(name, &request, &answer, "allow.token plain");
            assert_eq!(answer.header(name), forward.then_some(value.as_str()), "{name}");
            assert_eq!(answer.header("accept"), Some("*/*"), "all else stays");
        }
    }
}

#[test]
fn all_that_goes_upstream_is_what_came_and_the_identity() {
    let mut gate = gate(json!({}));
    let request =
        get("/rest/a?b=c").header("accept", "*/*").bearer(&secret("plain")).header("x-trace", b"\xff\x00");
    let mut expected = request.clone().without("authorization").headers;
    expected.push(("x-gatepass-user".into(), b"fred".into()));
    expected.push(("x-gatepass-token-id".into(), b"plain".into()));
    assert_eq!(gate.send(&request).headers, expected);
}

#[test]
fn a_user_name_beyond_ascii_goes_upstream_as_its_utf_8() {
    let mut configuration = crate::house::configuration(json!({}));
    configuration["tokens"] = json!([crate::house::entry("plain", json!({"user": "Jörg Müller"}))]);
    let mut gate = gatepass_second_host::gate::Gate::with(&configuration);
    let answer = gate.send(&get("/rest/a").basic("Jörg Müller", &secret("plain")));
    assert_eq!(answer.header("x-gatepass-user"), Some("Jörg Müller"));
}

#[test]
fn identities_and_credentials_in_trailers_are_removed() {
    let mut gate = gate(json!({"token_headers": ["x-api-key"]}));
    let request = get("/rest/a").bearer(&secret("plain"));
    let request = FORGED.iter().fold(request, |request, name| request.trailer(name, "admin"));
    let request = request
        .trailer("authorization", "Bearer admin")
        .trailer("x-api-key", "admin")
        .trailer("grpc-status", "0");
    let answer = gate.send(&request);
    assert!(answer.forwarded && !answer.reset);
    assert_eq!(answer.trailers, [("grpc-status".to_owned(), b"0".to_vec())]);
}

#[test]
fn bytes_that_are_no_text_do_not_trap_the_filter() {
    let mut gate = gate(json!({}));
    for request in [
        get("/rest/a").authorization(b"\xff\xfe"),
        get("/rest/a").bearer(&secret("plain")).header("x-any", b"\xc3"),
        get("/rest/a").header("connection", b"\xff, authorization").bearer("a"),
        get("/rest/\u{80}").bearer(&secret("plain")),
        get("/rest/a").header("content-type", b"application/grpc\xff"),
    ] {
        assert!(gate.send(&request).decision().is_some(), "{request:?}");
    }
    let (sent, expected) = (get("/rest/a").bearer(&secret("plain")), "allow.token plain");
    let answer = gate.send(&sent);
    check("and it goes on", &sent, &answer, expected);
}
