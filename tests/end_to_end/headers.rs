//! Odd Authorization headers and forged identities.

use gatepass_tests::client::{Connection, get, raw};
use gatepass_tests::envoy::Changes;
use gatepass_tests::plugin::{Gate, configuration, entry, mint};
use gatepass_tests::{artefacts, basic, bearer};

/// Envoy closes the connection after a 400 of any filter, so what follows is asked on enough new ones to meet every
/// worker: a trap would show as a 500 or as a skipped filter there.
#[test]
fn malformed_credentials_get_400_and_every_worker_goes_on() {
    let token = mint();
    let good = token.expose();
    let gate = Gate::shipped(&configuration(1, &[entry("t1", &token, "fred")]));
    let long = "x".repeat(16 * 1024);
    let fred = basic("fred", good);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "two headers",
            format!("Authorization: Bearer {good}\r\nAuthorization: {fred}\r\n").into(),
            "authorization_malformed",
        ),
        (
            "the same header twice",
            format!("Authorization: {fred}\r\nauthorization: {fred}\r\n").into(),
            "authorization_malformed",
        ),
        (
            "non-UTF-8",
            [b"Authorization: Bearer \xff\xfe".as_slice(), good.as_bytes(), b"\r\n"].concat(),
            "authorization_malformed",
        ),
        (
            "comma-joined",
            format!("Authorization: Bearer {good}, {fred}\r\n").into(),
            "authorization_malformed",
        ),
        ("further words", format!("Authorization: Bearer {good} more\r\n").into(), "authorization_malformed"),
        ("tab", format!("Authorization: Bearer\t{good}\r\n").into(), "authorization_malformed"),
        ("scheme only", b"Authorization: Bearer\r\n".to_vec(), "authorization_malformed"),
        ("bad base64", b"Authorization: Basic !!!!\r\n".to_vec(), "authorization_malformed"),
        ("no colon", b"Authorization: Basic ZnJlZA==\r\n".to_vec(), "authorization_malformed"),
        (
            "empty secret",
            format!("Authorization: {}\r\n", basic("fred", "")).into(),
            "authorization_malformed",
        ),
        ("empty value", b"Authorization:\r\n".to_vec(), "authorization_malformed"),
        ("16 KiB", format!("Authorization: Bearer {long}\r\n").into(), "authorization_malformed"),
    ];
    for (name, header, code) in cases {
        for _ in 0..8 {
            let request =
                [b"GET /rest/a HTTP/1.1\r\nHost: gate.test\r\n".as_slice(), &header, b"\r\n"].concat();
            let reply = raw(gate.envoy.http(), &request);
            assert_eq!((reply.status, reply.code().as_str()), (400, code), "{name}: {}", reply.text());
            assert_eq!(reply.header("content-type"), ["application/problem+json"], "{name}");
            let next = get(gate.envoy.http(), "/rest/a", &[("Authorization", &bearer(good))]);
            assert_eq!(next.status, 200, "after {name}");
        }
        println!("{name}: 400 {code}");
    }
    let reached = gate.upstream.seen();
    assert!(reached.iter().all(|seen| seen.header("x-gatepass-user") == ["fred"]), "{reached:?}");
    no_trap(&gate);
}

/// Envoy takes the named header out itself before any filter sees it; with another proxy the filter would answer 400.
/// Either way it is no way in, and no way to have an identity taken out behind the filter.
#[test]
fn a_connection_header_that_names_credentials_or_identity_opens_nothing() {
    let token = mint();
    let gate = Gate::shipped(&configuration(1, &[entry("t1", &token, "fred")]));
    let credentials = bearer(token.expose());
    for named in ["authorization", "keep-alive, Authorization"] {
        let reply =
            get(gate.envoy.http(), "/rest/a", &[("Authorization", &credentials), ("Connection", named)]);
        println!("Connection: {named}: {} {}", reply.status, reply.code());
        assert!(matches!(reply.status, 400 | 401), "{named}: {}", reply.status);
    }
    assert!(gate.upstream.seen().is_empty());
    for named in ["x-gatepass-user", "x-gatepass-token-id"] {
        let reply =
            get(gate.envoy.http(), "/rest/a", &[("Authorization", &credentials), ("Connection", named)]);
        println!("Connection: {named}: {} {}", reply.status, reply.code());
        let told = gate.upstream.seen().pop();
        assert!(told.is_none_or(|seen| seen.header("x-gatepass-user") == ["fred"]), "{named}");
    }
}

/// A folded line is spaces to Envoy, or an error: either way it is no way in.
#[test]
fn a_folded_authorization_is_refused_and_the_worker_goes_on() {
    let token = mint();
    let good = token.expose();
    let gate = Gate::shipped(&configuration(1, &[entry("t1", &token, "fred")]));
    for (name, header) in [
        ("folded between words", format!("Authorization: Bearer {good}\r\n more\r\n")),
        ("folded in the token", format!("Authorization: Bearer {}\r\n {}\r\n", &good[..20], &good[20..])),
    ] {
        let mut connection = Connection::open(gate.envoy.http()).expect("a connection");
        connection
            .send(format!("GET /rest/a HTTP/1.1\r\nHost: gate.test\r\n{header}\r\n").as_bytes())
            .expect("sent");
        let reply = connection.read().unwrap_or_else(|error| panic!("{name}: {error}"));
        println!("{name}: {} {}", reply.status, reply.code());
        assert_eq!((reply.status, reply.code().as_str()), (400, "authorization_malformed"), "{name}");
    }
    assert!(gate.upstream.seen().is_empty());
    for _ in 0..8 {
        assert_eq!(get(gate.envoy.http(), "/rest/a", &[("Authorization", &bearer(good))]).status, 200);
    }
    no_trap(&gate);
}

