//! Settings by flag, variable and file; TLS of REST; the log's form.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{Place, stop};

fn write(place: &Place, name: &str, text: &str) {
    let path = place.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Where the server says that it listens.
fn address(log: &[String]) -> String {
    let ready: Value = serde_json::from_str(log.last().unwrap()).unwrap();
    ready["fields"]["address"].as_str().unwrap().to_owned()
}

/// Writes `rest.crt` and `rest.key`, for `localhost`.
fn make_pair(place: &Place) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    write(place, "rest.crt", &made.cert.pem());
    write(place, "rest.key", &made.signing_key.serialize_pem());
    CertificateDer::from_pem_file(place.folder.path().join("rest.crt")).unwrap()
}

#[test]
fn a_flag_counts_before_a_variable_and_a_variable_before_the_file() {
    let place = Place::new();
    write(
        &place,
        "gatepass.toml",
        "listen = \"127.0.0.1:0\"\ndata_dir = \"of-file\"\nmodule = \"nosuch.wasm\"\n",
    );
    let start = |arguments: &[&str], variable: Option<&str>| {
        let mut command = place.command(&[&["serve"], arguments].concat());
        command.env_remove("GATEPASS_DATA_DIR").env("GATEPASS_CONFIG", "gatepass.toml");
        if let Some(folder) = variable {
            command.env("GATEPASS_DATA_DIR", folder);
        }
        let (server, _) = Place::started(command);
        stop(server);
    };
    let there = |name: &str| place.folder.path().join(name).join("gatepass.db").exists();
    // The variable GATEPASS_MODULE, which every command here gets, counts before the file's.
    start(&[], None);
    assert!(there("of-file"));
    start(&[], Some("of-variable"));
    assert!(there("of-variable"));
    start(&["--data-dir", "of-flag"], Some("other"));
    assert!(there("of-flag") && !there("other"));

    let mut user = place.command(&["user", "recover", "admin", "--config", "gatepass.toml"]);
    assert!(user.env_remove("GATEPASS_DATA_DIR").output().unwrap().status.success());
    assert!(
        place.folder.path().join("of-file/recovery-token").exists(),
        "commands beside the server find it, too"
    );
}

#[test]
fn a_file_that_is_wrong_ends_the_program_with_key_and_line() {
    let place = Place::new();
    write(&place, "gatepass.toml", "log = \"info\"\nlistn = \"127.0.0.1:0\"\n");
    for command in [&["serve"][..], &["run"], &["user", "recover", "admin"], &["audit", "verify"]] {
        let output = place.command(command).args(["--config", "gatepass.toml"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("gatepass.toml, line 2: listn is not a setting"), "{said}");
        assert_eq!(output.status.code(), Some(2));
    }
    assert!(place.refusal(&["serve", "--config", "nosuch.toml"]).contains("--config"));
    assert!(!place.data().exists());
}

#[test]
fn a_check_says_what_is_wrong_and_makes_nothing() {
    let place = Place::new();
    write(&place, "gatepass.toml", "tls_certificate = \"rest.crt\"\n");
    let check = |arguments: &[&str]| {
        let output = place.command(&[&["serve", "--check"], arguments].concat()).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    assert_eq!(check(&[]), (Some(0), "This can be started.\n".to_owned()));
    write(&place, "url", "postgres://gate:hunter2@127.0.0.1:1/gate\n");
    write(&place, "short", "tiny\n");
    assert_eq!(check(&["--database-url-file", "url"]).0, Some(0), "nothing connects");
    make_pair(&place);
    let pair = ["--config", "gatepass.toml", "--tls-key", "rest.key"];
    assert_eq!(
        check(&[&pair[..], &["--listen", "0.0.0.0:0"]].concat()).0,
        Some(0),
        "one by flag, one by file"
    );
    write(&place, "key", "0123456789abcdef\n");
    let key = ["--metrics-listen", "0.0.0.0:0", "--metrics-key-file", "key"];
    assert_eq!(check(&[&pair[..], &key].concat()).0, Some(0), "by TLS with a key");
    assert_eq!(check(&["--metrics-listen", "127.0.0.1:0"]).0, Some(0));
    std::fs::write(place.folder.path().join("everyones-url"), "postgres://gate@h/gate").unwrap();
    for (arguments, said) in [
        (&["--config", "gatepass.toml"][..], "--tls-key is required"),
        (&["--tls-certificate", "nosuch.crt", "--tls-key", "rest.key"], "--tls-certificate"),
        (&["--listen", "0.0.0.0:0"], "--tls-certificate"),
        (&["--dataplane-listen", "0.0.0.0:0"], "--dataplane-tls-certificate"),
        (&["--metrics-listen", "0.0.0.0:0"], "--metrics-key-file"),
        (&["--metrics-listen", "0.0.0.0:0", "--metrics-key-file", "key"], "--tls-certificate"),
        (&["--metrics-listen", "127.0.0.1:0", "--metrics-key-file", "short"], "--metrics-key-file"),
        (&["--metrics-key-file", "nosuch"], "--metrics-key-file"),
        (&["--module", "nosuch.wasm"], "--module"),
        (&["--audit-key-file", "nosuch.key"], "nosuch.key"),
        (&["--data-dir", "gatepass.wasm"], "--data-dir"),
        (&["--database-url", "mysql://h/d"], "postgres://"),
        (&["--database-url-file", "nosuch"], "no such file"),
        (&["--database-url-file", "everyones-url"], "chmod o-rwx"),
    ] {
        let (code, text) = check(arguments);
        assert!(code == Some(1) && text.contains(said), "{arguments:?}: {code:?} {text}");
    }
    assert!(!place.data().exists());
}

#[tokio::test]
async fn rest_answers_by_tls_where_it_has_a_certificate_and_then_in_clear_no_more() {
    let place = Place::new();
    let certificate = make_pair(&place);
    let pair = ["--tls-certificate", "rest.crt", "--tls-key", "rest.key"];
    let (server, log) =
        Place::started(place.command(&[&["serve", "--listen", "127.0.0.1:0"], &pair[..]].concat()));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let client = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let get = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

    let stream = TcpStream::connect(address(&log)).await.unwrap();
    let mut stream = client.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    stream.write_all(get).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");

    let mut clear = TcpStream::connect(address(&log)).await.unwrap();
    clear.write_all(get).await.unwrap();
    let mut reply = Vec::new();
    // An alert, or the connection's end.
    let _ = clear.read_to_end(&mut reply).await;
    assert!(!reply.starts_with(b"HTTP"), "{reply:?}");
    stop(server);
}

#[test]
fn a_log_in_json_is_json_to_its_last_line() {
    let place = Place::new();
    let failing = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "gatepass.wasm"];
    let output = place.command(&failing).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    for line in said.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{said}"));
        for field in ["timestamp", "level", "target", "fields"] {
            assert!(!line[field].is_null(), "{line}");
        }
    }
    assert!(said.contains("\"ERROR\"") && said.contains("--data-dir"), "{said}");

    let text = place.command(&[&failing[..], &["--log-format", "text"]].concat()).output().unwrap();
    let said = String::from_utf8(text.stderr).unwrap();
    assert!(said.lines().last().unwrap().starts_with("gatepass: "), "{said}");
}
