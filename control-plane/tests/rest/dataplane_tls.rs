//! TLS where proxies report, with and without client certificates.

use std::path::PathBuf;
use std::time::Duration;

use gatepass_control_plane::connections::Transport;
use gatepass_control_plane::dataplane::USAGE_PATH;
use gatepass_control_plane::dataplane::access::Access;
use gatepass_control_plane::random::SystemRandom;
use gatepass_control_plane::report_key::ReportKey;
use gatepass_control_plane::tls::{Flags, Tls, TlsFiles};
use rustls::pki_types::ServerName;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::certificates::{Authority, connector};
use crate::reporter::{Listener, exchange, listen, report};
use crate::support::{Gate, Reply};

async fn post(
    listener: &Listener,
    connector: TlsConnector,
    headers: &[(&str, &str)],
    body: &str,
) -> std::io::Result<Reply> {
    let stream = TcpStream::connect(listener.address).await?;
    let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await?;
    exchange(stream, "POST", USAGE_PATH, headers, body.as_bytes()).await
}

fn files(server: &Authority, client_ca: Option<PathBuf>) -> TlsFiles {
    TlsFiles {
        certificate: server.file("server.crt"),
        key: server.file("server.key"),
        client_ca,
        flags: Flags::DATAPLANE,
    }
}

#[tokio::test]
async fn a_certificate_of_the_authority_takes_the_keys_place_and_no_other_does() {
    let gate = Gate::start().await;
    let ours = Authority::new(gate.folder.path(), "ours");
    let others = Authority::new(gate.folder.path(), "others");
    ours.issue("server", 2999);
    ours.issue("proxy", 2999);
    ours.issue("expired", 2001);
    others.issue("proxy", 2999);
    let config = files(&ours, Some(ours.file("ca.crt"))).load().unwrap();
    let listener = listen(&gate, Transport::Tls(Tls::fixed(config)), Access::ClientCertificate).await;
    let body = report(&gate, 1, 1, json!([])).await.to_string();
    let key = ReportKey::load_or_make(&gate.context.folder, &SystemRandom).unwrap();
    let bearer = format!("Bearer {}", key.expose());
    let with_key = [("authorization", bearer.as_str())];
    for (own, why) in [
        (None, "none"),
        (Some((&others, "proxy")), "another authority's"),
        (Some((&ours, "expired")), "an expired one"),
    ] {
        for headers in [&with_key[..], &[]] {
            let refused = post(&listener, connector(&ours, own), headers, &body).await;
            assert!(refused.is_err(), "{why}: {refused:?}");
        }
    }
    // In clear there is nothing either.
    let clear = TcpStream::connect(listener.address).await.unwrap();
    assert!(exchange(clear, "POST", USAGE_PATH, &with_key, body.as_bytes()).await.is_err());
    assert_eq!(gate.get("/fleet", &gate.admin).await.ok(200)["workers"], 0);

    let known = post(&listener, connector(&ours, Some((&ours, "proxy"))), &[], &body).await.unwrap();
    assert_eq!(known.ok(200), json!({"accepted": 0, "unknown": 0}));
    assert_eq!(gate.get("/fleet", &gate.admin).await.ok(200)["workers"], 1);
}

#[tokio::test]
async fn by_tls_alone_the_key_is_still_needed() {
    let gate = Gate::start().await;
    let ours = Authority::new(gate.folder.path(), "ours");
    ours.issue("server", 2999);
    ours.issue("proxy", 2999);
    let key = ReportKey::load_or_make(&gate.context.folder, &SystemRandom).unwrap();
    let config = files(&ours, None).load().unwrap();
    let listener = listen(&gate, Transport::Tls(Tls::fixed(config)), Access::Key(key.digest())).await;
    let body = report(&gate, 1, 1, json!([])).await.to_string();
    let bearer = format!("Bearer {}", key.expose());
    for own in [None, Some((&ours, "proxy"))] {
        let stranger = post(&listener, connector(&ours, own), &[], &body).await.unwrap();
        stranger.refused(401, "credentials_missing");
    }
    let known = post(&listener, connector(&ours, None), &[("authorization", &bearer)], &body).await.unwrap();
    known.ok(200);
}

