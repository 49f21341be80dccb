//! The part that runs inside a proxy: proxy-wasm ABI 0.2.1, wasm32 only.
//!
//! The SDK brings the callbacks; the host's functions are called through [`abi`], where every error is a value: a trap
//! while a worker configures makes Envoy skip the filter.

mod abi;
mod http;
mod metrics;
mod report;
mod root;

#[cfg(feature = "fault-injection")]
mod fault;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::UNIX_EPOCH;

use proxy_wasm::types::LogLevel;

use crate::instance::Instance;
use crate::usage::Usage;
use metrics::Metrics;
use report::Reporter;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|id| Box::new(root::Root::new(id)));
}}

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

thread_local! {
    /// By plugin name and root id: identical modules share a VM and its statics.
    static GATES: RefCell<HashMap<Vec<u8>, Rc<Gate>>> = RefCell::new(HashMap::new());
}

/// The gate that the calling context belongs to, and its name.
fn current_gate() -> (Rc<Gate>, String) {
    let names = [property("plugin_name"), property("plugin_root_id")];
    let gate = GATES.with_borrow_mut(|gates| Rc::clone(gates.entry(names.join(&0)).or_default()));
    (gate, String::from_utf8_lossy(&names.join(&b'/')).into_owned())
}

/// Whether any gate of this VM enforces, or enforced, a configuration. Then this VM is no canary.
fn vm_has_been_configured() -> bool {
    GATES.with_borrow(|gates| gates.values().any(|gate| gate.instance.borrow().was_configured()))
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

fn log(level: LogLevel, message: &str) {
    abi::log(level, &format!("gatepass: {message}"));
}
