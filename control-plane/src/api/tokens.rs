//! `/tokens` and `/users/{name}/tokens`.

pub(crate) mod query;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{Json, JsonOrNothing, Name, Query};
use super::openapi::{MANAGE, OF_OTHERS};
use super::{Api, cursor, revision};
use crate::callers::Caller;
use crate::domain::narrowing::TokenPatch;
use crate::http::problem::Problem;
use crate::schema;
use crate::tokens::{self, Created, NewToken, Page, Rotation, TokenView};

#[derive(Serialize, ToSchema)]
#[schema(as = CreatedToken)]
struct CreatedBody<'a> {
    // The one place where a secret leaves the control plane.
    /// The secret: here and nowhere else, and not in what is answered to an `Idempotency-Key` that came before.
    #[schema(required = false)]
    token: &'a str,
    #[serde(flatten)]
    view: &'a TokenView,
}

/// Create a token
///
/// For oneself; token managers and admins for others too. A token that makes another one for its own owner, or one with
/// `control_plane`, can only narrow its own scope and list. One person makes at most 1,000 tokens and users a minute, if
/// the server is not told otherwise.
#[utoipa::path(
    post, path = "/tokens", operation_id = "createToken", tag = "tokens",
    params(("Idempotency-Key" = Option<schema::IdempotencyKey>, Header, description = schema::IDEMPOTENCY_KEY)),
    request_body = NewToken,
    responses((status = 201, description = "The token, with its secret", body = CreatedBody<'static>,
               headers(("location"), ("gatepass-revision")))),
    extensions(("x-problems" = json!([
        "control_plane_required", "not_owner", "target_is_admin", "creation_not_allowed", "control_plane_not_allowed",
        "scope_wider", "ips_wider", "too_many_tokens"
    ]))),
)]
pub(super) async fn create_token(
    State(api): State<Api>,
    caller: Caller,
    Json(wish): Json<NewToken>,
) -> Result<Response, Problem> {
    Ok(created(&tokens::create(&api.context, &caller, wish).await?))
}

/// Rotate a token
///
/// Replaces it by one with another id and another secret that is otherwise the same. The old one ends at once, or after a
/// grace. A rotation is a creation: what holds for that holds here, also of how many one person makes in a minute.
#[utoipa::path(
    post, path = "/tokens/{id}/rotate", operation_id = "rotateToken", tag = "tokens",
    params(("id" = schema::TokenId, Path, description = "The token's id"),
           ("Idempotency-Key" = Option<schema::IdempotencyKey>, Header, description = schema::IDEMPOTENCY_KEY)),
    request_body = Option<Rotation>,
    responses((status = 201, description = "The successor, with its secret", body = CreatedBody<'static>,
               headers(("location"), ("gatepass-revision")))),
    extensions(("x-problems" = json!([
        "control_plane_required", "not_found", "creation_not_allowed", "control_plane_not_allowed", "scope_wider",
        "ips_wider", "too_many_tokens", "token_ended", "target_disabled", "token_rotated"
    ]))),
)]
pub(super) async fn rotate_token(
    State(api): State<Api>,
    caller: Caller,
    Name(id): Name,
    JsonOrNothing(rotation): JsonOrNothing<Rotation>,
) -> Result<Response, Problem> {
    Ok(created(&tokens::rotate(&api.context, &caller, &id, &rotation).await?))
}

fn created(created: &Created) -> Response {
    let location = [(header::LOCATION, format!("/api/v1/tokens/{}", created.view.id()))];
    let body = CreatedBody { token: created.secret.expose(), view: &created.view };
    let revision = revision(Some(&created.committed));
    (StatusCode::CREATED, location, revision, axum::Json(body)).into_response()
}

