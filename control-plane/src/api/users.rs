//! `/users`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{Json, Name, Query};
use super::openapi::ADMIN;
use super::{Api, cursor, revision};
use crate::callers::Caller;
use crate::http::problem::Problem;
use crate::schema;
use crate::tokens::Page;
use crate::users::{self, NewUser, UserPatch, UserView};

/// Add a person
#[utoipa::path(
    post, path = "/users", operation_id = "createUser", tag = "users",
    params(("Idempotency-Key" = Option<schema::IdempotencyKey>, Header, description = schema::IDEMPOTENCY_KEY)),
    request_body = NewUser,
    responses((status = 201, description = "The person", body = UserView, headers(("gatepass-revision")))),
    extensions(("x-problems" = json!([ADMIN, &["user_exists"]].concat()))),
)]
pub(super) async fn create_user(
    State(api): State<Api>,
    caller: Caller,
    Json(new): Json<NewUser>,
) -> Result<Response, Problem> {
    let (view, committed) = users::create(&api.context, &caller, new).await?;
    Ok((StatusCode::CREATED, revision(Some(&committed)), axum::Json(view)).into_response())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// How many at most.
    #[param(value_type = schema::Limit, required = false)]
    limit: Option<String>,
    /// Where the page begins.
    #[param(value_type = schema::Cursor, required = false)]
    cursor: Option<String>,
}

/// List people
///
/// By name.
#[utoipa::path(
    get, path = "/users", operation_id = "listUsers", tag = "users", params(ListQuery),
    responses((status = 200, description = "A page", body = Page<UserView>)),
    extensions(("x-problems" = json!(ADMIN))),
)]
pub(super) async fn list_users(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let (after, limit) = (cursor::decode(query.cursor)?, cursor::limit(query.limit.as_deref())?);
    let page = users::list(&api.context, &caller, after, limit).await?;
    Ok(axum::Json(cursor::encode(page)).into_response())
}

/// Show a person
#[utoipa::path(
    get, path = "/users/{name}", operation_id = "showUser", tag = "users",
    params(("name" = schema::UserName, Path, description = "The user's name")),
    responses((status = 200, description = "The person", body = UserView)),
    extensions(("x-problems" = json!([ADMIN, &["not_found"]].concat()))),
)]
pub(super) async fn show_user(
    State(api): State<Api>,
    caller: Caller,
    Name(name): Name,
) -> Result<Response, Problem> {
    Ok(axum::Json(users::show(&api.context, &caller, &name).await?).into_response())
}

/// Change a person
///
/// Tokens of somebody who is made inactive stop at once, and work again when the person comes back.
#[utoipa::path(
    patch, path = "/users/{name}", operation_id = "updateUser", tag = "users",
    params(("name" = schema::UserName, Path, description = "The user's name")),
    request_body = UserPatch,
    responses((status = 200, description = "The person", body = UserView, headers(("gatepass-revision")))),
    extensions(("x-problems" = json!([ADMIN, &["not_found", "last_admin"]].concat()))),
)]
pub(super) async fn update_user(
    State(api): State<Api>,
    caller: Caller,
    Name(name): Name,
    Json(patch): Json<UserPatch>,
) -> Result<Response, Problem> {
    let (view, committed) = users::update(&api.context, &caller, &name, patch).await?;
    Ok((revision(committed.as_ref()), axum::Json(view)).into_response())
}
