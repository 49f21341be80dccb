//! Benchmarks of Gatepass: the filter against what Envoy has of its own, in one run on one Envoy. See
//! docs/benchmarks.md.

mod acceptance;
mod accounting;
mod bootstrap;
mod child;
mod clock;
mod cold;
mod control_plane;
mod cpu;
mod ecds;
mod envoy;
mod ext_authz;
mod gates;
mod http;
mod latency;
mod load;
mod log;
mod machine;
mod memory;
mod options;
mod plot;
mod proto;
mod pushing;
mod random;
mod report;
mod results;
mod run;
mod stats;
mod tail;
mod tokens;
mod variants;

use clap::Parser as _;
use options::{Options, Step};

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    match options.step {
        Some(Step::Become { parent, program, arguments }) => {
            child::become_program(parent, &program, &arguments)
        }
        Some(Step::ServeExtAuthz { tokens, address_file }) => ext_authz::serve(&tokens, &address_file),
        None => run::run(options.run),
    }
}
