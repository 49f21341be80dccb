//! Pages for who looks after others: overview and administration, and for everybody why a request is refused.

mod audit;
mod explain;
mod fleet;
mod overview;
mod plot;
mod settings;
mod users;

use axum::Router;
use axum::routing::{get, post};

use crate::api::Api;

/// Where the overview is.
pub(super) const OVERVIEW: &str = "/overview";
/// Where a refusal is explained.
pub(super) const EXPLAIN: &str = "/explain";
/// Where administration begins: the part of the menu that all its pages belong to.
pub(super) const ADMIN: &str = "/admin/settings";
/// Where users are.
const USERS: &str = "/admin/users";
/// Where the audit is.
const AUDIT: &str = "/admin/audit";
/// Where the fleet is.
const FLEET: &str = "/admin/fleet";

/// A page of administration, in the list of them that each shows.
struct Tab {
    path: &'static str,
    label: &'static str,
    is_here: bool,
}

fn tabs(here: &str) -> Vec<Tab> {
    let all = [(ADMIN, "Settings"), (USERS, "Users"), (AUDIT, "Audit log"), (FLEET, "Proxies")];
    all.into_iter().map(|(path, label)| Tab { path, label, is_here: path == here }).collect()
}

/// The pages.
#[expect(clippy::disallowed_methods, reason = "pages for people, no calls of REST")]
pub(super) fn router() -> Router<Api> {
    Router::new()
        .route(OVERVIEW, get(overview::show))
        .route(EXPLAIN, get(explain::show).post(explain::explain))
        .route(ADMIN, get(settings::show).post(settings::change))
        .route(USERS, get(users::list))
        .route("/admin/new-user", get(users::show_new).post(users::create))
        .route("/admin/users/{name}", get(users::show).post(users::update))
        .route("/admin/users/{name}/password", post(users::set_password))
        .route("/admin/users/{name}/failed-sign-ins", post(users::reset_failures))
        .route("/admin/users/{name}/sessions", post(users::end_sessions))
        .route(AUDIT, get(audit::list))
        .route("/admin/audit/check", post(audit::check))
        .route(FLEET, get(fleet::show))
}
