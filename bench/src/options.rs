//! Flags, each with its environment variable.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use serde::Serialize;

use crate::ecds::Form;

/// Measures Gatepass against what Envoy has of its own, in one run on one Envoy.
#[derive(Debug, Parser)]
#[command(name = "gatepass-bench", subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    pub step: Option<Step>,
    #[command(flatten)]
    pub run: Run,
}

/// What this program does as a child of itself.
#[derive(Debug, Subcommand)]
#[command(hide = true)]
pub enum Step {
    /// Becomes another program that ends with its parent.
    #[command(hide = true)]
    Become {
        parent: u32,
        program: PathBuf,
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Serves ext_authz over gRPC.
    #[command(hide = true)]
    ServeExtAuthz { tokens: PathBuf, address_file: PathBuf },
}

/// Parts that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Processor time per request.
    Cpu,
    /// Latency at a fixed rate.
    Latency,
    /// The 99th percentile with and without pushes.
    Tail,
    /// What a push costs a worker.
    Push,
    /// A first load against a mere copy.
    Cold,
    /// Memory after many pushes and with many tokens.
    Memory,
    /// The control plane with many tokens, on both databases.
    ControlPlane,
}

/// What is measured, and how often.
#[derive(Clone, Debug, clap::Args)]
pub struct Run {
    /// Envoy's binary
    #[arg(long, env = "GATEPASS_BENCH_ENVOY", value_name = "FILE", required = true)]
    pub envoy: Option<PathBuf>,
    /// The filter
    #[arg(long, env = "GATEPASS_BENCH_MODULE", value_name = "FILE", default_value = "dist/gatepass.wasm")]
    pub module: PathBuf,
    /// The filter that does nothing
    #[arg(long, env = "GATEPASS_BENCH_NOOP", value_name = "FILE", default_value = "target/bench/noop.wasm")]
    pub noop: PathBuf,
    /// The filter that makes the host calls of an admitted request, and decides nothing
    #[arg(
        long,
        env = "GATEPASS_BENCH_CALLS",
        value_name = "FILE",
        default_value = "target/bench/calls.wasm"
    )]
    pub calls: PathBuf,
    /// The filter that only copies its configuration
    #[arg(long, env = "GATEPASS_BENCH_COPY", value_name = "FILE", default_value = "target/bench/copy.wasm")]
    pub copy: PathBuf,
    /// The filter that only ticks
    #[arg(
        long,
        env = "GATEPASS_BENCH_TICKS",
        value_name = "FILE",
        default_value = "target/bench/ticks.wasm"
    )]
    pub ticks: PathBuf,
    /// The control plane
    #[arg(long, env = "GATEPASS_BENCH_PROGRAM", value_name = "FILE", default_value = "dist/gatepass")]
    pub program: PathBuf,
    /// Where results and plots go
    #[arg(long, env = "GATEPASS_BENCH_OUT", value_name = "FOLDER", default_value = "target/bench")]
    pub out: PathBuf,
    /// Smaller counts: a look, not a result
    #[arg(long, env = "GATEPASS_BENCH_QUICK")]
    pub quick: bool,
    /// Only these parts, separated by commas
    #[arg(long, env = "GATEPASS_BENCH_ONLY", value_name = "PARTS", value_delimiter = ',')]
    pub only: Vec<Part>,
    /// Rounds over all variants [default: 45, quick: 5]
    #[arg(long, env = "GATEPASS_BENCH_ROUNDS", value_name = "N")]
    pub rounds: Option<usize>,
    /// Requests of each variant in a round [default: 6000, quick: 3000]
    #[arg(long, env = "GATEPASS_BENCH_REQUESTS", value_name = "N")]
    pub requests: Option<usize>,
    /// Seconds of each latency window [default: 3, quick: 1]
    #[arg(long, env = "GATEPASS_BENCH_SECONDS", value_name = "N")]
    pub seconds: Option<u64>,
    /// Pairs of windows, with and without pushes [default: 30, quick: 6]
    #[arg(long, env = "GATEPASS_BENCH_PAIRS", value_name = "N")]
    pub pairs: Option<usize>,
    /// Pushes at 100,000 tokens [default: 200, quick: 30]
    #[arg(long, env = "GATEPASS_BENCH_PUSHES", value_name = "N")]
    pub pushes: Option<usize>,
    /// Pushes at 1,000,000 tokens [default: 12, quick: 3]
    #[arg(long, env = "GATEPASS_BENCH_LARGE_PUSHES", value_name = "N")]
    pub large_pushes: Option<usize>,
    /// Cold loads of each module [default: 11, quick: 3]
    #[arg(long, env = "GATEPASS_BENCH_COLD_LOADS", value_name = "N")]
    pub cold_loads: Option<usize>,
    /// Pushes after which memory is looked at last [default: 10000, quick: 1000]
    #[arg(long, env = "GATEPASS_BENCH_MEMORY_PUSHES", value_name = "N")]
    pub memory_pushes: Option<usize>,
    /// Tokens that each caller of the control plane creates, shows and revokes [default: 100, quick: 20]
    #[arg(long, env = "GATEPASS_BENCH_CHANGES", value_name = "N")]
    pub changes: Option<usize>,
    /// Tokens of the largest table
    #[arg(long, env = "GATEPASS_BENCH_TOKENS", value_name = "N", default_value_t = 1_000_000)]
    pub tokens: usize,
    /// How configurations are written
    #[arg(long, env = "GATEPASS_BENCH_FORM", default_value = "compact")]
    pub form: Form,
    /// Seed of tokens and orders
    #[arg(long, env = "GATEPASS_BENCH_SEED", value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// How often, once flags and defaults have met.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Counts {
    pub quick: bool,
    pub rounds: usize,
    pub requests: usize,
    pub seconds: u64,
    pub pairs: usize,
    pub pushes: usize,
    pub large_pushes: usize,
    pub cold_loads: usize,
    pub memory_pushes: usize,
    pub changes: usize,
    pub tokens: usize,
    pub seed: u64,
}

impl Run {
    /// Whether a part is measured.
    pub fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// How often.
    pub fn counts(&self) -> Counts {
        let either = |full, quick| if self.quick { quick } else { full };
        Counts {
            quick: self.quick,
            rounds: self.rounds.unwrap_or(either(45, 5)),
            requests: self.requests.unwrap_or(either(6_000, 3_000)),
            seconds: self.seconds.unwrap_or(if self.quick { 1 } else { 3 }),
            pairs: self.pairs.unwrap_or(either(30, 6)),
            pushes: self.pushes.unwrap_or(either(200, 30)),
            large_pushes: self.large_pushes.unwrap_or(either(12, 3)),
            cold_loads: self.cold_loads.unwrap_or(either(11, 3)),
            memory_pushes: self.memory_pushes.unwrap_or(either(10_000, 1_000)),
            changes: self.changes.unwrap_or(either(100, 20)),
            tokens: self.tokens,
            seed: self.seed,
        }
    }
}
