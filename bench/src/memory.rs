//! Envoy's resident memory: after many pushes, and with many tokens.

use std::path::Path;

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

/// The memory of an Envoy with one worker, by how often a module's configuration was pushed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Growth {
    /// What the module is, for people.
    pub module: &'static str,
    /// In the order of the pushes.
    pub looks: Vec<Look>,
}

/// One look at the memory, in bytes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Look {
    /// After so many pushes.
    pub pushes: usize,
    /// What is resident: VMs, and what the allocator keeps for later, included.
    pub resident: u64,
    /// What Envoy has allocated and not freed, outside of VMs.
    pub allocated: u64,
}

impl Growth {
    /// Bytes that Envoy has kept of each push between the last two looks; nothing if there were not as many.
    pub fn per_push(&self) -> Option<f64> {
        let [.., before, after] = *self.looks.as_slice() else { return None };
        Some(
            (after.allocated as f64 - before.allocated as f64) / (after.pushes as f64 - before.pushes as f64),
        )
    }
}

/// Resident memory in bytes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Memory {
    /// The same pushes into each module.
    pub growth: Vec<Growth>,
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

/// Pushes `pushes` times at 1,000 tokens into Gatepass and into filters that do nothing with it, and loads all tokens, in
/// Envoys of their own.
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
    let pushed_to = [
        ("Gatepass", &modules.gatepass),
        ("no-op filter", &modules.noop),
        ("no-op filter that ticks", &modules.ticks),
    ];
    let mut growth = Vec::new();
    for (module, path) in pushed_to {
        growth.push(Growth { module, looks: grow(program, path, tokens, (pushes, form), random)? });
    }
    let module = &modules.gatepass;
    let resident = |count: usize, workers: usize| loaded(program, module, tokens, form, (count, workers));
    let (empty, _) = resident(0, 1)?;
    let (empty_two, _) = resident(0, 2)?;
    let (full, said) = resident(tokens.len(), 1)?;
    let (full_two, _) = resident(tokens.len(), 2)?;
    Ok(Memory { growth, empty, empty_two, tokens: tokens.len(), full, full_two, said })
}

fn grow(
    program: &Program,
    module: &Path,
    tokens: &Tokens,
    (pushes, form): (usize, Form),
    random: &mut Random,
) -> anyhow::Result<Vec<Look>> {
    let (envoy, mut pushed) = start(program, module, tokens, form, (PUSHED_TOKENS, 1))?;
    let mut configuration = tokens.configuration(PUSHED_TOKENS, false);
    let before = envoy.taken(pushed.name())?;
    let mut looks = Vec::new();
    for push in 1..=pushes {
        pushed.prepare(&mut configuration, random)?.publish()?;
        let due = before + push as u64;
        wait_for("a push to be taken", PATIENCE, || Ok((envoy.taken(pushed.name())? >= due).then_some(())))?;
        if LOOKS.contains(&push) {
            let (resident, allocated) = (envoy.resident_bytes()?, envoy.allocated_bytes()?);
            looks.push(Look { pushes: push, resident, allocated });
        }
    }
    Ok(looks)
}

/// Resident memory of an Envoy with that many tokens and workers, and what the module said.
fn loaded(
    program: &Program,
    module: &Path,
    tokens: &Tokens,
    form: Form,
    (count, workers): (usize, usize),
) -> anyhow::Result<(u64, String)> {
    let (mut envoy, pushed) = start(program, module, tokens, form, (count, workers))?;
    let worker = envoy.worker();
    let lines = envoy.log.configured()?;
    let said = lines.into_iter().find(|line| line.filter == pushed.name() && line.thread == worker);
    Ok((envoy.resident_bytes()?, said.map(|line| line.more).unwrap_or_default()))
}

fn start(
    program: &Program,
    module: &Path,
    tokens: &Tokens,
    form: Form,
    (count, workers): (usize, usize),
) -> anyhow::Result<(Envoy, Pushed)> {
    let filter = Discovered::new("gatepass", WASM, &program.folder);
    let mut pushed = Pushed::new(filter, module, form);
    pushed.prepare_as_is(&tokens.configuration(count, false))?.publish()?;
    let mut bootstrap = Bootstrap::default();
    bootstrap.listener("gatepass", vec![pushed.filter()]);
    Ok((Envoy::start(program, "memory", &bootstrap, (workers, "debug"))?, pushed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_push_leaves_behind_is_told_by_the_last_two_looks() {
        let growth = |looks: &[(usize, u64)]| {
            let look = |&(pushes, allocated)| Look { pushes, allocated, resident: 0 };
            Growth { module: "", looks: looks.iter().map(look).collect() }.per_push()
        };
        assert_eq!(growth(&[(1, 5_000), (100, 90_000), (1_000, 91_800)]), Some(2.0));
        assert_eq!(growth(&[(100, 90_000), (1_000, 89_100)]), Some(-1.0));
        assert_eq!(growth(&[(1, 5_000)]), None);
    }
}
