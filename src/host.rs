//! The part that runs inside a proxy: proxy-wasm ABI 0.2.1, wasm32 only.
//!
//! Host calls go through `hostcalls::`, where every error is a value: the SDK's context methods unwrap them, and a
//! trap while a worker configures makes Envoy skip the filter.

mod http;
mod metrics;
mod root;

#[cfg(feature = "fault-injection")]
mod fault;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use proxy_wasm::hostcalls;
use proxy_wasm::types::LogLevel;

use crate::instance::Instance;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(root::Root::default()));
}}

/// An instance as its roots and requests share it.
type SharedInstance = Rc<RefCell<Instance>>;

thread_local! {
    /// All that outlives a root context, by instance: identical modules share a VM and its statics.
    static INSTANCES: RefCell<HashMap<Vec<u8>, SharedInstance>> = RefCell::new(HashMap::new());
}

/// The instance that the calling context belongs to, known by its plugin's name and root id.
fn current_instance() -> SharedInstance {
    let key = [property("plugin_name"), property("plugin_root_id")].join(&0);
    INSTANCES.with_borrow_mut(|instances| Rc::clone(instances.entry(key).or_default()))
}

/// Whether any instance of this VM enforces, or enforced, a configuration. Then this VM is no canary.
fn vm_has_been_configured() -> bool {
    INSTANCES.with_borrow(|instances| instances.values().any(|instance| instance.borrow().was_configured()))
}

/// A property, or nothing where the host has none of that name.
fn property(name: &str) -> Vec<u8> {
    hostcalls::get_property(vec![name]).ok().flatten().unwrap_or_default()
}

/// Writes to the proxy's log; a log that cannot be written changes nothing.
fn log(level: LogLevel, message: &str) {
    let _ = hostcalls::log(level, &format!("gatepass: {message}"));
}
