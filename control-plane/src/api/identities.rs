//! `/users/{name}/identities`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::extract::{Json, Name, Query};
use super::openapi::ADMIN;
use crate::callers::Caller;
use crate::http::problem::Problem;
use crate::schema;
use crate::users::{self, IdentityView, NewIdentity};

/// Who a person is to providers.
#[derive(Serialize, ToSchema)]
struct Identities {
    identities: Vec<IdentityView>,
}

/// List a person's identities with providers
#[utoipa::path(
    get, path = "/users/{name}/identities", operation_id = "listIdentities", tag = "users",
    params(("name" = schema::UserName, Path, description = "The user's name")),
    responses((status = 200, description = "All of them", body = Identities)),
    extensions(("x-problems" = json!([ADMIN, &["not_found"]].concat()))),
)]
pub(super) async fn list_identities(
    State(api): State<Api>,
    caller: Caller,
    Name(name): Name,
) -> Result<Response, Problem> {
    let identities = users::identities(&api.context, &caller, &name).await?;
    Ok(axum::Json(Identities { identities }).into_response())
}

/// Connect a person with an identity
///
/// For somebody who was here before, and is not connected at the first sign-in with the provider because the name is taken.
#[utoipa::path(
    post, path = "/users/{name}/identities", operation_id = "addIdentity", tag = "users",
    params(("name" = schema::UserName, Path, description = "The user's name")),
    request_body = NewIdentity,
    responses((status = 204, description = "They are connected")),
    extensions(("x-problems" = json!([ADMIN, &["not_found", "identity_taken", "too_many_identities"]].concat()))),
)]
pub(super) async fn add_identity(
    State(api): State<Api>,
    caller: Caller,
    Name(name): Name,
    Json(new): Json<NewIdentity>,
) -> Result<Response, Problem> {
    users::add_identity(&api.context, &caller, &name, new).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct IdentityQuery {
    /// The provider, exactly as it names itself.
    #[param(value_type = schema::Text)]
    issuer: String,
    /// The person, as the provider's tokens do.
    #[param(value_type = schema::Text)]
    subject: String,
}

/// Disconnect a person from an identity
///
/// The person's sessions end.
#[utoipa::path(
    delete, path = "/users/{name}/identities", operation_id = "removeIdentity", tag = "users",
    params(("name" = schema::UserName, Path, description = "The user's name"), IdentityQuery),
    responses((status = 204, description = "They are not connected any more")),
    extensions(("x-problems" = json!([ADMIN, &["not_found"]].concat()))),
)]
pub(super) async fn remove_identity(
    State(api): State<Api>,
    caller: Caller,
    Name(name): Name,
    Query(IdentityQuery { issuer, subject }): Query<IdentityQuery>,
) -> Result<Response, Problem> {
    users::remove_identity(&api.context, &caller, &name, &NewIdentity { issuer, subject }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
