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
use crate::domain::text::MAX_TEXT;
use crate::domain::user::{Role, UserFilter};
use crate::http::problem::Problem;
use crate::schema;
use crate::tokens::Page;
use crate::users::{self, NewPassword, NewUser, UserPatch, UserView};

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
    /// Only those in whose name, display name or mail address this stands, in any case.
    #[param(value_type = schema::SearchText, required = false)]
    search: Option<String>,
    /// Only those with this role.
    #[param(value_type = Role, required = false)]
    role: Option<String>,
    /// Only the active ones, or only the others.
    #[param(value_type = bool, required = false)]
    active: Option<String>,
    /// Only those in exactly this group.
    #[param(value_type = schema::SearchText, required = false)]
    group: Option<String>,
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
    let filter = filter(&query)?;
    let (after, limit) = (cursor::decode(query.cursor)?, cursor::limit(query.limit.as_deref())?);
    let page = users::list(&api.context, &caller, filter, after, limit).await?;
    Ok(axum::Json(cursor::encode(page)).into_response())
}

fn filter(query: &ListQuery) -> Result<UserFilter, Problem> {
    let role = |text: &str| {
        let wrong = || Problem::invalid("role", "must be one of `user`, `token_manager`, `admin`");
        Role::from_name(text).ok_or_else(wrong)
    };
    let active = |text: &str| text.parse().map_err(|_| Problem::invalid("active", "must be true or false"));
    Ok(UserFilter {
        search: part("search", query.search.as_deref())?,
        role: query.role.as_deref().map(role).transpose()?,
        active: query.active.as_deref().map(active).transpose()?,
        group: part("group", query.group.as_deref())?,
    })
}

fn part(field: &str, value: Option<&str>) -> Result<Option<String>, Problem> {
    let good = |text: &str| {
        let characters = text.chars().count();
        (1..=MAX_TEXT).contains(&characters) && !text.chars().any(char::is_control)
    };
    match value {
        Some(text) if !good(text) => {
            let rule = format!("must have 1 to {MAX_TEXT} characters and no control characters");
            Err(Problem::invalid(field, rule))
        }
        other => Ok(other.map(str::to_owned)),
    }
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

/// Give a person a password
///
/// Admins give one to others; everybody, admins too, changes an own one with the old one.
#[utoipa::path(
    put, path = "/users/{name}/password", operation_id = "setPassword", tag = "users",
    params(("name" = schema::UserName, Path, description = "The user's name")),
    request_body = NewPassword,
    responses((status = 204, description = "It holds")),
    extensions(("x-problems" = json!(
        [ADMIN, &["not_found", "stale", "rate_limited", "sign_in_delayed"]].concat()
    ))),
)]
pub(super) async fn set_password(
    State(api): State<Api>,
    caller: Caller,
    Name(name): Name,
    Json(new): Json<NewPassword>,
) -> Result<Response, Problem> {
    users::set_password(&api.context, &caller, &name, new).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
