//! `/metrics`.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use super::Api;
use super::openapi::ADMIN;
use crate::callers::Caller;
use crate::http::problem::Problem;
use crate::metrics::{self, CONTENT_TYPE};

/// Show metrics for Prometheus
///
/// With `--metrics-listen` a listener of their own has them as well, for readers that are no person.
#[utoipa::path(
    get, path = "/metrics", operation_id = "showMetrics", tag = "server",
    responses((status = 200, description = "OpenMetrics 1.0", body = String, content_type = CONTENT_TYPE)),
    extensions(("x-problems" = json!(ADMIN))),
)]
pub(super) async fn show_metrics(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    let text = metrics::show(&api.context, &caller).await?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}
