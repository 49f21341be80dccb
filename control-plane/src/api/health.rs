//! `/healthz` and `/readyz`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Api;
use crate::error::Error;
use crate::http::problem::Problem;

/// The process answers.
pub(super) async fn healthz() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// The database answers, and what it holds has been delivered.
pub(super) async fn readyz(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let wanted = wanted(&api).await.map_err(|error| {
        tracing::warn!(%error, "not ready");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "the database does not answer")
    })?;
    let delivered = api.context.delivery.as_ref().and_then(|signal| signal.delivered());
    if wanted.is_some() && wanted == delivered {
        return Ok(Json(json!({"status": "ok"})));
    }
    let detail = "the last change has not been delivered yet";
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail))
}

async fn wanted(api: &Api) -> Result<Option<crate::store::Version>, Error> {
    let mut tx = api.context.store.read().await?;
    Ok(tx.version().await?)
}
