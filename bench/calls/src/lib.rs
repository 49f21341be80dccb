//! The floor under any filter that tells the upstream who was verified and leaves its decision for the seatbelt: one
//! entry into the VM and five calls out of it, with nothing in between. No header is looked at and nothing is decided.

#[cfg(target_arch = "wasm32")]
mod filter;
