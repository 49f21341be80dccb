//! The edge for Envoy: usage reports, on a listener of its own, from known proxies only.

pub mod access;
mod check;
mod wire;

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};

use crate::context::Context;
use crate::error::Error;
use crate::http::body::{self, Bounds};
use crate::http::observe::{Observer, Weight, catch_panics, observed};
use crate::http::problem::{self, Problem};
use crate::usage::{self, Accepted};
use access::Access;

/// Where reports are posted to.
pub const USAGE_PATH: &str = "/dataplane/v1/usage";
/// What a report may take.
const BODY: Bounds = Bounds { bytes: 1024 * 1024, time: Duration::from_secs(10) };

/// What the handlers share.
#[derive(Clone)]
pub struct DataPlane {
    /// For the use case.
    pub context: Context,
    /// Who may report.
    pub access: Access,
}

/// All routes. REST has none of them, nor this any of REST's.
#[expect(clippy::disallowed_methods, reason = "proxies read no document: docs/fleet.md is their contract")]
pub fn router(dataplane: DataPlane) -> Router {
    Router::new()
        .route(USAGE_PATH, post(take_report))
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(DefaultBodyLimit::max(BODY.bytes))
        .layer(from_fn_with_state(dataplane.clone(), access::known_only))
        .layer(catch_panics())
        .layer(from_fn_with_state(dataplane.clone(), every_request))
        .with_state(dataplane)
}

async fn every_request(State(dataplane): State<DataPlane>, request: Request, next: Next) -> Response {
    // Every worker reports every few seconds. What is refused is somebody's mistake, or nobody's proxy.
    let weight =
        |_: &str, status: StatusCode| if status.is_success() { Weight::Routine } else { Weight::Suspicious };
    let observer = Observer { context: &dataplane.context, listener: "dataplane" };
    observed(observer, weight, request, |request| next.run(request)).await
}

async fn take_report(
    State(dataplane): State<DataPlane>,
    request: Request,
) -> Result<Json<Accepted>, Problem> {
    let body: wire::Body = body::json(request, BODY).await?;
    let report = body.into_report().map_err(Error::from)?;
    Ok(Json(usage::take(&dataplane.context, report).await?))
}
