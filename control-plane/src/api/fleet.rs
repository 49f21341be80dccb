//! `/fleet`.

use axum::Json;
use axum::extract::State;

use super::Api;
use crate::callers::Caller;
use crate::fleet::{self, FleetView};
use crate::http::problem::Problem;

pub(super) async fn show_fleet(State(api): State<Api>, caller: Caller) -> Result<Json<FleetView>, Problem> {
    Ok(Json(fleet::show(&api.context, &caller).await?))
}
