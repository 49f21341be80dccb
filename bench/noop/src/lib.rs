//! What any wasm filter costs in Envoy, by the SDK's defaults: a module that does nothing, one (feature `copy`) that only
//! copies its configuration into the VM, and one (feature `ticks`) that only has itself called once a second.

#[cfg(target_arch = "wasm32")]
mod filter;
