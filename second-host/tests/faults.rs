//! A fault of the host lets no request through, and is never a trap: a trap takes down every gate of the VM, and on a
//! worker that configures it opens them.

use gatepass_second_host::gate::{Answer, Gate, NOW};
use gatepass_second_host::request::{Request, get};
use serde_json::json;

use crate::house::{check, configuration, gate, secret};

/// Sends a request of which the host fails a part. It goes no further, and the VM serves the next one.
#[track_caller]
fn kept_back(what: &str, request: Request) -> Answer {
    let mut gate = gate(json!({"anonymous": "forward"}));
    let answer = gate.send(&request);
    assert!(!answer.trapped && !answer.forwarded, "{what}: {:?}", answer.decision());
    let next = gate.send(&get("/rest/a").bearer(&secret("plain")));
    assert_eq!(next.decision(), Some("allow.token"), "{what}: the next request");
    answer
}

/// The same, and the caller is told that it is a fault.
#[track_caller]
fn fails(what: &str, request: Request) -> Answer {
    let answer = kept_back(what, request);
    let reply = answer.reply.as_ref().unwrap_or_else(|| panic!("{what}: no reply"));
    assert!(reply.status == 500 && reply.body.contains("\"internal_error\""), "{what}: {reply:?}");
    answer
}

#[test]
fn a_request_that_the_host_cannot_read_or_change_does_not_go_on() {
    for function in [
        "proxy_get_header_map_pairs",
        "proxy_remove_header_map_value",
        "proxy_replace_header_map_value",
        "proxy_set_property",
    ] {
        let answer = fails(function, get("/rest/a").bearer(&secret("plain")).broken(function));
        let admitted = answer.properties.iter().any(|(_, value)| value.starts_with("allow."));
        assert!(!admitted, "{function}: the seatbelt would let it through");
    }
}

#[test]
fn an_open_path_is_no_way_around_a_fault() {
    let forged = get("/open").header("x-gatepass-user", "admin");
    let answer = fails("a forged header that stays", forged.broken("proxy_remove_header_map_value"));
    assert!(answer.properties.iter().all(|(_, value)| !value.starts_with("allow.")));
    fails("headers that cannot be read", get("/open").broken("proxy_get_header_map_pairs"));
    fails("a decision that cannot be noted", get("/open").broken("proxy_set_property"));
}

#[test]
fn a_host_that_fails_to_tell_the_address_fails_every_list() {
    let mut gate = gate(json!({}));
    let listed = || get("/rest/a").bearer(&secret("listed"));
    let (sent, broken) = (listed(), listed().broken("proxy_get_property"));
    let answers = (gate.send(&sent), gate.send(&broken));
    check("told", &sent, &answers.0, "allow.token listed");
    check("not told", &broken, &answers.1, "403 ip_not_allowed");
}

#[test]
fn a_refusal_that_cannot_be_sent_keeps_the_request_back() {
    let answer = kept_back("no reply", get("/rest/a").authorization("").broken("proxy_send_local_response"));
    assert_eq!((answer.decision(), answer.reply.is_none()), (Some("refuse.authorization_malformed"), true));
}

#[test]
fn trailers_that_cannot_be_cleaned_do_not_go_on() {
    let sent = get("/rest/a").trailer("x-gatepass-user", "admin");
    assert!(gate(json!({"anonymous": "forward"})).send(&sent).forwarded, "the test can fail");
    let answer = kept_back("a forged trailer that stays", sent.broken("proxy_remove_header_map_value"));
    assert!(answer.reset);
}

/// Nor can a configuration write lines of its own into the proxy's log.
#[test]
fn the_name_of_a_cluster_that_cannot_be_called_is_one_line_of_the_log() {
    let mut configuration = configuration(json!({}));
    configuration["report"] = json!({"cluster": "a\nb\u{1b}[2J\u{202e}\"", "interval_ms": 1000});
    let mut gate = Gate::with(&configuration);
    gate.send(&get("/rest/a").bearer(&secret("plain")));
    gate.set_time(NOW + 61);
    gate.tick();
    let log = gate.log();
    let line =
        log.iter().find(|line| line.contains("cannot be called")).expect("a cluster that there is not");
    assert!(line.contains(r#""a\nb\u{1b}[2J\u{202e}\"""#), "{line}");
    assert!(!line.chars().any(|c| c.is_control()), "{line}");
}
