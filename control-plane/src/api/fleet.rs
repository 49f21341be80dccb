//! `/fleet`.

use axum::Json;
use axum::extract::State;

use super::Api;
use super::openapi::ADMIN;
use crate::callers::Caller;
use crate::fleet::{self, FleetView};
use crate::http::problem::Problem;

/// Show which worker of which proxy enforces which revision
#[utoipa::path(
    get, path = "/fleet", operation_id = "showFleet", tag = "proxies",
    responses((status = 200, description = "All proxies as they last reported", body = FleetView)),
    extensions(("x-problems" = json!(ADMIN))),
)]
pub(super) async fn show_fleet(State(api): State<Api>, caller: Caller) -> Result<Json<FleetView>, Problem> {
    Ok(Json(fleet::show(&api.context, &caller).await?))
}
