//! The first load of a large table into a fresh VM, against the mere copy of the same bytes into one.

use serde::Serialize;

use crate::bootstrap::Bootstrap;
use crate::ecds::{Discovered, Form, WASM, wasm};
use crate::envoy::{Envoy, Program};
use crate::gates::Modules;
use crate::http::Requests;
use crate::pushing::{Observed, observe};
use crate::stats::median;
use crate::tokens::Tokens;

/// Loads of both modules, in pairs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cold {
    /// Bytes of the configuration.
    pub bytes: usize,
    /// Tokens in it.
    pub tokens: usize,
    /// The filter.
    pub gatepass: Vec<Observed>,
    /// The module that only copies.
    pub copy: Vec<Observed>,
}

/// The worker's times inside the VM, where the module told them.
pub fn worker_us(observed: &[Observed]) -> Vec<f64> {
    observed.iter().filter_map(|observed| observed.worker_us).collect()
}

impl Cold {
    /// The filter's time over the copy's, both in the middle; nothing if a module did not tell.
    pub fn ratio(&self) -> Option<f64> {
        let (gatepass, copy) = (worker_us(&self.gatepass), worker_us(&self.copy));
        (!gatepass.is_empty() && !copy.is_empty()).then(|| median(&gatepass) / median(&copy))
    }
}

/// Loads `tokens.len()` tokens `loads` times into fresh VMs of either module, by turns, in an Envoy of its own.
///
/// # Errors
/// A load failed, or the system's.
pub fn measure(
    program: &Program,
    modules: &Modules,
    tokens: &Tokens,
    (loads, form): (usize, Form),
    probe: &Requests,
) -> anyhow::Result<Cold> {
    let mut filters = [
        (Discovered::new("cold-gatepass", WASM, &program.folder), &modules.gatepass),
        (Discovered::new("cold-copy", WASM, &program.folder), &modules.copy),
    ];
    let empty = form.encode(&tokens.configuration(0, false))?;
    let mut bootstrap = Bootstrap::default();
    bootstrap.listener("bare", Vec::new());
    for (filter, module) in &mut filters {
        let name = filter.name().to_owned();
        filter.write(&wasm(&name, "cold-0", module, Some(empty.clone())))?;
        bootstrap.listener(&name, vec![filter.filter()]);
    }
    let mut envoy = Envoy::start(program, "cold", &bootstrap, (1, "debug"))?;
    let configuration = form.encode(&tokens.configuration(tokens.len(), false))?;
    let mut cold = Cold { bytes: configuration.value.len(), tokens: tokens.len(), ..Cold::default() };
    for load in 1..=loads {
        for (filter, module) in &mut filters {
            let name = filter.name().to_owned();
            // Another id is another VM.
            let message = wasm(&name, &format!("cold-{load}"), module, Some(configuration.clone()));
            let prepared = filter.prepare(&message)?;
            drop(message);
            let observed = observe(&mut envoy, &name, probe, prepared)?;
            let values = if name == "cold-gatepass" { &mut cold.gatepass } else { &mut cold.copy };
            values.push(observed);
        }
    }
    Ok(cold)
}
