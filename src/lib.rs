//! Gatepass: API tokens for anything behind Envoy. This crate is the filter and the rules that it shares with the
//! control plane.

#![cfg_attr(test, allow(clippy::string_slice, clippy::arithmetic_side_effects, reason = "a test may panic"))]

pub mod address;
pub mod authorization;
pub mod compact;
pub mod config;
pub mod decision;
pub mod headers;
#[cfg(target_arch = "wasm32")]
mod host;
pub mod instance;
mod memory;
pub mod names;
pub mod path;
pub mod policy;
pub mod reply;
pub mod request;
pub mod scope;
pub mod source;
pub mod table;
pub mod token;
pub mod usage;
