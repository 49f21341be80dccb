//! `/overview`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

use super::Api;
use super::extract::Query;
use crate::callers::Caller;
use crate::domain::choice;
use crate::domain::traffic::Span;
use crate::http::problem::Problem;
use crate::overview::{self, Overview};
use crate::schema;

/// What the overview is to hold.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct OverviewQuery {
    /// Of which span of time the requests are shown; `last_24_hours` without it.
    #[serde(deserialize_with = "span")]
    #[param(value_type = Option<schema::TrafficSpan>)]
    requests: Span,
}

fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    choice::read(deserializer, &Span::ALL, Span::name)
}

/// Show how many tokens there are, and how the proxies decide
///
/// Token managers get the tokens of everyone but admins; admins all of them, and the requests.
#[utoipa::path(
    get, path = "/overview", operation_id = "showOverview", tag = "proxies", params(OverviewQuery),
    responses((status = 200, description = "The overview", body = Overview)),
    extensions(("x-problems" = json!(["control_plane_required", "not_owner"]))),
)]
pub(super) async fn show_overview(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<OverviewQuery>,
) -> Result<Json<Overview>, Problem> {
    Ok(Json(overview::show(&api.context, &caller, query.requests).await?))
}
