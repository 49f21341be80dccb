//! Ambiguous paths: what a lenient server could read as a protected path needs credentials.

use gatepass_tests::artefacts;
use gatepass_tests::client::raw;
use gatepass_tests::envoy::Changes;
use gatepass_tests::plugin::{Gate, configuration, entry, mint};

/// Each of them leads to /rest/… on some server.
const AMBIGUOUS: [&str; 14] = [
    "/rest;x/a",
    "/rest;x=1/a",
    "/;/rest/a",
    "/a/..%2frest/a",
    "/a/..%5crest/a",
    "//rest/a",
    "/%72est/a",
    "/open/../rest/a",
    "/open/%2e%2e/rest/a",
    "/open/.%2e/rest/a",
    "/%5crest/a",
    "/open/..;/rest/a",
    "/./rest/a",
    "/%2572est/a",
];

/// Asked raw and without credentials; the upstream must not see any of them, nor anything on their way.
fn nothing_reaches_the_protected_part(changes: Changes) {
    let token = mint();
    let gate = Gate::start(artefacts::module(), changes, &configuration(1, &[entry("t1", &token, "fred")]));
    for path in AMBIGUOUS {
        let reply =
            raw(gate.envoy.http(), format!("GET {path} HTTP/1.1\r\nHost: gate.test\r\n\r\n").as_bytes());
        // 401 from the filter; 400 or a redirect to the resolved path from Envoy's edge settings.
        println!("{path}: {} {}", reply.status, reply.code());
        assert!(matches!(reply.status, 400 | 401 | 307), "{path}: {} {}", reply.status, reply.text());
    }
    let reached: Vec<String> = gate.upstream.seen().into_iter().map(|seen| seen.target).collect();
    assert!(reached.is_empty(), "the upstream saw {reached:?}");

    // The test can fail: the upstream does see what is not protected, and what is, with a token.
    let open = raw(gate.envoy.http(), b"GET /open/a HTTP/1.1\r\nHost: gate.test\r\n\r\n");
    let known = format!(
        "GET /rest/a HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer {}\r\n\r\n",
        token.expose()
    );
    let known = raw(gate.envoy.http(), known.as_bytes());
    assert_eq!((open.status, known.status), (200, 200));
    assert_eq!(gate.upstream.seen().len(), 2);
}

#[test]
fn ambiguous_paths_without_credentials_reach_nothing_protected() {
    nothing_reaches_the_protected_part(Changes::default());
}

#[test]
fn ambiguous_paths_reach_nothing_protected_even_without_envoys_normalisation() {
    nothing_reaches_the_protected_part(Changes { paths_untouched: true, ..Changes::default() });
}

#[test]
fn a_protected_prefix_ends_at_a_segment() {
    let gate = Gate::shipped(&configuration(1, &[]));
    for (path, status) in
        [("/rest", 401), ("/rest/", 401), ("/rest/a?b=c", 401), ("/restless", 200), ("/res", 200)]
    {
        let reply =
            raw(gate.envoy.http(), format!("GET {path} HTTP/1.1\r\nHost: gate.test\r\n\r\n").as_bytes());
        assert_eq!(reply.status, status, "{path}");
    }
}