/// However the two are put together, a certificate that nobody has verified opens nothing.
#[tokio::test]
async fn where_a_certificate_is_wanted_a_listener_that_asks_for_none_lets_nobody_in() {
    let gate = Gate::start().await;
    let ours = Authority::new(gate.folder.path(), "ours");
    ours.issue("server", 2999);
    ours.issue("proxy", 2999);
    let body = report(&gate, 1, 1, json!([])).await.to_string();
    let clear = listen(&gate, Transport::Clear, Access::ClientCertificate).await;
    let stream = TcpStream::connect(clear.address).await.unwrap();
    let reply = exchange(stream, "POST", USAGE_PATH, &[], body.as_bytes()).await.unwrap();
    reply.refused(401, "certificate_missing");
    let tls = Transport::Tls(Tls::fixed(files(&ours, None).load().unwrap()));
    let tls = listen(&gate, tls, Access::ClientCertificate).await;
    let reply = post(&tls, connector(&ours, Some((&ours, "proxy"))), &[], &body).await.unwrap();
    reply.refused(401, "certificate_missing");
}

#[tokio::test]
async fn files_that_do_not_do_are_named_with_their_flag() {
    let gate = Gate::start().await;
    let ours = Authority::new(gate.folder.path(), "ours");
    let empty = ours.file("empty");
    std::fs::write(&empty, "").unwrap();
    ours.issue("server", 2999);
    ours.issue("other", 2999);
    let good = files(&ours, Some(ours.file("ca.crt")));
    assert!(good.load().is_ok());
    let missing = ours.file("missing");
    for (wrong, flag) in [
        (TlsFiles { certificate: missing.clone(), ..good.clone() }, "--dataplane-tls-certificate"),
        (TlsFiles { certificate: empty.clone(), ..good.clone() }, "--dataplane-tls-certificate"),
        (TlsFiles { key: missing.clone(), ..good.clone() }, "--dataplane-tls-key"),
        (TlsFiles { key: empty.clone(), ..good.clone() }, "--dataplane-tls-key"),
        (TlsFiles { key: ours.file("other.key"), ..good.clone() }, "--dataplane-tls-key"),
        (TlsFiles { client_ca: Some(missing), ..good.clone() }, "--dataplane-client-ca"),
        (TlsFiles { client_ca: Some(empty), ..good.clone() }, "--dataplane-client-ca"),
    ] {
        let said = wrong.load().unwrap_err().to_string();
        assert!(said.contains(flag), "{said}");
    }
}

/// The certificate that a new connection is shown.
async fn shown(listener: &Listener, connector: &TlsConnector) -> (TlsStream<TcpStream>, Vec<u8>) {
    let stream = TcpStream::connect(listener.address).await.unwrap();
    let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    let certificate = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    (stream, certificate)
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_new_connections_and_those_that_are_open_go_on() {
    let gate = Gate::start().await;
    let ours = Authority::new(gate.folder.path(), "ours");
    ours.issue("server", 2999);
    let tls = Tls::of_files(files(&ours, None), Duration::from_millis(1)).unwrap();
    let key = ReportKey::load_or_make(&gate.context.folder, &SystemRandom).unwrap();
    let listener = listen(&gate, Transport::Tls(tls), Access::Key(key.digest())).await;
    let client = connector(&ours, None);
    let (open, first) = shown(&listener, &client).await;

    // What does not fit together replaces nothing. Each is there long enough to be looked at: a later one is taken.
    std::fs::write(ours.file("server.key"), "no key").unwrap();
    assert_eq!(shown(&listener, &client).await.1, first);
    let mut last = first.clone();
    for _ in 0..3 {
        ours.issue("server", 2999);
        let renewed = async {
            loop {
                let now = shown(&listener, &client).await.1;
                if now != last {
                    return now;
                }
            }
        };
        last = tokio::time::timeout(Duration::from_secs(30), renewed).await.unwrap();
    }
    assert_ne!(last, first);

    let body = report(&gate, 1, 1, json!([])).await.to_string();
    let bearer = format!("Bearer {}", key.expose());
    let reply = exchange(open, "POST", USAGE_PATH, &[("authorization", &bearer)], body.as_bytes()).await;
    reply.unwrap().ok(200);
}
