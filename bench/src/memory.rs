//! Envoy's resident memory: after many pushes, and with many tokens.

use serde::Serialize;

use crate::bootstrap::Bootstrap;
use crate::clock::wait_for;
use crate::ecds::{Discovered, Form, WASM};
use crate::envoy::{Envoy, PATIENCE, Program};
use crate::gates::Modules;
use crate::pushing::Pushed;
use crate::random::Random;
use crate::tokens::Tokens;

/// Tokens of the table that is pushed again and again.
pub const PUSHED_TOKENS: usize = 1_000;
/// Pushes after which memory is looked at.
const LOOKS: [usize; 4] = [1, 100, 1_000, 10_000];

/// Resident memory in bytes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Memory {
    /// Pushes, and the memory after them.
    pub after_pushes: Vec<(usize, u64)>,
    /// With an empty table, one worker.
    pub empty: u64,
    /// With an empty table, two workers.
    pub empty_two: u64,
    /// Tokens of the full table.
    pub tokens: usize,
    /// With the full table, one worker.
    pub full: u64,
    /// With the full table, two workers.
    pub full_two: u64,
    /// What the module said of the full table on a worker.
    pub said: String,
}

impl Memory {
    /// Bytes per token in an Envoy of one worker: the worker's table, the main thread's, and what Envoy itself keeps.
    pub fn per_token(&self) -> f64 {
        (self.full as f64 - self.empty as f64) / self.tokens as f64
    }

    /// Bytes per token that one more worker takes.
    pub fn per_token_of_a_worker(&self) -> f64 {
        let (two, one) = (self.full_two as f64 - self.empty_two as f64, self.full as f64 - self.empty as f64);
        (two - one) / self.tokens as f64
    }
}

/// Pushes `pushes` times at 1,000 tokens, and loads all tokens, in Envoys of their own.
///
/// # Errors
/// A push was not taken, or the system's.
pub fn measure(
    program: &Program,
    modules: &Modules,
    tokens: &Tokens,
    (pushes, form): (usize, Form),
    random: &mut Random,
) -> anyhow::Result<Memory> {
    let after_pushes = grow(program, modules, tokens, (pushes, form), random)?;
    let resident = |count: usize, workers: usize| loaded(program, modules, tokens, form, (count, workers));
    let (empty, _) = resident(0, 1)?;
    let (empty_two, _) = resident(0, 2)?;
    let (full, said) = resident(tokens.len(), 1)?;
    let (full_two, _) = resident(tokens.len(), 2)?;
    Ok(Memory { after_pushes, empty, empty_two, tokens: tokens.len(), full, full_two, said })
}

fn grow(
    program: &Program,
    modules: &Modules,
    tokens: &Tokens,
    (pushes, form): (usize, Form),
    random: &mut Random,
) -> anyhow::Result<Vec<(usize, u64)>> {
    let (envoy, mut pushed) = start(program, modules, tokens, form, (PUSHED_TOKENS, 1))?;
    let mut configuration = tokens.configuration(PUSHED_TOKENS, false);
    let before = envoy.taken(pushed.name())?;
    let mut after = Vec::new();
    for push in 1..=pushes {
        pushed.prepare(&mut configuration, random)?.publish()?;
        let due = before + push as u64;
        wait_for("a push to be taken", PATIENCE, || Ok((envoy.taken(pushed.name())? >= due).then_some(())))?;
        if LOOKS.contains(&push) {
            after.push((push, envoy.resident_bytes()?));
        }
    }
    Ok(after)
}

/// Resident memory of an Envoy with that many tokens and workers, and what the module said.
fn loaded(
    program: &Program,
    modules: &Modules,
    tokens: &Tokens,
    form: Form,
    (count, workers): (usize, usize),
) -> anyhow::Result<(u64, String)> {
    let (mut envoy, pushed) = start(program, modules, tokens, form, (count, workers))?;
    let worker = envoy.worker();
    let lines = envoy.log.configured()?;
    let said = lines.into_iter().find(|line| line.filter == pushed.name() && line.thread == worker);
    Ok((envoy.resident_bytes()?, said.map(|line| line.more).unwrap_or_default()))
}

fn start(
    program: &Program,
    modules: &Modules,
    tokens: &Tokens,
    form: Form,
    (count, workers): (usize, usize),
) -> anyhow::Result<(Envoy, Pushed)> {
    let filter = Discovered::new("gatepass", WASM, &program.folder);
    let mut pushed = Pushed::new(filter, &modules.gatepass, form);
    pushed.prepare_as_is(&tokens.configuration(count, false))?.publish()?;
    let mut bootstrap = Bootstrap::default();
    bootstrap.listener("gatepass", vec![pushed.filter()]);
    Ok((Envoy::start(program, "memory", &bootstrap, (workers, "debug"))?, pushed))
}
