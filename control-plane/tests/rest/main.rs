//! The control plane's promises, kept through its own router, database and delivery.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic, and so may its helpers")]

mod audit;
mod audit_export;
mod authority;
mod bodies;
mod certificates;
mod creation;
mod dataplane;
mod dataplane_tls;
mod delivery;
mod docs;
mod edge;
mod explain;
mod first_start;
mod fleet;
mod group_commit;
mod metrics;
mod notices;
mod oidc;
mod openapi;
mod overview;
mod pages;
mod pages_admin;
mod people;
#[allow(dead_code, reason = "each of the binaries that share it uses a part")]
#[path = "../support/postgres.rs"]
mod postgres;
mod replicas;
mod report_fields;
mod reporter;
mod reports;
mod roles;
mod sessions;
mod settings;
mod settings_bound;
mod settings_preview;
mod snapshots;
mod sources;
mod sources_at_size;
mod sources_bounds;
mod sources_seen;
mod support;
mod suspension;
mod token_lists;
mod token_rotation;
mod token_updates;
mod tokens;
mod user_import;
mod users;
mod webhook_receiver;
mod webhooks;
