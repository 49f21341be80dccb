use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt as _;

use gatepass_control_plane::delivery::ecds;
use serde_json::Value;

use crate::support::{Place, stop};

/// Where the server says that it takes reports.
fn dataplane(log: &[String]) -> Option<String> {
    let ready: Value = serde_json::from_str(log.last().unwrap()).unwrap();
    let found = ready.pointer("/fields/dataplane").and_then(Value::as_str);
    found.map(str::to_owned)
}

fn post(address: &str, key: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "POST /dataplane/v1/usage HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n";
    write!(stream, "{head}authorization: Bearer {key}\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

/// What the filter is told.
fn configuration(place: &Place) -> Value {
    let file = std::fs::read(place.data().join("envoy/gatepass.ecds.pb")).unwrap();
    serde_json::to_value(ecds::configuration(&file).unwrap()).unwrap()
}

#[test]
fn reports_have_a_listener_of_their_own_and_a_key_that_stays() {
    let place = Place::new();
    let mut keys = Vec::new();
    for _ in 0..2 {
        let (server, log) = place.serve();
        let file = place.data().join("report-key");
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
        let key = std::fs::read_to_string(file).unwrap();
        let key = key.trim();
        assert!(!log.iter().any(|line| line.contains(key)), "{log:?}");
        let address = dataplane(&log).unwrap();
        assert!(post(&address, key).starts_with("HTTP/1.1 415 "), "known, and no JSON");
        assert!(post(&address, &key.to_uppercase()).starts_with("HTTP/1.1 401 "));
        assert_eq!(configuration(&place)["report"]["interval_ms"], 10_000);
        keys.push(key.to_owned());
        stop(server);
    }
    assert_eq!(keys[0], keys[1], "proxies keep theirs across restarts");
}

#[test]
fn without_reports_there_is_neither_listener_nor_key_and_the_filter_is_told_nothing() {
    let place = Place::new();
    let mut command = place.command(&["serve", "--listen", "127.0.0.1:0"]);
    // Where nothing listens, nothing has to be guarded either.
    command.env("GATEPASS_USAGE_REPORTS", "false").env("GATEPASS_DATAPLANE_LISTEN", "0.0.0.0:0");
    let (server, log) = Place::started(command);
    assert_eq!(dataplane(&log), None);
    assert!(!place.data().join("report-key").exists());
    assert_eq!(configuration(&place).get("report"), None);
    stop(server);
}

#[test]
fn the_interval_is_one_that_the_filter_takes() {
    let place = Place::new();
    for wrong in ["999", "3600001", "10s"] {
        let said = place.refusal(&["serve", "--report-interval-ms", wrong]);
        assert!(said.contains("--report-interval-ms"), "{said}");
    }
    let (server, _) =
        Place::started(place.command(&["serve", "--listen", "127.0.0.1:0", "--report-interval-ms", "1000"]));
    assert_eq!(configuration(&place)["report"]["interval_ms"], 1_000);
    stop(server);
}
