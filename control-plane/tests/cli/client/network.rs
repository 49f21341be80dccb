//! What stands between the program and a server, and what never does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::fake::{Fake, json, reply};
use super::site::{Site, Told, address, bare};
use crate::support::{Place, Running};

const WHO: &str = r#"{"user": "fred", "role": "user", "ip": null, "token": null}"#;

/// Runs `gatepass whoami` with `token` against `url`.
fn whoami(place: &Place, url: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Told {
    let mut command = bare(place, &[&["whoami", "--server", url], arguments].concat());
    command.env("GATEPASS_TOKEN", "gp_canary").envs(environment.iter().copied());
    Told::by(command.output().unwrap())
}

/// Writes `ca.crt`, and `server.crt` and `server.key` for `names`, into a new folder.
fn certificates(folder: &Path, names: &[&str]) {
    std::fs::create_dir(folder).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new([]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(folder.join("ca.crt"), ca.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(ca, key);
    let key = KeyPair::generate().unwrap();
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    std::fs::write(folder.join("server.crt"), certificate.pem()).unwrap();
    std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
}

/// A server with TLS, and its port.
fn tls_server(place: &Place) -> (Running, String) {
    certificates(&place.folder.path().join("pki"), &["localhost", "gatepass.test"]);
    let mut serve = place.command(&["serve", "--listen", "127.0.0.1:0", "--public-host", "gatepass.test"]);
    serve.args(["--tls-certificate", "pki/server.crt", "--tls-key", "pki/server.key"]);
    let (server, log) = Place::started(serve);
    let port = address(&log).rsplit_once(':').unwrap().1.to_owned();
    (server, port)
}

#[test]
fn tls_is_believed_by_the_authorities_that_are_named_alone() {
    let place = Place::new();
    let (_server, port) = tls_server(&place);
    certificates(&place.folder.path().join("other"), &["localhost"]);
    let url = format!("https://localhost:{port}");
    let known = whoami(&place, &url, &["--ca-file", "pki/ca.crt"], &[]).bad(3);
    assert!(known.contains("401 credentials_unknown"), "it has been asked: {known}");
    for (url, ca) in [(&url, "other/ca.crt"), (&format!("https://127.0.0.1:{port}"), "pki/ca.crt")] {
        let error = whoami(&place, url, &["--ca-file", ca], &[]).bad(6);
        assert!(error.contains("certificate") && !error.contains("gp_canary"), "{error}");
    }
    whoami(&place, &url, &[], &[]).bad(6);
    let error = whoami(&place, &url, &["--ca-file", "pki/server.key"], &[]).bad(2);
    assert!(error.contains("--ca-file"), "{error}");
    whoami(&place, &url, &["--ca-file", "missing"], &[]).bad(2);

    let token = std::fs::read_to_string(place.data().join("initial-admin-token")).unwrap();
    let mut login = bare(&place, &["login", &url, "--ca-file", "pki/ca.crt"]);
    let told = Told::by(login.env("GATEPASS_TOKEN", token.trim()).output().unwrap());
    told.good();
    let mut elsewhere = bare(&place, &["whoami"]);
    let folder = place.folder.path().join("pki");
    let told = Told::by(elsewhere.current_dir(folder).output().unwrap());
    assert!(told.good().contains(&url), "the context knows the authority, wherever it is used");
}

#[test]
fn a_token_is_sent_in_clear_on_this_machine_alone() {
    let place = Place::new();
    for clear in ["http://gatepass.test", "http://192.0.2.1:8080", "http://localhost.test:1"] {
        let error = whoami(&place, clear, &[], &[]).bad(2);
        assert!(error.contains("https") && error.contains("in clear"), "{error}");
    }
    let fake = Fake::answering(vec![json(WHO)]);
    let by_name = fake.url.replace("127.0.0.1", "localhost");
    assert!(whoami(&place, &by_name, &[], &[("http_proxy", "http://127.0.0.1:1")]).good().contains("fred"));
    assert!(fake.requests()[0].contains("authorization: Bearer gp_canary\r\n"), "{:?}", fake.requests());
}

#[test]
fn a_token_follows_no_redirect() {
    let place = Place::new();
    let other = Fake::answering(vec![json(WHO)]);
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let to = format!("location: {}/api/v1/whoami\r\n", other.url);
        let fake = Fake::answering(vec![reply(status, &to, "")]);
        let error = whoami(&place, &fake.url, &[], &[]).bad(1);
        assert!(error.contains(&other.url) && error.contains("--server"), "{error}");
    }
    assert!(other.requests().is_empty());
}

#[test]
fn a_server_that_is_not_there_or_is_none_is_told_apart() {
    let place = Place::new();
    let error = whoami(&place, "http://127.0.0.1:1", &[], &[]).bad(6);
    assert!(error.contains("cannot reach") && !error.contains("gp_canary"), "{error}");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    assert!(whoami(&place, &silent, &["--timeout", "1"], &[]).bad(6).contains("1 s"));
    let mut revoke = bare(&place, &["token", "disable", "x", "--timeout", "1", "--server", &silent]);
    let error = Told::by(revoke.env("GATEPASS_TOKEN", "gp_canary").output().unwrap()).bad(6);
    assert!(error.contains("look before you repeat"), "{error}");
    let cut = Fake::answering(vec!["HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{".to_owned()]);
    let mut create = bare(&place, &["token", "create", "x", "--server", &cut.url]);
    let error = Told::by(create.env("GATEPASS_TOKEN", "gp_canary").output().unwrap()).bad(6);
    assert!(error.contains("broke off") && error.contains("look before you repeat"), "{error}");
    for (answer, code, word) in [
        (reply("200 OK", "", "<html>"), 1, "no answer of a Gatepass server"),
        (reply("502 Bad Gateway", "", "<html>"), 6, "Bad Gateway"),
        (reply("404 Not Found", "", ""), 1, "no Gatepass server"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned(), 6, "broke off"),
        ("SSH-2.0-x\r\n".to_owned(), 6, "cannot reach"),
    ] {
        let fake = Fake::answering(vec![answer]);
        let error = whoami(&place, &fake.url, &[], &[]).bad(code);
        assert!(error.contains(word), "{word}: {error}");
    }
    let site = Site::new();
    let error = whoami(&place, &format!("{}/elsewhere", site.url), &[], &[]).bad(1);
    assert!(error.contains("404 no_such_route"), "not the exit code of a thing that is not there: {error}");
}

#[test]
fn a_server_that_asks_to_wait_is_asked_once_more() {
    let place = Place::new();
    let wait = |seconds: &str| {
        let body =
            r#"{"title": "Too Many Requests", "status": 429, "code": "rate_limited", "detail": "too fast"}"#;
        reply("429 Too Many Requests", &format!("retry-after: {seconds}\r\n"), body)
    };
    let fake = Fake::answering(vec![wait("1"), json(WHO)]);
    let told = whoami(&place, &fake.url, &[], &[]);
    assert!(told.err.contains("wait 1 s") && told.good().contains("fred"));
    for (seconds, requests) in [("1", 2), ("3600", 1), ("soon", 1)] {
        let fake = Fake::answering(vec![wait(seconds)]);
        let error = whoami(&place, &fake.url, &[], &[]).bad(6);
        assert!(error.contains(&format!("429 rate_limited, again after {seconds} s")), "{error}");
        assert_eq!(fake.requests().len(), requests);
    }
}

/// A proxy that takes one tunnel to `port` of this machine, and tells what it was asked for.
fn proxy(port: &str) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://fred:secret@{}", listener.local_addr().unwrap());
    let (tell, asked) = mpsc::channel();
    let server = format!("127.0.0.1:{port}");
    std::thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(client.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
        tell.send(head).unwrap();
        (&client).write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let server = TcpStream::connect(server).unwrap();
        let (mut up, mut back) = (server.try_clone().unwrap(), client);
        let mut answers = server;
        std::thread::spawn(move || std::io::copy(&mut answers, &mut back));
        let _ = std::io::copy(&mut reader, &mut up);
    });
    (url, asked)
}

