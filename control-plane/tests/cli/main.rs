//! The binary: what it says at start, and the commands that work on the data folder.
#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

mod audit;
mod commands;
mod password;
mod reports;
mod snapshot;
mod start;
mod support;
