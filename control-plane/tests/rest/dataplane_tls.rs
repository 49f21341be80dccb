//! TLS where proxies report, with and without client certificates.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gatepass_control_plane::connections::Transport;
use gatepass_control_plane::dataplane::USAGE_PATH;
use gatepass_control_plane::dataplane::access::Access;
use gatepass_control_plane::dataplane::tls::TlsFiles;
use gatepass_control_plane::random::SystemRandom;
use gatepass_control_plane::report_key::ReportKey;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::reporter::{Listener, exchange, listen, report};
use crate::support::{Gate, Reply};

/// A certificate authority in a folder of files.
struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let folder = folder.join(name);
        std::fs::create_dir(&folder).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        std::fs::write(folder.join("ca.crt"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes `NAME.crt` and `NAME.key`, valid for `localhost` until `year`.
    fn issue(&self, name: &str, year: i32) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.file(&format!("{name}.crt")), certificate.pem()).unwrap();
        std::fs::write(self.file(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

/// A client that trusts `server`'s authority and presents `own` certificate, if any.
fn connector(server: &Authority, own: Option<(&Authority, &str)>) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(server.file("ca.crt")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let config = match own {
        None => config.with_no_client_auth(),
        Some((authority, name)) => {
            let certificate = CertificateDer::from_pem_file(authority.file(&format!("{name}.crt"))).unwrap();
            let key = PrivateKeyDer::from_pem_file(authority.file(&format!("{name}.key"))).unwrap();
            config.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    TlsConnector::from(Arc::new(config))
}

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
    TlsFiles { certificate: server.file("server.crt"), key: server.file("server.key"), client_ca }
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
    let listener = listen(&gate, Transport::Tls(Arc::new(config)), Access::ClientCertificate).await;
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
    let listener = listen(&gate, Transport::Tls(Arc::new(config)), Access::Key(key.digest())).await;
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
    let tls = Transport::Tls(Arc::new(files(&ours, None).load().unwrap()));
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
