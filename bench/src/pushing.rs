//! Pushes, and what they look like from inside the VM and from outside.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gatepass::config::wire::PluginConfiguration;
use serde::Serialize;

use crate::clock::{now, wait_for};
use crate::ecds::{Discovered, Form, Prepared, WASM, wasm};
use crate::envoy::{Envoy, PATIENCE};
use crate::http::Requests;
use crate::load::{Client, during, until};
use crate::machine::OnTime;
use crate::random::Random;
use crate::tokens::change_one;

/// The outside view sends a request so often.
const PROBE: Duration = Duration::from_micros(200);
/// Before a push, so that its effect has a beginning.
const LEAD: Duration = Duration::from_millis(20);
/// After a push was taken: time for a worker that has yet to begin.
const TRAIL: Duration = Duration::from_millis(50);

/// A Gatepass filter whose configuration is pushed again and again.
pub struct Pushed {
    filter: Discovered,
    module: PathBuf,
    form: Form,
    revision: u64,
}

impl Pushed {
    /// The filter of that name, which is in Envoy already, or comes into it with what is written next.
    pub fn new(filter: Discovered, module: &Path, form: Form) -> Self {
        Self { filter, module: module.to_owned(), form, revision: 1 }
    }

    /// The filter and its listener.
    pub fn name(&self) -> &str {
        self.filter.name()
    }

    /// Its place in a list of HTTP filters.
    pub fn filter(&self) -> serde_json::Value {
        self.filter.filter()
    }

    /// Changes one token, raises the revision, and writes the file beside its place.
    ///
    /// # Errors
    /// The system's.
    pub fn prepare(
        &mut self,
        configuration: &mut PluginConfiguration,
        random: &mut Random,
    ) -> anyhow::Result<Prepared> {
        self.revision += 1;
        change_one(configuration, self.revision, random);
        self.prepare_as_is(configuration)
    }

    /// Writes the configuration as it is.
    ///
    /// # Errors
    /// The system's.
    pub fn prepare_as_is(&mut self, configuration: &PluginConfiguration) -> anyhow::Result<Prepared> {
        let name = self.filter.name().to_owned();
        let encoded = self.form.encode(configuration)?;
        self.filter.prepare(&wasm(&name, &name, &self.module, Some(encoded)))
    }
}

/// A filter of the comparison's Envoy, to be pushed to.
pub fn of_compared(name: &str, folder: &Path, module: &Path, form: Form) -> Pushed {
    let mut filter = Discovered::new(name, WASM, folder);
    // The comparison has written the first.
    filter.begin_after(1);
    Pushed::new(filter, module, form)
}

/// What one push looked like. Times in microseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Observed {
    /// On the worker, inside its VM, if the module tells.
    pub worker_us: Option<f64>,
    /// On the main thread, inside its VMs: first the trial, then its own.
    pub main_us: Vec<f64>,
    /// The longest that a request to the worker waited.
    pub gap_us: f64,
    /// The same in as long a time without a push.
    pub quiet_gap_us: f64,
    /// From the rename until Envoy had taken it on its main thread.
    pub taken_us: f64,
    /// What the module said on the worker besides.
    pub said: String,
}

/// Publishes a push and watches it from inside (Envoy's log must be at `debug` for wasm) and from outside: a client asks
/// the bare listener of the same worker five thousand times a second.
///
/// # Errors
/// The push was not taken, or the system's.
pub fn observe(
    envoy: &mut Envoy,
    filter: &str,
    probe: &Requests,
    prepared: Prepared,
) -> anyhow::Result<Observed> {
    let _on_time = OnTime::start();
    let mut client = Client::open(envoy.listener("bare")?, 1, 200)?;
    client.closed(probe, 0, 100)?;
    envoy.log.configured()?;
    let before = envoy.taken(filter)?;
    let (stop, mut latencies) = (AtomicBool::new(false), Vec::new());
    let watched: &Envoy = envoy;
    let start = now();
    let taken = std::thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let taken = publish(watched, filter, prepared, before);
            stop.store(true, Ordering::Relaxed);
            taken
        });
        client.open_loop(probe, PROBE, until(&stop), &mut latencies)?;
        publisher.join().map_err(|_| anyhow::anyhow!("the publishing thread panicked"))?
    })?;
    let length = start.elapsed();
    let gap_us = longest_us(&latencies);
    client.open_loop(probe, PROBE, during(length), &mut latencies)?;
    let quiet_gap_us = longest_us(&latencies);
    let taken_us = taken.as_secs_f64() * 1e6;
    Ok(Observed { gap_us, quiet_gap_us, taken_us, ..inside(envoy, filter)? })
}

fn longest_us(latencies: &[Duration]) -> f64 {
    latencies.iter().max().map_or(0.0, Duration::as_secs_f64) * 1e6
}

fn publish(envoy: &Envoy, filter: &str, prepared: Prepared, before: u64) -> anyhow::Result<Duration> {
    std::thread::sleep(LEAD);
    let start = now();
    prepared.publish()?;
    wait_for("a push to be taken", PATIENCE, || Ok((envoy.taken(filter)? > before).then_some(())))?;
    let taken = start.elapsed();
    std::thread::sleep(TRAIL);
    Ok(taken)
}

/// What the modules have said since the log was read last.
fn inside(envoy: &mut Envoy, filter: &str) -> anyhow::Result<Observed> {
    let worker = envoy.worker();
    let mut observed = Observed::default();
    for line in envoy.log.configured()?.into_iter().filter(|line| line.filter == filter) {
        if line.thread == worker {
            observed.worker_us = Some(line.us);
            observed.said = line.more;
        } else {
            observed.main_us.push(line.us);
        }
    }
    Ok(observed)
}

/// Pushes with one token changed, each observed.
///
/// # Errors
/// As [`observe`].
pub fn measure(
    envoy: &mut Envoy,
    pushed: &mut Pushed,
    configuration: &mut PluginConfiguration,
    probe: &Requests,
    pushes: usize,
    random: &mut Random,
) -> anyhow::Result<Vec<Observed>> {
    let mut observed = Vec::with_capacity(pushes);
    for _ in 0..pushes {
        let prepared = pushed.prepare(configuration, random)?;
        let name = pushed.name().to_owned();
        observed.push(observe(envoy, &name, probe, prepared)?);
    }
    Ok(observed)
}
