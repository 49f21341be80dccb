//! `/healthz` and `/readyz`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::context::Context;
use crate::error::Error;
use crate::http::problem::Problem;

/// That all is well.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    status: &'static str,
}

const OK: Json<Health> = Json(Health { status: "ok" });

/// How long the delivery of a large snapshot may take.
const DELIVERY_ALLOWANCE: Duration = Duration::from_secs(10);

/// Show that the process runs
#[utoipa::path(
    get, path = "/healthz", operation_id = "healthz", tag = "server", security(()),
    responses((status = 200, description = "It does", body = Health)),
)]
pub(super) async fn healthz() -> Json<Health> {
    OK
}

/// Show that the database answers and the newest revision is delivered
///
/// With more than 50,000 tokens, a delivery may be under way for ten seconds.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "server", security(()),
    responses((status = 200, description = "Both are so", body = Health)),
    extensions(("x-problems" = json!(["not_ready"]))),
)]
pub(super) async fn readyz(State(api): State<Api>) -> Result<Json<Health>, Problem> {
    let wanted = wanted(&api).await.map_err(|error| {
        tracing::warn!(%error, "not ready");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "the database does not answer")
    })?;
    let delivered = api.context.delivery.as_ref().and_then(|signal| signal.delivered());
    if wanted.is_some() && (wanted == delivered || is_soon_delivered(&api.context)) {
        return Ok(OK);
    }
    let detail = "the last change has not been delivered yet";
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail))
}

/// A large snapshot takes a while to write. Whoever sends requests elsewhere meanwhile would do so at every change.
fn is_soon_delivered(context: &Context) -> bool {
    context.newest.is_large() && context.metrics.lag() <= DELIVERY_ALLOWANCE
}

async fn wanted(api: &Api) -> Result<Option<crate::store::Version>, Error> {
    let mut tx = api.context.store.read().await?;
    Ok(tx.version().await?)
}
