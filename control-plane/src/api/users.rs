//! `/users`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::extract::{Json, Name, Query};
use super::{Api, cursor, revision};
use crate::callers::Caller;
use crate::http::problem::Problem;
use crate::users::{self, NewUser, UserPatch};

pub(super) async fn create_user(
    State(api): State<Api>,
    caller: Caller,
    Json(new): Json<NewUser>,
) -> Result<Response, Problem> {
    let (view, committed) = users::create(&api.context, &caller, new).await?;
    Ok((StatusCode::CREATED, revision(Some(&committed)), axum::Json(view)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

pub(super) async fn list_users(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let (after, limit) = (cursor::decode(query.cursor)?, cursor::limit(query.limit.as_deref())?);
    let page = users::list(&api.context, &caller, after, limit).await?;
    Ok(axum::Json(cursor::encode(page)).into_response())
}

pub(super) async fn show_user(
    State(api): State<Api>,
    caller: Caller,
    Name(name): Name,
) -> Result<Response, Problem> {
    Ok(axum::Json(users::show(&api.context, &caller, &name).await?).into_response())
}

pub(super) async fn update_user(
    State(api): State<Api>,
    caller: Caller,
    Name(name): Name,
    Json(patch): Json<UserPatch>,
) -> Result<Response, Problem> {
    let (view, committed) = users::update(&api.context, &caller, &name, patch).await?;
    Ok((revision(committed.as_ref()), axum::Json(view)).into_response())
}
