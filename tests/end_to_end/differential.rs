//! The filter against the reference: random configurations, pushed one after the other to the real module in the real
//! Envoy, and random requests under each of them. Every answer, and all that the service sees, must be what the
//! reference says.
//!
//! `GATEPASS_TEST_SEED`, `GATEPASS_TEST_REQUESTS` and `GATEPASS_TEST_PUSHES` set how a run goes. A run that fails
//! prints its seed, the push and the request, made as small as it goes.

mod compare;
mod edge;
mod gate;
mod outcome;
mod run;
mod wire;

use std::io::Read as _;

use run::Plan;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}={text}: {error}")))
}

/// Another one each time, unless it is set.
fn seed() -> u64 {
    number("GATEPASS_TEST_SEED").unwrap_or_else(|| {
        let mut seed = [0; 8];
        let mut random = std::fs::File::open("/dev/urandom").expect("/dev/urandom");
        random.read_exact(&mut seed).expect("random bytes");
        u64::from_le_bytes(seed)
    })
}

fn plan(seed: u64, requests: u64, pushes: u64) -> Plan {
    Plan {
        seed,
        requests: number("GATEPASS_TEST_REQUESTS").unwrap_or(requests),
        pushes: number("GATEPASS_TEST_PUSHES").unwrap_or(pushes),
    }
}

/// Its twenty pushes hold each kind that matters: broken ones, lower revisions, epochs, an old file of another epoch.
const FIXED: u64 = 5;

#[test]
fn the_filter_decides_as_the_reference_does() {
    run::run(plan(FIXED, 10_000, 20));
    run::run(plan(seed(), 10_000, 20));
}

#[test]
#[ignore = "a million requests take minutes; `make test-all` asks them"]
fn the_filter_decides_as_the_reference_does_a_million_times() {
    run::run(plan(seed(), 1_000_000, 1_000));
}
