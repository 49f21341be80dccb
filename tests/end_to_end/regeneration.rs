//! Configurations change under load.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use gatepass_tests::client::{Connection, get};
use gatepass_tests::control_plane::ControlPlane;
use gatepass_tests::envoy::{Changes, Envoy};
use gatepass_tests::plugin::mint;
use gatepass_tests::{basic, bearer, wait};
use serde_json::{Value, json};

const REQUESTS: usize = 2_000;
const REGENERATIONS: usize = 20;
const CLIENTS: usize = 8;
const MYSELF: &str = "/rest/api/2/myself";

/// Keeps asking on one connection, in turn with a valid token (200 and the right name) and a wrong one (403), until
/// the regenerations are over and enough has been asked.
fn ask_on(
    gate: SocketAddr,
    valid: &str,
    wrong: &str,
    asked: &AtomicUsize,
    over: &AtomicBool,
) -> Result<(), String> {
    let mut connection = Connection::open(gate).map_err(|error| format!("connect: {error}"))?;
    let mut ask = |credentials: &str| {
        let reply = connection.request("GET", MYSELF, &[("Authorization", credentials)], "");
        reply.map_err(|error| format!("dropped: {error}"))
    };
    while !over.load(Ordering::Relaxed) || asked.load(Ordering::Relaxed) < REQUESTS {
        let known = ask(valid)?;
        if known.status != 200 || known.json()["name"] != "fred" {
            return Err(format!("a valid token got {} {}", known.status, known.text()));
        }
        let unknown = ask(wrong)?;
        if unknown.status != 403 || unknown.code() != "credentials_unknown" {
            return Err(format!("a wrong token got {} {}", unknown.status, unknown.text()));
        }
        asked.fetch_add(2, Ordering::Relaxed);
    }
    Ok(())
}

#[test]
fn requests_under_way_across_regenerations_all_get_the_right_answer() {
    let control = ControlPlane::start();
    let envoy = Envoy::start(&control.data(), Changes::default());
    control.user("fred", "user");
    control.user("ann", "user");
    let valid = control.token("fred");
    let gate = envoy.http();
    wait::until("the token on every worker", || {
        (0..20)
            .all(|_| get(gate, MYSELF, &[("Authorization", &bearer(&valid.secret))]).status == 200)
            .then_some(())
    });
    let credentials = [bearer(&valid.secret), basic("fred", &valid.secret)];
    let wrong = bearer(mint().expose());
    let (asked, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (first, before) = (control.revision().1, wait::now());
    let mut enforced = Vec::new();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let (valid, wrong, asked, over) = (&credentials[n % 2], &wrong, &asked, &over);
                scope.spawn(move || ask_on(gate, valid, wrong, asked, over))
            })
            .collect();
        for n in 0..REGENERATIONS {
            // Each goes all the way before the next, so that none is skipped, while the clients go on.
            match n % 4 {
                0 => drop(control.token("ann")),
                1 => {
                    drop(control.admins(200, "PATCH", "/settings", &json!({"token_headers": ["x-api-key"]})))
                }
                2 => drop(control.admins(200, "DELETE", "/users/ann/tokens", &Value::Null)),
                _ => drop(control.admins(200, "PATCH", "/settings", &json!({"token_headers": []}))),
            }
            let wanted = control.revision().1;
            let stat = || envoy.stat("wasmcustom.gatepass.revision").filter(|now| *now == wanted);
            enforced.push(wait::until("the revision to be enforced", stat));
            let so_far = asked.load(Ordering::Relaxed);
            wait::until("requests in between", || {
                (asked.load(Ordering::Relaxed) > so_far + 2 * CLIENTS).then_some(())
            });
        }
        over.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().expect("a client").unwrap_or_else(|wrong| panic!("{wrong}"));
        }
    });
    let asked = asked.into_inner();
    let took = before.elapsed();
    println!(
        "{asked} requests on {CLIENTS} connections across revisions {first} to {enforced:?} in {took:?}: all right"
    );
    assert!(asked >= REQUESTS);
    enforced.dedup();
    assert_eq!(enforced.len(), REGENERATIONS, "every change made a revision of its own");
    // What the clients saw is what Envoy counted.
    assert_eq!(envoy.stat("http.gate.downstream_rq_5xx"), Some(0));
    assert_eq!(envoy.stat("http.gate.downstream_rq_rx_reset").unwrap_or(0), 0);
}