#[test]
fn bytes_that_are_no_text_in_any_header_or_path_do_not_trap_the_filter() {
    let token = mint();
    let gate = Gate::shipped(&configuration(1, &[entry("t1", &token, "fred")]));
    let requests: [&[u8]; 3] = [
        b"GET /rest/a HTTP/1.1\r\nHost: gate.test\r\nX-Other: \xff\xfe\x80\r\n\r\n",
        b"GET /rest/\xff\xfe HTTP/1.1\r\nHost: gate.test\r\n\r\n",
        b"GET /rest/a HTTP/1.1\r\nHost: gate.test\r\nUser-Agent: \xc3\x28\r\nX-Gatepass-User: \xff\r\n\r\n",
    ];
    for request in requests {
        let mut connection = Connection::open(gate.envoy.http()).expect("a connection");
        connection.send(request).expect("sent");
        let reply = connection.read().expect("a reply");
        println!("{}: {}", String::from_utf8_lossy(request).lines().next().unwrap_or_default(), reply.status);
        assert!(matches!(reply.status, 400 | 401), "{} {}", reply.status, reply.text());
        let known = get(gate.envoy.http(), "/rest/a", &[("Authorization", &bearer(token.expose()))]);
        assert_eq!(known.status, 200);
    }
    no_trap(&gate);
}

/// Sent with a token, without one on an open path, and with a token under another header's guise: whichever way a
/// request takes through the filter, the upstream hears only what the filter says.
#[test]
fn forged_identity_headers_never_reach_the_upstream() {
    let token = mint();
    let changes = Changes { underscores_admitted: true, ..Changes::default() };
    let gate = Gate::start(artefacts::module(), changes, &configuration(1, &[entry("t1", &token, "fred")]));
    let credentials = bearer(token.expose());
    let forged = [
        "x-gatepass-user",
        "X-Gatepass-User",
        "x_gatepass_user",
        "x-gatepass.user",
        "x-gatepass_user",
        "X_GATEPASS_TOKEN_ID",
        "x-gatepass-token-id",
        "x-gatepass-anything",
    ];
    for name in forged {
        let known = get(gate.envoy.http(), "/rest/a", &[("Authorization", &credentials), (name, "admin")]);
        let open = get(gate.envoy.http(), "/open/a", &[(name, "admin")]);
        assert_eq!((known.status, open.status), (200, 200), "{name}");
    }
    let seen = gate.upstream.seen();
    assert_eq!(seen.len(), 2 * forged.len());
    for request in seen {
        let identity: Vec<&(String, String)> = request
            .headers
            .iter()
            .filter(|(name, _)| name.replace(['_', '.'], "-").starts_with("x-gatepass"))
            .collect();
        let told: Vec<(&str, &str)> = identity.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        if request.target == "/open/a" {
            assert_eq!(told, [], "an open path has no identity");
        } else {
            let mut told = told;
            told.sort_unstable();
            assert_eq!(told, [("x-gatepass-token-id", "t1"), ("x-gatepass-user", "fred")]);
        }
        assert!(request.header("authorization").is_empty(), "the token stays at the gate");
    }
}

#[test]
fn callers_that_speak_grpc_get_the_matching_grpc_status() {
    let token = mint();
    let gate = Gate::shipped(&configuration(1, &[entry("t1", &token, "fred")]));
    for (authorization, status, message) in [
        (None, "16", "An API token is required. (credentials_missing)"),
        (Some("Bearer a b".to_owned()), "3", "The credentials are malformed. (authorization_malformed)"),
        (Some(bearer(mint().expose())), "7", "The credentials are not known. (credentials_unknown)"),
    ] {
        let mut headers = vec![("Content-Type", "application/grpc"), ("TE", "trailers")];
        headers.extend(authorization.as_deref().map(|value| ("Authorization", value)));
        let mut connection = Connection::open(gate.envoy.http()).expect("a connection");
        let reply = connection.request("POST", "/rest/Service/Call", &headers, "").expect("a reply");
        assert_eq!((reply.status, reply.header("grpc-status")), (200, vec![status]), "{reply:?}");
        assert_eq!(reply.header("grpc-message"), [message]);
    }
    assert!(gate.upstream.seen().is_empty(), "{:?}", gate.upstream.seen());
}

#[test]
fn a_token_never_goes_upstream_on_an_open_path() {
    let (known, unknown) = (mint(), mint());
    let gate = Gate::shipped(&configuration(1, &[entry("t1", &known, "fred")]));
    for token in [&known, &unknown] {
        for value in
            [bearer(token.expose()), basic("anyone", token.expose()), format!("Odd {}", token.expose())]
        {
            assert_eq!(get(gate.envoy.http(), "/open/a", &[("Authorization", &value)]).status, 200);
        }
    }
    for seen in gate.upstream.seen() {
        assert!(seen.header("authorization").is_empty(), "{seen:?}");
    }
}

/// Envoy says so when a VM traps or a filter is skipped.
fn no_trap(gate: &Gate) {
    let log = gate.envoy.log();
    for sign in ["wasm trap", "Function: proxy_on", "Proxy-Wasm plugin in-VM backtrace", "panicked"] {
        assert!(!log.contains(sign), "{sign} in Envoy's log:\n{log}");
    }
}
