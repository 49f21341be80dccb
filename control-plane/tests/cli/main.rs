//! The binary: what it says at start, and its commands.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic, and so may its helpers")]

mod audit;
mod client;
mod commands;
mod doctor;
mod killed;
mod password;
#[allow(dead_code, reason = "each of the binaries that share it uses a part")]
#[path = "../support/postgres.rs"]
mod postgres;
mod reports;
mod restore;
mod settings;
mod snapshot;
mod start;
mod support;
mod webhooks;
