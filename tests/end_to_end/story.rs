//! The whole story: a token made in the control plane opens the gate, and revoking it closes it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gatepass_tests::client::{Connection, get, tcp};
use gatepass_tests::control_plane::ControlPlane;
use gatepass_tests::envoy::{Changes, Envoy};
use gatepass_tests::plugin::mint;
use gatepass_tests::upstream::Upstream;
use gatepass_tests::{basic, bearer, wait};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};

const MYSELF: &str = "/rest/api/2/myself";

#[test]
fn a_token_made_by_rest_opens_the_gate_and_revoking_it_closes_it() {
    let control = ControlPlane::start();
    let envoy = Envoy::start(&control.data(), Changes::default());
    control.user("fred", "user");
    let token = control.token("fred");
    envoy.wait_for(200, MYSELF, &token.secret);

    for credentials in [bearer(&token.secret), basic("fred", &token.secret)] {
        let reply = get(envoy.http(), MYSELF, &[("Authorization", &credentials)]);
        assert_eq!((reply.status, &reply.json()["name"]), (200, &json!("fred")));
    }
    for (path, name) in [("/rest/api/user/current", "/username"), ("/rest/api/1.0/users", "/values/0/name")] {
        let reply = get(envoy.http(), path, &[("Authorization", &bearer(&token.secret))]).json();
        assert_eq!(reply.pointer(name), Some(&json!("fred")), "{path}");
    }
    assert_eq!(get(envoy.http(), "/open/", &[]).status, 200);

    let nobody = get(envoy.http(), MYSELF, &[]);
    assert_eq!((nobody.status, nobody.code().as_str()), (401, "credentials_missing"));
    let challenges = nobody.header("www-authenticate");
    assert_eq!(challenges.len(), 2, "{challenges:?}");
    assert!(challenges[0].starts_with("Bearer ") && challenges[1].starts_with("Basic "), "{challenges:?}");

    let wrong = get(envoy.http(), MYSELF, &[("Authorization", &bearer(mint().expose()))]);
    assert_eq!((wrong.status, wrong.code().as_str()), (403, "credentials_unknown"));
    let anothers = get(envoy.http(), MYSELF, &[("Authorization", &basic("ann", &token.secret))]);
    assert_eq!((anothers.status, &anothers.body), (403, &wrong.body), "{}", anothers.text());
    println!("wrong token and fred's token under ann: {} {}", anothers.status, anothers.text());

    let start = wait::now();
    control.admins(204, "DELETE", &format!("/tokens/{}", token.id), &Value::Null);
    let replied = start.elapsed();
    let refused = || get(envoy.http(), MYSELF, &[("Authorization", &bearer(&token.secret))]).status == 403;
    let (_, first) = wait::timed("the first 403", Duration::from_secs(5), || refused().then_some(()));
    let (_, all) = wait::timed("50 new connections refused", Duration::from_secs(5), || {
        (0..50).all(|_| refused()).then_some(())
    });
    println!("revoked: DELETE took {replied:?}; first 403 {first:?} after it; then 50 of 50 in {all:?}");
    let reply = get(envoy.http(), MYSELF, &[("Authorization", &bearer(&token.secret))]);
    assert_eq!((reply.status, &reply.body), (403, &wrong.body), "a revoked token is like any unknown one");
}

#[test]
fn revoking_shows_within_a_second_on_50_new_connections_each_time() {
    let control = ControlPlane::start();
    let envoy = Envoy::start(&control.data(), Changes::default());
    control.user("fred", "user");
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        let token = control.token("fred");
        envoy.wait_for(200, MYSELF, &token.secret);
        control.admins(204, "DELETE", &format!("/tokens/{}", token.id), &Value::Null);
        let refused =
            || get(envoy.http(), MYSELF, &[("Authorization", &bearer(&token.secret))]).status == 403;
        let ((), took) = wait::timed("50 new connections refused", Duration::from_secs(5), || {
            (0..50).all(|_| refused()).then_some(())
        });
        slowest = slowest.max(took);
    }
    println!(
        "from the DELETE's reply until 50 of 50 new connections had been refused: at most {slowest:?} of 10"
    );
}

#[test]
fn the_tls_port_is_the_same_gate() {
    let control = ControlPlane::start();
    let envoy = Envoy::start(&control.data(), Changes::default());
    control.user("fred", "user");
    let token = control.token("fred");
    envoy.wait_for(200, MYSELF, &token.secret);
    let ask =
        |headers: &[(&str, &str)]| tls(envoy.https(), &control.data()).request("GET", MYSELF, headers, "");
    let known = ask(&[("Authorization", &basic("fred", &token.secret))]).expect("a reply");
    assert_eq!((known.status, &known.json()["name"]), (200, &json!("fred")));
    assert_eq!(ask(&[]).expect("a reply").status, 401);
    assert_eq!(ask(&[("Authorization", &bearer(mint().expose()))]).expect("a reply").status, 403);
}

/// A connection that believes only the certificate that was made for the data folder.
fn tls(to: SocketAddr, data: &Path) -> Connection {
    let certificate = CertificateDer::from_pem_file(data.join("envoy/tls.crt")).expect("the certificate");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).expect("a usable certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let session = rustls::ClientConnection::new(Arc::new(config), name).expect("a session");
    let mut stream = rustls::StreamOwned::new(session, tcp(to).expect("a connection"));
    stream.flush().expect("a handshake");
    Connection::over(stream)
}

#[test]
fn forged_identities_never_reach_the_upstream() {
    let control = ControlPlane::start();
    let upstream = Upstream::start();
    let changes = Changes { upstream: Some(upstream.address()), ..Changes::default() };
    let envoy = Envoy::start(&control.data(), changes);
    control.user("fred", "user");
    let token = control.token("fred");
    envoy.wait_for(200, MYSELF, &token.secret);
    upstream.forget();
    for (name, expected) in [("x-gatepass-user", 200), ("x-gatepass.user", 200), ("x_gatepass_user", 400)] {
        let reply = get(envoy.http(), MYSELF, &[("Authorization", &bearer(&token.secret)), (name, "admin")]);
        // Envoy itself answers what has an underscore.
        assert_eq!(reply.status, expected, "{name}");
    }
    let seen = upstream.seen();
    assert_eq!(seen.len(), 2);
    for request in seen {
        assert_eq!(request.header("x-gatepass-user"), ["fred"]);
        assert!(request.headers.iter().all(|(_, value)| value != "admin"), "{request:?}");
    }
}
