//! A control plane that is away for long, and a proxy that is busy meanwhile.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gatepass_tests::client::{Connection, get};
use gatepass_tests::control_plane::{ControlPlane, Created};
use gatepass_tests::envoy::{Changes, Envoy};
use gatepass_tests::{bearer, wait};
use serde_json::Value;

const MYSELF: &str = "/rest/api/2/myself";
const TOKENS: usize = 100;
const OUTAGE: Duration = Duration::from_secs(600);

/// Uses the tokens by turns over one connection, one request after the other, until `end`; how long each took. Every
/// one has to be admitted.
fn load(to: SocketAddr, tokens: &[Created], end: Instant) -> Vec<Duration> {
    let mut connection = Connection::open(to).expect("a connection");
    let mut took = Vec::new();
    for token in tokens.iter().cycle() {
        let start = wait::now();
        if start >= end {
            break;
        }
        let headers = [("Authorization", bearer(&token.secret)), ("User-Agent", "backup/1.0".to_owned())];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let reply = connection.request("GET", MYSELF, &headers, "").expect("a reply");
        assert_eq!(reply.status, 200, "after {} requests: {}", took.len(), reply.text());
        took.push(start.elapsed());
    }
    took
}

fn p99(took: &mut [Duration]) -> Duration {
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

/// How many requests the control plane has been told that tokens were admitted for, by all workers.
fn told(control: &ControlPlane) -> u64 {
    let fleet = control.admins(200, "GET", "/fleet", &Value::Null).json();
    let workers = fleet["proxies"][0]["instances"][0]["workers"].as_array().cloned().unwrap_or_default();
    workers.iter().filter_map(|worker| worker["decisions"]["allow.token"].as_u64()).sum()
}

#[test]
#[ignore = "ten minutes; `make test-all` takes them"]
fn ten_minutes_without_a_control_plane_cost_no_request_and_lose_no_use() {
    let mut control = ControlPlane::start();
    let envoy = Envoy::start(&control.data(), Changes::default());
    control.user("fred", "user");
    let tokens: Vec<Created> = (0..TOKENS).map(|_| control.token("fred")).collect();
    let mut sent = 0;
    for token in &tokens {
        wait::until("the token to be known", || {
            let reply = get(envoy.http(), MYSELF, &[("Authorization", &bearer(&token.secret))]);
            sent += u64::from(reply.status == 200);
            (reply.status == 200).then_some(())
        });
    }
    let both = |time: Duration| -> Vec<Duration> {
        let end = wait::now() + time;
        let (half, other) = tokens.split_at(TOKENS / 2);
        let to = envoy.http();
        std::thread::scope(|scope| {
            let one = scope.spawn(|| load(to, half, end));
            let mut took = load(to, other, end);
            took.extend(one.join().expect("the other half"));
            took
        })
    };
    let mut before = both(Duration::from_secs(20));
    let used = |control: &ControlPlane, token: &Created| {
        let page = control.admins(200, "GET", &format!("/tokens/{}", token.id), &Value::Null);
        page.json()["last_used"]["at"].as_str().map(str::to_owned)
    };
    wait::until("every token's use", || tokens.iter().all(|t| used(&control, t).is_some()).then_some(()));
    let earlier: Vec<_> = tokens.iter().map(|token| used(&control, token)).collect();

    control.kill();
    let mut during = both(OUTAGE);
    assert!(envoy.stat("wasmcustom.gatepass.failed_reports") > Some(10), "the control plane was not missed");
    control.restart();

    sent += (before.len() + during.len()) as u64;
    wait::until("all of it to be told", || (told(&control) == sent).then_some(()));
    wait::until("nothing to wait", || {
        (envoy.stat("wasmcustom.gatepass.pending_uses") == Some(0)).then_some(())
    });
    assert_eq!(envoy.stat("wasmcustom.gatepass.dropped_uses").unwrap_or(0), 0);
    for (token, earlier) in tokens.iter().zip(&earlier) {
        assert!(used(&control, token) > *earlier, "{}: last used {earlier:?}, before the outage", token.id);
    }
    println!(
        "{} requests before, 99 of 100 within {:?}; {} without a control plane, 99 of 100 within {:?}",
        before.len(),
        p99(&mut before),
        during.len(),
        p99(&mut during)
    );
}
