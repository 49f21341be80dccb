//! The control plane's promises, kept through its own router, database and delivery.
#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

mod audit;
mod authority;
mod bodies;
mod delivery;
mod edge;
mod first_start;
mod settings;
mod support;
mod tokens;
mod users;
