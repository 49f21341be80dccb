//! Latency at a fixed rate, the same for every variant.

use std::time::Duration;

use serde::Serialize;

use crate::gates::Gates;
use crate::load::{Client, during};
use crate::machine::OnTime;
use crate::random::Random;
use crate::stats::quantile;
use crate::tokens::Tokens;
use crate::variants::Variant;

/// Connections of an open loop: more than are ever in use unless Envoy stalls.
pub const CONNECTIONS: usize = 32;
/// Windows of each variant.
const WINDOWS: usize = 3;
/// Requests that are written down for a window, and sent again from the first when they are used up.
pub const REQUESTS: usize = 20_000;

/// What one variant's requests waited, a value for each window.
#[derive(Clone, Debug, Serialize)]
pub struct Waited {
    /// The variant's key.
    pub key: String,
    /// Half were answered sooner, in microseconds.
    pub p50_us: Vec<f64>,
    /// 99 in a hundred were answered sooner.
    pub p99_us: Vec<f64>,
}

/// What every variant's requests waited.
#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    /// Requests sent in a second.
    pub rate: f64,
    /// In the order of the variants.
    pub waited: Vec<Waited>,
}

/// Measures windows of `seconds` at `rate` requests a second, every variant once a round in random order.
///
/// # Errors
/// A response that was not due, or the system's.
pub fn measure(
    gates: &Gates,
    variants: &[Variant],
    tokens: &Tokens,
    (rate, seconds): (f64, u64),
    random: &mut Random,
) -> anyhow::Result<Latency> {
    let new = |variant: &Variant| Waited { key: variant.key.clone(), p50_us: Vec::new(), p99_us: Vec::new() };
    let mut waited: Vec<Waited> = variants.iter().map(new).collect();
    let mut order: Vec<usize> = (0..variants.len()).collect();
    let _on_time = OnTime::start();
    let mut latencies = Vec::new();
    for _ in 0..WINDOWS {
        random.shuffle(&mut order);
        for place in &order {
            let variant = &variants[*place];
            let requests = variant.requests(REQUESTS, "/rest/api/2/myself", tokens, random);
            let address = gates.envoy.listener(&variant.listener)?;
            let mut client = Client::open(address, CONNECTIONS, variant.expected())?;
            client.closed(&requests, 0, REQUESTS / 10)?;
            let length = Duration::from_secs(seconds);
            client.open_loop(&requests, interval(rate), during(length), &mut latencies)?;
            let sorted = sorted_us(&latencies);
            waited[*place].p50_us.push(quantile(&sorted, 0.5));
            waited[*place].p99_us.push(quantile(&sorted, 0.99));
        }
    }
    Ok(Latency { rate, waited })
}

/// The time between two requests.
pub fn interval(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate.max(1.0))
}

/// The latencies in microseconds, the shortest first.
pub fn sorted_us(latencies: &[Duration]) -> Vec<f64> {
    let mut sorted: Vec<f64> = latencies.iter().map(|latency| latency.as_secs_f64() * 1e6).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}
