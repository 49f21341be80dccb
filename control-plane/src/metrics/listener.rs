//! A listener for Prometheus alone, with a key instead of a person's token.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::{CONTENT_TYPE, text};
use crate::api::AllowedHosts;
use crate::context::Context;
use crate::http::key;
use crate::http::observe::{Observer, Weight, catch_panics, observed};
use crate::http::problem;
use crate::report_key::KeyDigest;

/// Where metrics are, on every listener that has them.
pub const PATH: &str = "/metrics";

/// What the handlers share.
#[derive(Clone)]
pub struct MetricsEdge {
    /// For what is looked up.
    pub context: Context,
    /// Names under which this listener answers.
    pub hosts: AllowedHosts,
    /// What a reader must present; nothing if absent, which is for loopback alone.
    pub key: Option<KeyDigest>,
}

/// All routes.
#[expect(clippy::disallowed_methods, reason = "no part of REST: described in docs/operations.md")]
pub fn router(edge: MetricsEdge) -> Router {
    Router::new()
        .route(PATH, get(show_metrics))
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(from_fn_with_state(edge.clone(), admitted_only))
        .layer(catch_panics())
        .layer(from_fn_with_state(edge.clone(), every_request))
        .with_state(edge)
}

async fn every_request(State(edge): State<MetricsEdge>, request: Request, next: Next) -> Response {
    let weight =
        |_: &str, status: StatusCode| if status.is_success() { Weight::Routine } else { Weight::Suspicious };
    let observer = Observer { context: &edge.context, listener: "metrics" };
    observed(observer, weight, request, |request| next.run(request)).await
}

/// Before anything else is looked at, the path included.
async fn admitted_only(State(edge): State<MetricsEdge>, request: Request, next: Next) -> Response {
    let known =
        edge.key.as_ref().map_or(Ok(()), |digest| key::check(digest, request.headers(), "metrics key"));
    match edge.hosts.check(&request).and(known) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn show_metrics(State(edge): State<MetricsEdge>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text(&edge.context).await).into_response()
}
