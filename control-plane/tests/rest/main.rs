//! The control plane's promises, kept through its own router, database and delivery.
#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

mod audit;
mod audit_export;
mod authority;
mod bodies;
mod creation;
mod dataplane;
mod dataplane_tls;
mod delivery;
mod edge;
mod first_start;
mod fleet;
mod report_fields;
mod reporter;
mod reports;
mod settings;
mod settings_bound;
mod settings_preview;
mod support;
mod tokens;
mod users;
