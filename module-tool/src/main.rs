//! `gatepass-module-tool IN OUT`: the module without the exports that it does not need.
//!
//! The SDK exports every callback of the ABI. A callback that is exported costs an entry into the VM whenever the proxy
//! has something to say there: for each response, body and log line of each request.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

/// What stays. `second-host/tests/interface.rs` says of each why, and holds the module to it.
const KEPT: [&str; 13] = [
    "_initialize",
    "memory",
    "proxy_abi_version_0_2_1",
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_delete",
    "proxy_on_done",
    "proxy_on_http_call_response",
    "proxy_on_memory_allocate",
    "proxy_on_request_headers",
    "proxy_on_request_trailers",
    "proxy_on_tick",
    "proxy_on_vm_start",
];

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(input), Some(output), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        bail!("usage: gatepass-module-tool IN OUT");
    };
    let mut module =
        walrus::Module::from_file(&input).with_context(|| format!("cannot read {}", input.display()))?;
    for name in KEPT {
        if !module.exports.iter().any(|export| export.name == name) {
            bail!("{} does not export {name}", input.display());
        }
    }
    let unneeded: Vec<_> = module
        .exports
        .iter()
        .filter(|e| !KEPT.contains(&e.name.as_str()))
        .map(|export| export.id())
        .collect();
    unneeded.into_iter().for_each(|id| module.exports.delete(id));
    walrus::passes::gc::run(&mut module);
    module.emit_wasm_file(&output).with_context(|| format!("cannot write {}", output.display()))
}
