//! One run: everything in its order, then the table, the plots and the file.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::ecds::Form;
use crate::envoy::{self, Program};
use crate::gates::{Gates, Modules};
use crate::machine::{Facts, OnTime, Processors, pin};
use crate::options::{Counts, Part, Run};
use crate::random::Random;
use crate::results::{Results, Sizes, revision};
use crate::tokens::Tokens;
use crate::variants::{self, Credentials, RIVALS_KNOW, Variant, gatepass_listener};
use crate::{
    acceptance, clock, cold, control_plane, cpu, http::Requests, latency, memory, plot, pushing, report,
    tail, tokens,
};

/// Where requests go that nobody looks at.
const PATH: &str = "/rest/api/2/myself";

struct Bench {
    run: Run,
    counts: Counts,
    program: Program,
    modules: Modules,
    tokens: Tokens,
    form: Form,
    random: Random,
}

/// Measures what `run` asks for and writes the results.
///
/// # Errors
/// Something did not do its work, or the system's.
pub fn run(run: Run) -> anyhow::Result<()> {
    let start = clock::now();
    let started = jiff::Timestamp::from_second(i64::try_from(clock::unix_seconds())?)?.to_string();
    let mut bench = Bench::prepare(run)?;
    let mut results = bench.blank(started)?;
    bench.compared(&mut results)?;
    bench.alone(&mut results)?;
    results.seconds = start.elapsed().as_secs_f64();
    write(&bench.run.out, &results)?;
    // Logs and configurations help when something went wrong; then this is not reached.
    let folder = &bench.program.folder;
    std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}

impl Bench {
    fn prepare(run: Run) -> anyhow::Result<Self> {
        let counts = run.counts();
        anyhow::ensure!(counts.tokens >= RIVALS_KNOW, "--tokens: at least {RIVALS_KNOW}");
        let processors = Processors::choose()?;
        pin(None, processors.generator)?;
        let folder = absolute(&run.out)?.join("run");
        // What an interrupted run has left.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let path = absolute(run.envoy.as_deref().context("--envoy is missing")?)?;
        let modules = Modules {
            gatepass: absolute(&run.module)?,
            noop: absolute(&run.noop)?,
            calls: absolute(&run.calls)?,
            copy: absolute(&run.copy)?,
            ticks: absolute(&run.ticks)?,
        };
        say(&format!("drawing {} tokens", variants::grouped(counts.tokens)));
        Ok(Self {
            tokens: Tokens::make(counts.tokens, counts.seed),
            random: Random::new(counts.seed ^ 0xbe9c),
            program: Program { path, folder, processors },
            form: run.form,
            modules,
            counts,
            run,
        })
    }

    fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![1, 1_000, RIVALS_KNOW, self.counts.tokens];
        sizes.dedup();
        sizes
    }

    fn blank(&self, started: String) -> anyhow::Result<Results> {
        Ok(Results {
            started,
            seconds: 0.0,
            revision: revision(),
            machine: Facts::read(),
            processors: self.program.processors,
            real_time: OnTime::start().granted(),
            others_busy: 0.0,
            stolen: 0.0,
            envoy: envoy::version(&self.program.path),
            counts: self.counts,
            form: self.form.name(),
            sizes: Sizes::of(&self.modules)?,
            variants: variants::all(&self.sizes()),
            cpu: None,
            latency: None,
            reports: None,
            tail: None,
            pushes: Vec::new(),
            large_pushes: Vec::new(),
            cold: None,
            memory: None,
            control_plane: Vec::new(),
        })
    }

    /// All that is measured on the one Envoy with all listeners.
    fn compared(&mut self, results: &mut Results) -> anyhow::Result<()> {
        let parts = [Part::Cpu, Part::Latency, Part::Tail, Part::Push];
        if !parts.into_iter().any(|part| self.run.wants(part)) {
            return Ok(());
        }
        say("starting Envoy with every listener");
        let sizes = self.sizes();
        let mut gates = Gates::start(&self.program, &self.modules, &self.tokens, &sizes, self.form)?;
        gates.check(&results.variants, &self.tokens)?;
        // Rates are shares of the bare listener's capacity, so there is always at least one round.
        let rounds = if self.run.wants(Part::Cpu) { self.counts.rounds } else { 1 };
        let amount = (rounds, self.counts.requests);
        let cpu = cpu::measure(&gates, &results.variants, &self.tokens, amount, &mut self.random, |round| {
            say(&format!("processor time: round {round} of {rounds}"));
        })?;
        (results.others_busy, results.stolen) = cpu.others_and_stolen();
        let rate = cpu.capacity() / 4.0;
        results.cpu = Some(cpu);
        if self.run.wants(Part::Latency) {
            say(&format!("latency at {rate:.0} requests a second"));
            let window = (rate, self.counts.seconds);
            let variants = &results.variants;
            let latency = latency::measure(&gates, variants, &self.tokens, window, &mut self.random)?;
            results.latency = Some(latency);
        }
        results.reports = Some(gates.reports()?);
        self.pushed(&mut gates, rate, results)
    }

    fn pushed(&mut self, gates: &mut Gates, rate: f64, results: &mut Results) -> anyhow::Result<()> {
        let listener = gatepass_listener(RIVALS_KNOW);
        let mut pushed = self.to_be_pushed(&listener);
        let mut configuration = self.tokens.configuration(RIVALS_KNOW, false);
        if self.run.wants(Part::Tail) {
            say(&format!("the 99th percentile with and without pushes, {} pairs", self.counts.pairs));
            let requests = self.unchanged(&listener);
            let amount = (self.counts.pairs, self.counts.seconds, rate);
            let envoy = &gates.envoy;
            let tail =
                tail::measure(envoy, &mut pushed, &mut configuration, &requests, amount, &mut self.random)?;
            results.tail = Some(tail);
        }
        if !self.run.wants(Part::Push) {
            return Ok(());
        }
        gates.envoy.wasm_log_level("debug")?;
        let probe = probe();
        let (count, large) = (self.counts.pushes, self.counts.large_pushes);
        say(&format!("{count} pushes at 100,000 tokens"));
        let envoy = &mut gates.envoy;
        results.pushes =
            pushing::measure(envoy, &mut pushed, &mut configuration, &probe, count, &mut self.random)?;
        if self.counts.tokens > RIVALS_KNOW {
            say(&format!("{large} pushes at {} tokens", variants::grouped(self.counts.tokens)));
            let mut pushed = self.to_be_pushed(&gatepass_listener(self.counts.tokens));
            let mut configuration = self.tokens.configuration(self.counts.tokens, false);
            results.large_pushes =
                pushing::measure(envoy, &mut pushed, &mut configuration, &probe, large, &mut self.random)?;
        }
        Ok(())
    }

    /// Requests with tokens that pushes leave alone.
    fn unchanged(&mut self, listener: &str) -> Requests {
        let tokens = tokens::unchanged(RIVALS_KNOW);
        let variant = Variant::new("", listener, Credentials::Bearer, tokens);
        variant.requests(latency::REQUESTS, PATH, &self.tokens, &mut self.random)
    }

    fn to_be_pushed(&self, listener: &str) -> pushing::Pushed {
        pushing::of_compared(listener, &self.program.folder, &self.modules.gatepass, self.form)
    }

    /// All that is measured on Envoys of their own.
    fn alone(&mut self, results: &mut Results) -> anyhow::Result<()> {
        if self.run.wants(Part::Cold) {
            say(&format!("{} first loads of each module", self.counts.cold_loads));
            let probe = probe();
            let amount = (self.counts.cold_loads, self.form);
            results.cold = Some(cold::measure(&self.program, &self.modules, &self.tokens, amount, &probe)?);
        }
        if self.run.wants(Part::Memory) {
            say(&format!(
                "memory: {} pushes at 1,000 tokens into each of three modules",
                self.counts.memory_pushes
            ));
            let amount = (self.counts.memory_pushes, self.form);
            let (program, modules) = (&self.program, &self.modules);
            results.memory = Some(memory::measure(program, modules, &self.tokens, amount, &mut self.random)?);
        }
        if self.run.wants(Part::ControlPlane) {
            // What is made meanwhile must fit, too.
            let (rounds, tokens) = (self.counts.changes, self.counts.tokens - self.counts.tokens / 100);
            say(&format!("the control plane with {} tokens, on two databases", variants::grouped(tokens)));
            let program = absolute(&self.run.program)?;
            let folder = self.program.folder.join("control-plane");
            let amount = control_plane::Amount { tokens, rounds };
            results.control_plane =
                control_plane::measure(&program, &self.modules.gatepass, &folder, amount)?;
        }
        Ok(())
    }
}

/// A request that asks the worker for as little as possible.
fn probe() -> Requests {
    let mut requests = Requests::default();
    requests.add(PATH, "Bearer none");
    requests
}

fn write(out: &Path, results: &Results) -> anyhow::Result<()> {
    let lines = acceptance::lines(results);
    let text = report::text(results, &lines)?;
    let file = |name: &str| out.join(name);
    let save = |name: &str, text: &str| {
        std::fs::write(file(name), text).with_context(|| format!("cannot write {}", file(name).display()))
    };
    if let Some(cpu) = &results.cpu {
        save("added-cpu.svg", &plot::added_cpu(cpu, &results.variants)?)?;
    }
    if !results.pushes.is_empty() {
        save("stalls.svg", &plot::stalls(&results.pushes, &results.large_pushes, results.counts.tokens)?)?;
    }
    let all = serde_json::json!({"results": results, "acceptance": lines});
    save("results.json", &serde_json::to_string_pretty(&all)?)?;
    save("results.txt", &text)?;
    println!("{text}\nRaw numbers and plots: {}", out.display());
    Ok(())
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("no path: {}", path.display()))
}

fn say(what: &str) {
    eprintln!("gatepass-bench: {what}");
}
