//! The REST edge: parse a request, call one use case, render.

mod audit;
pub(crate) mod browser;
mod client;
mod creation;
pub(crate) mod cursor;
mod described;
mod docs;
mod edge;
mod explain;
pub(crate) mod extract;
mod fleet;
mod health;
mod identities;
mod import;
mod metrics;
mod notices;
mod oidc;
mod openapi;
mod overview;
mod session;
mod settings;
mod snapshot;
mod sources;
pub(crate) mod tokens;
mod users;
mod webhooks;
mod whoami;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

use crate::change::Committed;
use crate::context::Context;
use crate::http::problem;
use crate::oidc::Provider;
use crate::web;
pub(crate) use audit::{MAX_TEXT as MAX_AUDIT_TEXT, filter_of as audit_filter};
pub use client::TrustedProxies;
pub use creation::CreationLimit;
pub(crate) use cursor::MAX_CURSOR;
use described::Described;
pub use edge::AllowedHosts;
pub(crate) use extract::MAX_TAGS;
pub(crate) use import::MAX_FILE;
pub(crate) use oidc::MAX_TEXT as MAX_OIDC_TEXT;
pub use openapi::document;
pub(crate) use sources::MAX_DOCUMENT;
pub use sources::Pushes;

/// Where the first version of the contract is.
const V1: &str = "/api/v1";

/// What the handlers share.
#[derive(Clone)]
pub struct Api {
    /// For the use cases.
    pub context: Context,
    /// Proxies whose `x-forwarded-for` counts.
    pub proxies: Arc<TrustedProxies>,
    /// Names under which this server answers.
    pub hosts: Arc<AllowedHosts>,
    /// The host that browsers reach this server under by https, in lower case, if that is known.
    pub https_host: Option<Arc<str>>,
    /// The provider with which people sign in, if there is one.
    pub oidc: Option<Arc<Provider>>,
    /// Where clients reach the gate, as pages show it; not known if absent.
    pub gate_url: Option<Arc<str>>,
    /// How much one person may create.
    pub creations: Arc<CreationLimit>,
    /// Of which sources a push is under way.
    pub pushes: Arc<Pushes>,
}

/// Below `/api/v1`. Handlers of one path stand together.
fn v1() -> Described {
    Described::new()
        .add(routes!(tokens::list_tokens, tokens::create_token))
        .add(routes!(tokens::show_token, tokens::update_token, tokens::revoke_token))
        .add(routes!(tokens::rotate_token))
        .add(routes!(notices::list_notices))
        .add(routes!(users::list_users, users::create_user))
        .add(routes!(users::show_user, users::update_user))
        .add(routes!(users::set_password))
        .add(routes!(session::sign_in, session::show_session, session::sign_out))
        .add(routes!(oidc::start))
        .add(routes!(oidc::finish))
        .add(routes!(session::end_sessions))
        .add(routes!(session::reset_failed_sign_ins))
        .add(import_users())
        .add(routes!(identities::list_identities, identities::add_identity, identities::remove_identity))
        .add(routes!(tokens::revoke_all_tokens))
        .add(routes!(settings::show_settings, settings::update_settings))
        .add(routes!(settings::preview_settings))
        .add(routes!(audit::list_audit))
        .add(routes!(webhooks::list_webhooks, webhooks::create_webhook))
        .add(routes!(webhooks::show_webhook, webhooks::update_webhook, webhooks::delete_webhook))
        .add(routes!(webhooks::rotate_webhook))
        .add(routes!(webhooks::test_webhook))
        .add(routes!(webhooks::list_deliveries))
        .add(routes!(fleet::show_fleet))
        .add(routes!(overview::show_overview))
        .add(routes!(explain::explain))
        .add(routes!(sources::list_sources, sources::create_source))
        .add(routes!(sources::show_source, sources::update_source, sources::delete_source))
        .add(routes!(sources::tokens::create_push_token))
        .add(routes!(sources::tokens::rotate_push_token))
        .add(routes!(sources::tokens::revoke_push_token))
        .add(source_snapshots())
        .add(routes!(whoami::whoami))
        .add(routes!(snapshot::show_snapshot))
        .add(routes!(openapi::show_openapi))
}

/// At the root.
fn root() -> Described {
    Described::new()
        .add(routes!(health::healthz))
        .add(routes!(health::readyz))
        .add(routes!(metrics::show_metrics))
}

/// All that there is, for its description.
fn described() -> Described {
    Described::new().nest(V1, v1()).merge(root())
}

/// All routes. Serve it with `into_make_service_with_connect_info::<SocketAddr>`: the peer's address decides.
pub fn router(api: Api) -> Router {
    let limited = from_fn_with_state(api.clone(), creation::limited);
    let router = Router::new()
        .nest(V1, v1().router().layer(limited))
        .merge(root().router())
        .merge(docs::router())
        .merge(web::router())
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method);
    edge::wrap(router, api.clone()).with_state(api)
}

/// The call that imports. A file may be longer than other bodies.
fn import_users() -> UtoipaMethodRouter<Api> {
    use utoipa_axum::router::UtoipaMethodRouterExt as _;
    routes!(import::import_users).layer(DefaultBodyLimit::max(import::FILE.bytes))
}

/// What is in force of a source. A push may be longer than other bodies.
fn source_snapshots() -> UtoipaMethodRouter<Api> {
    use utoipa_axum::router::UtoipaMethodRouterExt as _;
    let routes = routes!(sources::snapshot::show_source_snapshot, sources::snapshot::push_snapshot);
    routes.layer(DefaultBodyLimit::max(sources::snapshot::DOCUMENT.bytes))
}

/// Tells the client which revision is live; nothing while a change waits for delivery.
fn revision(committed: Option<&Committed>) -> Option<[(&'static str, String); 1]> {
    let committed = committed.filter(|committed| committed.delivered)?;
    Some([("gatepass-revision", committed.version.revision.to_string())])
}
