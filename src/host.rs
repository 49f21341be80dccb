//! The part that runs inside a proxy: proxy-wasm ABI 0.2.1, wasm32 only.
//!
//! [`callbacks`] is what the host calls, [`abi`] what it is called for; between them nothing is unsafe, and every error
//! is a value: a trap while a worker configures makes Envoy skip the filter.
//!
//! A request enters the VM once. A host tells a module of each context that it makes and drops only if the module
//! exports a callback for that; this one does not, since it keeps nothing for a request. Whose request it is follows
//! from the gates of the VM.

mod abi;
mod callbacks;
mod http;
mod metrics;
mod report;
mod root;

#[cfg(feature = "fault-injection")]
mod fault;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::UNIX_EPOCH;

use crate::instance::Instance;
use crate::usage::Usage;
use abi::Level;
use metrics::Metrics;
use report::Reporter;

/// All that outlives a root context, for one filter of this VM.
#[derive(Default)]
struct Gate {
    instance: RefCell<Instance>,
    usage: RefCell<Usage>,
    metrics: RefCell<Metrics>,
    reporter: RefCell<Reporter>,
    /// The root context that was configured last: it alone ticks.
    root: Cell<u32>,
}

/// Identical modules share a VM and its statics, so there may be several gates in it.
#[derive(Default)]
struct Vm {
    /// By plugin name and root id, with a NUL between, which neither has.
    gates: Vec<(String, Rc<Gate>)>,
    /// Root contexts that were started and have not been configured yet.
    started: Vec<u32>,
}

thread_local! {
    static VM: RefCell<Vm> = RefCell::default();
}

/// The name of the filter that the calling context belongs to.
fn current_name() -> String {
    let names = [property("plugin_name"), property("plugin_root_id")];
    String::from_utf8_lossy(&names.join(&0)).into_owned()
}

/// The gate of that name: a new one, if it has not been configured before.
fn gate_for_root(name: &str) -> Rc<Gate> {
    VM.with_borrow_mut(|vm| {
        if let Some((_, gate)) = vm.gates.iter().find(|(known, _)| known == name) {
            return Rc::clone(gate);
        }
        let gate = Rc::<Gate>::default();
        vm.gates.push((name.to_owned(), Rc::clone(&gate)));
        gate
    })
}

/// The gate that the calling request has to pass. Where there is one alone, it is that; else the host is asked, which
/// costs two calls. None, which refuses, while a root waits for its configuration: the request could be its own.
fn gate_for_request() -> Option<Rc<Gate>> {
    VM.with_borrow(|vm| match vm.gates.as_slice() {
        _ if !vm.started.is_empty() => None,
        [(_, only)] => Some(Rc::clone(only)),
        gates => {
            let name = current_name();
            gates.iter().find(|(known, _)| *known == name).map(|(_, gate)| Rc::clone(gate))
        }
    })
}

/// The gate for which this holds.
fn gate_where(holds: impl Fn(&Gate) -> bool) -> Option<Rc<Gate>> {
    VM.with_borrow(|vm| vm.gates.iter().find(|(_, gate)| holds(gate)).map(|(_, gate)| Rc::clone(gate)))
}

/// Whether any gate of this VM enforces, or enforced, a configuration. Then this VM is no canary.
fn vm_has_been_configured() -> bool {
    gate_where(|gate| gate.instance.borrow().was_configured()).is_some()
}

/// A property, or nothing where the host has none of that name.
fn property(path: &str) -> Vec<u8> {
    abi::property(path).unwrap_or_default()
}

/// Unix time in seconds.
fn now() -> Option<u64> {
    let now = abi::now().ok()?;
    now.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

fn log(level: Level, message: &str) {
    abi::log(level, &format!("gatepass: {message}"));
}
