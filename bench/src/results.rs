//! Everything that was measured, for the table, the plots and `results.json`.

use std::path::Path;
use std::process::Command;

use serde::Serialize;

use crate::cold::Cold;
use crate::control_plane::ControlPlane;
use crate::cpu::Cpu;
use crate::gates::Modules;
use crate::latency::Latency;
use crate::machine::{Facts, Processors};
use crate::memory::Memory;
use crate::options::Counts;
use crate::pushing::Observed;
use crate::tail::Tail;
use crate::variants::Variant;

/// One run.
#[derive(Debug, Serialize)]
pub struct Results {
    /// When it began, UTC.
    pub started: String,
    /// How long it took.
    pub seconds: f64,
    /// The commit, with `+` if the tree differed from it.
    pub revision: String,
    /// What it ran on.
    pub machine: Facts,
    /// Which processor did what.
    pub processors: Processors,
    /// Whether the load generator, Envoy's worker and the ext_authz server had real-time priority.
    pub real_time: bool,
    /// How much processor time others on this machine had during the comparison, as a share of one processor.
    pub others_busy: f64,
    /// How much the hypervisor gave to other machines, as a share of one processor.
    pub stolen: f64,
    /// Envoy's version.
    pub envoy: String,
    /// How often everything was measured.
    pub counts: Counts,
    /// How configurations were written.
    pub form: &'static str,
    /// Bytes of each module.
    pub sizes: Sizes,
    /// The rows of the comparison.
    pub variants: Vec<Variant>,
    /// Processor time per request.
    pub cpu: Option<Cpu>,
    /// Latency at a fixed rate.
    pub latency: Option<Latency>,
    /// Usage reports that were sent meanwhile.
    pub reports: Option<u64>,
    /// The 99th percentile under pushes.
    pub tail: Option<Tail>,
    /// Pushes at 100,000 tokens.
    pub pushes: Vec<Observed>,
    /// Pushes at the largest table.
    pub large_pushes: Vec<Observed>,
    /// First loads.
    pub cold: Option<Cold>,
    /// Resident memory.
    pub memory: Option<Memory>,
    /// The control plane, on each database.
    pub control_plane: Vec<ControlPlane>,
}

/// Bytes of each module.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Sizes {
    /// The filter.
    pub gatepass: u64,
    /// The filter that does nothing.
    pub noop: u64,
}

impl Sizes {
    /// Of these files.
    ///
    /// # Errors
    /// One is not there.
    pub fn of(modules: &Modules) -> anyhow::Result<Self> {
        Ok(Self { gatepass: size(&modules.gatepass)?, noop: size(&modules.noop)? })
    }
}

fn size(path: &Path) -> anyhow::Result<u64> {
    use anyhow::Context as _;
    let missing = || format!("no module at {}: `make bench` builds it", path.display());
    Ok(path.metadata().with_context(missing)?.len())
}

/// The commit that is checked out here, with `+` if files differ from it.
pub fn revision() -> String {
    let git = |arguments: &[&str]| {
        let output =
            Command::new("git").args(arguments).output().ok().filter(|output| output.status.success());
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let changed =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| !text.is_empty());
    if changed { format!("{commit}+") } else { commit }
}
