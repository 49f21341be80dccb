//! A configuration that Envoy's canary accepts and a worker cannot apply. Envoy then skips the filter.

use std::collections::BTreeMap;

use gatepass_tests::artefacts;
use gatepass_tests::client::{Connection, get};
use gatepass_tests::envoy::Changes;
use gatepass_tests::plugin::{Gate, configuration, entry, mint};
use gatepass_tests::upstream::Seen;
use gatepass_tests::{bearer, wait};
use serde_json::json;

const WITHOUT_SEATBELT: Changes = Changes { seatbelt_removed: true, ..Changes::NONE };

/// Starts with a good configuration, shows that it works, and pushes one whose epoch tells the fault-injection module
/// how to fail on workers.
fn push_fault(fault: &str, changes: Changes) -> (Gate, String) {
    let token = mint();
    let tokens = [entry("t1", &token, "fred")];
    let mut gate = Gate::start(artefacts::fault_module(), changes, &configuration(1, &tokens));
    let credentials = bearer(token.expose());
    assert_eq!(get(gate.envoy.http(), "/rest/a", &[("Authorization", &credentials)]).status, 200);
    assert_eq!(get(gate.envoy.http(), "/rest/a", &[]).status, 401);
    let mut faulty = configuration(2, &tokens);
    faulty["epoch"] = json!(fault);
    let acknowledged = gate.push(&faulty.to_string());
    println!("{fault}: Envoy says {}", if acknowledged { "taken" } else { "rejected" });
    (gate, credentials)
}

/// What one worker answers: without credentials, with a valid token, and on an open path. A connection belongs to one
/// worker, so the three stand for all of its requests.
type Answers = [u16; 3];

fn ask(gate: &Gate, credentials: &str) -> Answers {
    let mut connection = Connection::open(gate.envoy.http()).expect("a connection");
    let mut ask = |path: &str, headers: &[(&str, &str)]| {
        connection.request("GET", path, headers, "").expect("a reply on the same connection").status
    };
    [ask("/rest/a", &[]), ask("/rest/a", &[("Authorization", credentials)]), ask("/open/a", &[])]
}

/// What reached the upstream's protected part without the filter's word.
fn came_unchecked(gate: &Gate) -> usize {
    let unchecked = |seen: &&Seen| seen.target == "/rest/a" && seen.header("x-gatepass-user") != ["fred"];
    gate.upstream.seen().iter().filter(unchecked).count()
}

/// Pushes the fault to one Envoy after the other until a worker of one has skipped the filter, which shows as
/// `skipped`; `check` looks at every one of them.
///
/// Envoy's threads race: a worker that fails may skip the filter, or answer 503 until its VM has been started anew
/// with the last good configuration, or, if the update is rejected before its turn, keep the last good one.
fn until_a_worker_skips_the_filter(fault: &str, changes: Changes, skipped: Answers, check: fn(&Gate)) {
    const ATTEMPTS: usize = 20;
    for _ in 0..ATTEMPTS {
        let (gate, credentials) = push_fault(fault, changes);
        let mut tally = BTreeMap::new();
        for _ in 0..40 {
            *tally.entry(ask(&gate, &credentials)).or_insert(0) += 1;
        }
        println!(
            "  without credentials, with a token, open path: {tally:?}; unchecked: {}",
            came_unchecked(&gate)
        );
        check(&gate);
        if tally.contains_key(&skipped) {
            return;
        }
    }
    panic!("no worker skipped the filter in {ATTEMPTS} attempts, so this test has shown nothing");
}

#[test]
fn the_control_without_the_seatbelt_a_worker_that_traps_opens_the_gate() {
    until_a_worker_skips_the_filter("fault-trap", WITHOUT_SEATBELT, [200, 200, 200], |_| ());
}

#[test]
fn with_the_seatbelt_a_worker_that_traps_lets_nothing_through() {
    until_a_worker_skips_the_filter("fault-trap", Changes::default(), [403, 403, 403], |gate| {
        assert_eq!(came_unchecked(gate), 0);
    });
}

#[test]
fn with_the_seatbelt_a_worker_that_refuses_its_configuration_lets_nothing_through() {
    until_a_worker_skips_the_filter("fault-false", Changes::default(), [403, 403, 403], |gate| {
        assert_eq!(came_unchecked(gate), 0);
    });
}

#[test]
fn without_the_seatbelt_a_failure_that_the_filter_can_answer_lets_nothing_through() {
    let (gate, credentials) = push_fault("fault-apply", WITHOUT_SEATBELT);
    wait::until("every worker to fail", || {
        (0..20).all(|_| ask(&gate, &credentials) == [503, 503, 503]).then_some(())
    });
    gate.upstream.forget();
    for _ in 0..40 {
        let reply = get(gate.envoy.http(), "/rest/a", &[("Authorization", &credentials)]);
        assert_eq!((reply.status, reply.code().as_str()), (503, "not_ready"));
        assert_eq!(ask(&gate, &credentials), [503, 503, 503]);
    }
    println!(
        "fault-apply without seatbelt: 160 requests, all 503; the upstream saw {}",
        gate.upstream.seen().len()
    );
    assert!(gate.upstream.seen().is_empty(), "{:?}", gate.upstream.seen());
}

#[test]
fn a_route_that_switches_the_filter_off_lets_nothing_through() {
    let token = mint();
    let good = configuration(1, &[entry("t1", &token, "fred")]);
    let answers = |seatbelt_removed| {
        let changes = Changes { filter_disabled: true, seatbelt_removed, ..Changes::default() };
        let gate = Gate::start(artefacts::module(), changes, &good);
        (ask(&gate, &bearer(token.expose())), gate.upstream.seen().len())
    };
    assert_eq!(answers(true), ([200, 200, 200], 3), "without the seatbelt the route opens the gate");
    assert_eq!(answers(false), ([403, 403, 403], 0));
}
