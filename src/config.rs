//! The plugin configuration, version 1: a public contract, documented in `docs/plugin-configuration.md`.
//!
//! [`wire`] holds the JSON's types; [`crate::policy::Policy::parse`] turns bytes into a policy that can be enforced.

pub mod error;
mod read;
mod strict;
mod value;
pub mod wire;

pub use error::ConfigError;
pub(crate) use read::{MAX_VALUES, TOO_MANY_ADDRESSES};
