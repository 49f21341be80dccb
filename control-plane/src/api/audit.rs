//! `/audit`.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::extract::Query;
use super::{Api, cursor};
use crate::audit;
use crate::callers::Caller;
use crate::http::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

pub(super) async fn list_audit(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let not_ours = || Problem::invalid("cursor", "is not the next_cursor of a page");
    let before = cursor::decode(query.cursor)?;
    let before = before.map(|seq| seq.parse().map_err(|_| not_ours())).transpose()?;
    let page = audit::list(&api.context, &caller, before, cursor::limit(query.limit.as_deref())?).await?;
    Ok(axum::Json(cursor::encode(page)).into_response())
}
