//! `/webhooks`.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{Json, JsonOrNothing, Name, Query};
use super::openapi::ADMIN;
use super::{Api, cursor};
use crate::callers::Caller;
use crate::http::problem::Problem;
use crate::schema;
use crate::tokens::Page;
use crate::webhooks::{
    self, CreatedWebhook, DeliveryView, NewWebhook, SecretRotation, WebhookPatch, WebhookView, Webhooks,
};

/// List webhooks
///
/// Endpoints that are told of tokens that end soon; at most 10.
#[utoipa::path(
    get, path = "/webhooks", operation_id = "listWebhooks", tag = "webhooks",
    responses((status = 200, description = "All of them", body = Webhooks)),
    extensions(("x-problems" = json!(ADMIN))),
)]
pub(super) async fn list_webhooks(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    Ok(axum::Json(webhooks::list(&api.context, &caller).await?).into_response())
}

/// Add a webhook
///
/// Posts are signed as Standard Webhooks says, by a secret that is shown here. Addresses that are not of the public Internet are
/// not connected to, unless the operator allows them.
#[utoipa::path(
    post, path = "/webhooks", operation_id = "createWebhook", tag = "webhooks",
    request_body = NewWebhook,
    responses((status = 201, description = "The webhook, with its secret", body = CreatedWebhook, headers(("location")))),
    extensions(("x-problems" = json!([ADMIN, &["too_many_webhooks"]].concat()))),
)]
pub(super) async fn create_webhook(
    State(api): State<Api>,
    caller: Caller,
    Json(new): Json<NewWebhook>,
) -> Result<Response, Problem> {
    let created = webhooks::create(&api.context, &caller, new).await?;
    let location = [(header::LOCATION, format!("/api/v1/webhooks/{}", created.id()))];
    Ok((StatusCode::CREATED, location, axum::Json(created)).into_response())
}

/// Show a webhook
#[utoipa::path(
    get, path = "/webhooks/{id}", operation_id = "showWebhook", tag = "webhooks",
    params(("id" = schema::WebhookId, Path, description = "The webhook's id")),
    responses((status = 200, description = "The webhook", body = WebhookView)),
    extensions(("x-problems" = json!([ADMIN, &["not_found"]].concat()))),
)]
pub(super) async fn show_webhook(
    State(api): State<Api>,
    caller: Caller,
    Name(id): Name,
) -> Result<Response, Problem> {
    Ok(axum::Json(webhooks::show(&api.context, &caller, &id).await?).into_response())
}

/// Change a webhook
#[utoipa::path(
    patch, path = "/webhooks/{id}", operation_id = "updateWebhook", tag = "webhooks",
    params(("id" = schema::WebhookId, Path, description = "The webhook's id")),
    request_body = WebhookPatch,
    responses((status = 200, description = "The webhook", body = WebhookView)),
    extensions(("x-problems" = json!([ADMIN, &["not_found"]].concat()))),
)]
pub(super) async fn update_webhook(
    State(api): State<Api>,
    caller: Caller,
    Name(id): Name,
    Json(patch): Json<WebhookPatch>,
) -> Result<Response, Problem> {
    Ok(axum::Json(webhooks::update(&api.context, &caller, &id, patch).await?).into_response())
}

/// Remove a webhook
///
/// With all that is known of what it was told.
#[utoipa::path(
    delete, path = "/webhooks/{id}", operation_id = "deleteWebhook", tag = "webhooks",
    params(("id" = schema::WebhookId, Path, description = "The webhook's id")),
    responses((status = 204, description = "It is gone")),
    extensions(("x-problems" = json!([ADMIN, &["not_found"]].concat()))),
)]
pub(super) async fn delete_webhook(
    State(api): State<Api>,
    caller: Caller,
    Name(id): Name,
) -> Result<Response, Problem> {
    webhooks::remove(&api.context, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Give a webhook another secret
///
/// With a grace the one before signs as well until its end; without one it ends at once.
#[utoipa::path(
    post, path = "/webhooks/{id}/rotate", operation_id = "rotateWebhook", tag = "webhooks",
    params(("id" = schema::WebhookId, Path, description = "The webhook's id")),
    request_body = Option<SecretRotation>,
    responses((status = 200, description = "The webhook, with its secret", body = CreatedWebhook)),
    extensions(("x-problems" = json!([ADMIN, &["not_found"]].concat()))),
)]
pub(super) async fn rotate_webhook(
    State(api): State<Api>,
    caller: Caller,
    Name(id): Name,
    JsonOrNothing(rotation): JsonOrNothing<SecretRotation>,
) -> Result<Response, Problem> {
    Ok(axum::Json(webhooks::rotate(&api.context, &caller, &id, &rotation).await?).into_response())
}

/// Try a webhook out
///
/// It is sent within seconds, and once; what came of it is among the webhook's deliveries.
#[utoipa::path(
    post, path = "/webhooks/{id}/test", operation_id = "testWebhook", tag = "webhooks",
    params(("id" = schema::WebhookId, Path, description = "The webhook's id")),
    responses((status = 202, description = "It is to be sent", body = DeliveryView)),
    extensions(("x-problems" = json!([ADMIN, &["not_found", "webhook_disabled", "too_many_tests"]].concat()))),
)]
pub(super) async fn test_webhook(
    State(api): State<Api>,
    caller: Caller,
    Name(id): Name,
) -> Result<Response, Problem> {
    let delivery = webhooks::test(&api.context, &caller, &id).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(delivery)).into_response())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveriesQuery {
    /// How many at most.
    #[param(value_type = schema::Limit, required = false)]
    limit: Option<String>,
    /// Where the page begins.
    #[param(value_type = schema::Cursor, required = false)]
    cursor: Option<String>,
}

/// List what a webhook was told
///
/// And what it is to be told; newest first, of the last 60 days.
#[utoipa::path(
    get, path = "/webhooks/{id}/deliveries", operation_id = "listDeliveries", tag = "webhooks",
    params(("id" = schema::WebhookId, Path, description = "The webhook's id"), DeliveriesQuery),
    responses((status = 200, description = "A page", body = Page<DeliveryView>)),
    extensions(("x-problems" = json!([ADMIN, &["not_found"]].concat()))),
)]
pub(super) async fn list_deliveries(
    State(api): State<Api>,
    caller: Caller,
    Name(id): Name,
    Query(query): Query<DeliveriesQuery>,
) -> Result<Response, Problem> {
    let (before, limit) = (cursor::decode(query.cursor)?, cursor::limit(query.limit.as_deref())?);
    let page = webhooks::deliveries(&api.context, &caller, &id, before, limit).await?;
    Ok(axum::Json(cursor::encode(page)).into_response())
}
