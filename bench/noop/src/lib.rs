//! What any wasm filter costs in Envoy, by the SDK's defaults: a module that does nothing, and one (feature `copy`)
//! that only copies its configuration into the VM.

#[cfg(target_arch = "wasm32")]
mod filter;
