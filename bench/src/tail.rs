//! The 99th percentile while a push arrives each second, against the same without pushes.

use std::time::{Duration, Instant};

use gatepass::config::wire::PluginConfiguration;
use serde::Serialize;

use crate::clock::{now, wait_for};
use crate::ecds::Prepared;
use crate::envoy::{Envoy, PATIENCE};
use crate::http::Requests;
use crate::latency::{CONNECTIONS, interval, sorted_us};
use crate::load::{Client, during};
use crate::machine::OnTime;
use crate::pushing::Pushed;
use crate::random::Random;
use crate::stats::{median, quantile};

/// Both percentiles of each pair of windows, in microseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tail {
    /// Requests sent in a second.
    pub rate: f64,
    /// The 99th percentile without pushes.
    pub quiet_us: Vec<f64>,
    /// The 99th percentile with a push a second.
    pub pushed_us: Vec<f64>,
    /// Pushes that were sent.
    pub sent: u64,
    /// Those of them that Envoy took: while it is busy with one, two more are one to it.
    pub taken: u64,
}

impl Tail {
    /// The second over the first, pair by pair.
    pub fn ratios(&self) -> Vec<f64> {
        self.pushed_us.iter().zip(&self.quiet_us).map(|(pushed, quiet)| pushed / quiet).collect()
    }

    /// In the middle.
    pub fn ratio(&self) -> f64 {
        median(&self.ratios())
    }
}

/// Measures `pairs` pairs of windows of `seconds` at `rate` requests a second; which of a pair comes first alternates.
///
/// # Errors
/// A response that was not due, a push that was not taken, or the system's.
pub fn measure(
    envoy: &Envoy,
    pushed: &mut Pushed,
    configuration: &mut PluginConfiguration,
    requests: &Requests,
    (pairs, seconds, rate): (usize, u64, f64),
    random: &mut Random,
) -> anyhow::Result<Tail> {
    let mut tail = Tail { rate, ..Tail::default() };
    let _on_time = OnTime::start();
    for pair in 0..pairs {
        for pushes in [pair % 2 == 0, pair % 2 == 1] {
            // Written before the window: only the rename and what Envoy does with it belong into it.
            let prepared: Vec<Prepared> = (0..if pushes { seconds } else { 0 })
                .map(|_| pushed.prepare(configuration, random))
                .collect::<Result<_, _>>()?;
            tail.sent += prepared.len() as u64;
            let (p99, taken) = window(envoy, pushed, prepared, requests, (seconds, rate))?;
            tail.taken += taken;
            let values = if pushes { &mut tail.pushed_us } else { &mut tail.quiet_us };
            values.push(p99);
        }
    }
    Ok(tail)
}

/// The 99th percentile, and how many of the pushes were taken.
fn window(
    envoy: &Envoy,
    pushed: &Pushed,
    prepared: Vec<Prepared>,
    requests: &Requests,
    (seconds, rate): (u64, f64),
) -> anyhow::Result<(f64, u64)> {
    let before = envoy.taken(pushed.name())?;
    let least = before + prepared.len().min(1) as u64;
    let mut client = Client::open(envoy.listener(pushed.name())?, CONNECTIONS, 200)?;
    client.closed(requests, 0, requests.len() / 10)?;
    let mut latencies = Vec::new();
    let start = now();
    std::thread::scope(|scope| {
        let publisher = scope.spawn(move || publish(prepared, start));
        let length = Duration::from_secs(seconds);
        client.open_loop(requests, interval(rate), during(length), &mut latencies)?;
        publisher.join().map_err(|_| anyhow::anyhow!("the publishing thread panicked"))?
    })?;
    let after = settled(envoy, pushed.name(), least)?;
    Ok((quantile(&sorted_us(&latencies), 0.99), after - before))
}

/// How many configurations were taken once that is at least `least` and changes no more. The admin port is served by the
/// thread that reads the file: what was there before one question is read before the next is answered.
fn settled(envoy: &Envoy, filter: &str, least: u64) -> anyhow::Result<u64> {
    const ANSWERS: usize = 4;
    let (mut last, mut same) = (0, 0);
    wait_for("the last push to be taken", PATIENCE, || {
        let now = envoy.taken(filter)?;
        same = if now == last { same + 1 } else { 1 };
        last = now;
        Ok((now >= least && same >= ANSWERS).then_some(now))
    })
}

/// One in the middle of each second.
fn publish(prepared: Vec<Prepared>, start: Instant) -> anyhow::Result<()> {
    for (number, file) in prepared.into_iter().enumerate() {
        let due = Duration::from_millis(500 + 1000 * number as u64);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        file.publish()?;
    }
    Ok(())
}
