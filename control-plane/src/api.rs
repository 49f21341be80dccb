//! The REST edge: parse a request, call one use case, render.

mod audit;
mod client;
mod creation;
mod cursor;
mod edge;
mod extract;
mod fleet;
mod health;
mod settings;
mod snapshot;
mod tokens;
mod users;
mod whoami;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};

use crate::change::Committed;
use crate::context::Context;
use crate::http::problem;
pub use client::TrustedProxies;
pub use creation::CreationLimit;
pub use edge::AllowedHosts;

/// What the handlers share.
#[derive(Clone)]
pub struct Api {
    /// For the use cases.
    pub context: Context,
    /// Proxies whose `x-forwarded-for` counts.
    pub proxies: Arc<TrustedProxies>,
    /// Names under which this server answers.
    pub hosts: Arc<AllowedHosts>,
    /// How much one person may create.
    pub creations: Arc<CreationLimit>,
}

/// All routes. Serve it with `into_make_service_with_connect_info::<SocketAddr>`: the peer's address decides.
pub fn router(api: Api) -> Router {
    let v1 = Router::new()
        .route("/tokens", get(tokens::list_tokens).post(tokens::create_token))
        .route("/tokens/{id}", get(tokens::show_token).delete(tokens::revoke_token))
        .route("/users", get(users::list_users).post(users::create_user))
        .route("/users/{name}", get(users::show_user).patch(users::update_user))
        .route("/users/{name}/tokens", delete(tokens::revoke_all_tokens))
        .route("/settings", get(settings::show_settings).patch(settings::update_settings))
        .route("/settings/preview", post(settings::preview_settings))
        .route("/audit", get(audit::list_audit))
        .route("/fleet", get(fleet::show_fleet))
        .route("/whoami", get(whoami::whoami))
        .route("/snapshot", get(snapshot::show_snapshot))
        .layer(from_fn_with_state(api.clone(), creation::limited));
    let router = Router::new()
        .nest("/api/v1", v1)
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method);
    edge::wrap(router, api.clone()).with_state(api)
}

/// Tells the client which revision is live; nothing while a change waits for delivery.
fn revision(committed: Option<&Committed>) -> Option<[(&'static str, String); 1]> {
    let committed = committed.filter(|committed| committed.delivered)?;
    Some([("gatepass-revision", committed.version.revision.to_string())])
}
