//! The control plane's promises, kept through its own router, database and delivery.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod audit;
mod authority;
mod delivery;
mod edge;
mod first_start;
mod settings;
mod support;
mod tokens;
mod users;