#[test]
fn a_proxy_of_the_environment_sees_the_servers_name_and_no_token() {
    let place = Place::new();
    let (_server, port) = tls_server(&place);
    let (proxy, asked) = proxy(&port);
    let url = format!("https://gatepass.test:{port}");
    let told = whoami(&place, &url, &["--ca-file", "pki/ca.crt"], &[("https_proxy", &proxy)]).bad(3);
    assert!(told.contains("401 credentials_unknown"), "{told}");
    let head = asked.recv().unwrap();
    assert!(head.starts_with(&format!("CONNECT gatepass.test:{port} HTTP/1.1\r\n")), "{head}");
    assert!(
        head.to_ascii_lowercase().contains("proxy-authorization: basic zn") && !head.contains("gp_canary"),
        "{head}"
    );

    let unused = [("https_proxy", "http://127.0.0.1:1"), ("no_proxy", "gatepass.test")];
    let error = whoami(&place, &url, &[], &unused).bad(6);
    assert!(!error.contains("tunnel") && !error.contains("refused"), "no proxy was asked: {error}");
    for other in ["socks5://127.0.0.1:1", "https://127.0.0.1:1"] {
        let error = whoami(&place, &url, &[], &[("all_proxy", other)]).bad(2);
        assert!(error.contains("http:// proxy"), "{error}");
    }
    let local = format!("https://localhost:{port}");
    let told = whoami(&place, &local, &["--ca-file", "pki/ca.crt"], &[("https_proxy", "http://127.0.0.1:1")]);
    assert!(told.bad(3).contains("401"), "nothing on this machine goes through a proxy");
}
