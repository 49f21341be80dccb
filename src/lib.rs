//! Gatepass: API tokens for anything behind Envoy. This crate is the filter and the rules that it shares with the
//! control plane.

pub mod config;
pub mod names;
pub mod policy;
pub mod token;