/// List tokens
///
/// One's own; with a role for it everyone's. All conditions must hold. Without `sort`, the list begins with what is nearest
/// to now.
#[utoipa::path(
    get, path = "/tokens", operation_id = "listTokens", tag = "tokens", params(query::ListQuery),
    responses((status = 200, description = "A page", body = Page<TokenView>)),
    extensions(("x-problems" = json!([OF_OTHERS, &["not_found"]].concat()))),
)]
pub(super) async fn list_tokens(
    State(api): State<Api>,
    caller: Caller,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let page = tokens::list(&api.context, &caller, query::wish(parameters)?).await?;
    Ok(axum::Json(cursor::encode(page)).into_response())
}

/// Show a token
#[utoipa::path(
    get, path = "/tokens/{id}", operation_id = "showToken", tag = "tokens",
    params(("id" = schema::TokenId, Path, description = "The token's id")),
    responses((status = 200, description = "The token", body = TokenView)),
    extensions(("x-problems" = json!(["not_found"]))),
)]
pub(super) async fn show_token(
    State(api): State<Api>,
    caller: Caller,
    Name(id): Name,
) -> Result<Response, Problem> {
    Ok(axum::Json(tokens::show(&api.context, &caller, &id).await?).into_response())
}

/// Change a token
///
/// It only narrows: what would widen the token is 400, and then nothing is changed. What a token manager or an admin has
/// disabled, its owner does not enable.
#[utoipa::path(
    patch, path = "/tokens/{id}", operation_id = "updateToken", tag = "tokens",
    params(("id" = schema::TokenId, Path, description = "The token's id")),
    request_body = TokenPatch,
    responses((status = 200, description = "The token", body = TokenView, headers(("gatepass-revision")))),
    extensions(("x-problems" = json!([
        MANAGE, &["not_found", "disabled_by_other", "token_ended", "too_many_tokens"]
    ].concat()))),
)]
pub(super) async fn update_token(
    State(api): State<Api>,
    caller: Caller,
    Name(id): Name,
    Json(patch): Json<TokenPatch>,
) -> Result<Response, Problem> {
    let (view, committed) = tokens::update(&api.context, &caller, &id, &patch).await?;
    Ok((revision(committed.as_ref()), axum::Json(view)).into_response())
}

/// Revoke a token
///
/// For good, and with it the whole chain of rotations that it belongs to. What had been revoked before stays as it is.
#[utoipa::path(
    delete, path = "/tokens/{id}", operation_id = "revokeToken", tag = "tokens",
    params(("id" = schema::TokenId, Path, description = "The token's id")),
    responses((status = 204, description = "It is revoked", headers(("gatepass-revision")))),
    extensions(("x-problems" = json!([MANAGE, &["not_found"]].concat()))),
)]
pub(super) async fn revoke_token(
    State(api): State<Api>,
    caller: Caller,
    Name(id): Name,
) -> Result<Response, Problem> {
    let committed = tokens::revoke(&api.context, &caller, &id).await?;
    Ok((StatusCode::NO_CONTENT, revision(committed.as_ref()), ()).into_response())
}

#[derive(Serialize, ToSchema)]
#[schema(as = RevokedTokens)]
struct RevokedBody {
    /// How many tokens ended.
    revoked: usize,
}

/// Revoke all tokens of a user
#[utoipa::path(
    delete, path = "/users/{name}/tokens", operation_id = "revokeTokensOfUser", tag = "tokens",
    params(("name" = schema::UserName, Path, description = "The user's name")),
    responses((status = 200, description = "They are revoked", body = RevokedBody, headers(("gatepass-revision")))),
    extensions(("x-problems" = json!([OF_OTHERS, &["not_found"]].concat()))),
)]
pub(super) async fn revoke_all_tokens(
    State(api): State<Api>,
    caller: Caller,
    Name(user): Name,
) -> Result<Response, Problem> {
    let (revoked, committed) = tokens::revoke_all(&api.context, &caller, &user).await?;
    Ok((revision(committed.as_ref()), axum::Json(RevokedBody { revoked })).into_response())
}
