//! The control plane: tokens, users, settings and audit in a database, and the plugin configuration that follows from
//! them in the hands of the proxy.
//!
//! Dependencies point one way: [`cli`] → [`app`] → [`api`], [`dataplane`] and [`delivery`] → use cases ([`tokens`],
//! [`users`], [`suspension`], [`notices`], [`webhooks`], [`sign_in`], [`oidc`], [`settings`], [`audit`], [`idempotency`], [`usage`], [`fleet`],
//! [`explain`], [`overview`], [`first_start`],
//! [`way_back`], [`epoch`], [`sources`]) → [`store`], [`clock`], [`random`] → [`domain`] → the
//! filter's core.

pub mod api;
pub mod app;
pub mod audit;
pub mod backup;
pub mod callers;
pub mod change;
pub mod cli;
pub mod clock;
pub mod connections;
pub mod context;
pub mod data_folder;
pub mod dataplane;
pub mod delivery;
pub mod doctor;
pub mod domain;
pub mod epoch;
pub mod error;
pub mod explain;
pub mod first_start;
pub mod fleet;
mod http;
pub mod idempotency;
pub mod metrics;
pub mod notices;
pub mod oidc;
pub mod overview;
pub mod password;
pub mod random;
pub mod render;
pub mod report_key;
pub mod restore;
mod schema;
pub mod settings;
pub mod sign_in;
pub mod signal;
pub mod snapshot;
pub mod sources;
pub mod store;
pub mod suspension;
pub mod tls;
pub mod tokens;
pub mod usage;
pub mod users;
pub mod way_back;
mod web;
pub mod webhooks;
