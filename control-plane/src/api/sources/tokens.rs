//! `/sources/{name}/push-tokens`.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::Api;
use crate::api::extract::{JsonOrNothing, Name, Names};
use crate::api::openapi::ADMIN;
use crate::callers::Caller;
use crate::http::problem::Problem;
use crate::schema;
use crate::sources::{self, CreatedPushToken, NewPushToken, PushTokenView};
use crate::tokens::Rotation;

#[derive(Serialize, ToSchema)]
#[schema(as = CreatedPushToken)]
struct CreatedBody<'a> {
    /// The secret: here and nowhere else, and not in what is answered to an `Idempotency-Key` that came before.
    #[schema(required = false)]
    token: &'a str,
    #[serde(flatten)]
    view: &'a PushTokenView,
}

/// Make a push token
///
/// It is good for this source's entries and for `whoami`, and for nothing else; proxies do not know it.
#[utoipa::path(
    post, path = "/sources/{name}/push-tokens", operation_id = "createPushToken", tag = "sources",
    params(("name" = schema::SourceName, Path, description = "The source's name"),
           ("Idempotency-Key" = Option<schema::IdempotencyKey>, Header, description = schema::IDEMPOTENCY_KEY)),
    request_body = Option<NewPushToken>,
    responses((status = 201, description = "The push token, with its secret", body = CreatedBody<'static>,
               headers(("location")))),
    extensions(("x-problems" = json!([ADMIN, &["not_found", "too_many_push_tokens"]].concat()))),
)]
pub(in crate::api) async fn create_push_token(
    State(api): State<Api>,
    caller: Caller,
    Name(name): Name,
    JsonOrNothing(wish): JsonOrNothing<NewPushToken>,
) -> Result<Response, Problem> {
    let made = sources::make(&api.context, &caller, &name, wish).await?;
    Ok(created(&name, &made))
}

/// Rotate a push token
///
/// Replaces it by one with another id and another secret that is otherwise the same. The old one ends at once, or after a
/// grace.
#[utoipa::path(
    post, path = "/sources/{name}/push-tokens/{id}/rotate", operation_id = "rotatePushToken", tag = "sources",
    params(("name" = schema::SourceName, Path, description = "The source's name"),
           ("id" = schema::TokenId, Path, description = "The push token's id"),
           ("Idempotency-Key" = Option<schema::IdempotencyKey>, Header, description = schema::IDEMPOTENCY_KEY)),
    request_body = Option<Rotation>,
    responses((status = 201, description = "The successor, with its secret", body = CreatedBody<'static>,
               headers(("location")))),
    extensions(("x-problems" = json!(
        [ADMIN, &["not_found", "too_many_push_tokens", "token_ended", "token_rotated"]].concat()
    ))),
)]
pub(in crate::api) async fn rotate_push_token(
    State(api): State<Api>,
    caller: Caller,
    Names(name, id): Names,
    JsonOrNothing(rotation): JsonOrNothing<Rotation>,
) -> Result<Response, Problem> {
    let made = sources::rotate(&api.context, &caller, (&name, &id), &rotation).await?;
    Ok(created(&name, &made))
}

fn created(source: &str, made: &CreatedPushToken) -> Response {
    let location = [(header::LOCATION, format!("/api/v1/sources/{source}/push-tokens/{}", made.view.id()))];
    let body = CreatedBody { token: made.secret.expose(), view: &made.view };
    (StatusCode::CREATED, location, axum::Json(body)).into_response()
}

/// Revoke a push token
///
/// For good, and with it those that it was rotated from and to. What the source has pushed stays in force.
#[utoipa::path(
    delete, path = "/sources/{name}/push-tokens/{id}", operation_id = "revokePushToken", tag = "sources",
    params(("name" = schema::SourceName, Path, description = "The source's name"),
           ("id" = schema::TokenId, Path, description = "The push token's id")),
    responses((status = 204, description = "It is revoked")),
    extensions(("x-problems" = json!([ADMIN, &["not_found"]].concat()))),
)]
pub(in crate::api) async fn revoke_push_token(
    State(api): State<Api>,
    caller: Caller,
    Names(name, id): Names,
) -> Result<Response, Problem> {
    sources::revoke(&api.context, &caller, (&name, &id)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
