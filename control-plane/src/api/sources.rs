//! `/sources`.

pub(super) mod snapshot;
pub(super) mod tokens;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::browser::Browser;
use super::extract::{Json, Name, credentials, has_authorization, source};
use super::openapi::ADMIN;
use super::settings::{etag, expected_versions};
use super::{Api, revision};
use crate::callers::Caller;
use crate::error::Error;
use crate::http::problem::Problem;
use crate::schema;
use crate::sources::{self, NewSource, SourcePatch, SourceView, Who};
pub(crate) use snapshot::MAX_DOCUMENT;
pub use snapshot::Pushes;

impl FromRequestParts<Api> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let signed_in = Browser::of(parts).secret.is_some() && !has_authorization(&parts.headers);
        if !signed_in {
            // A source has no name that Basic credentials could hold.
            let (user, secret) = credentials(&parts.headers).map_err(Error::from)?;
            let address = source(parts, api);
            if user.is_none()
                && let Some(caller) = sources::authenticate(&api.context, &secret, address).await?
            {
                return Ok(Self::Source(Box::new(caller)));
            }
        }
        Ok(Self::Person(Box::new(Caller::from_request_parts(parts, api).await?)))
    }
}

/// Make a source
///
/// From where CI pushes entries: tokens of which only digests are known here. It names users who are there, and whose role is
/// `user`.
#[utoipa::path(
    post, path = "/sources", operation_id = "createSource", tag = "sources",
    params(("Idempotency-Key" = Option<schema::IdempotencyKey>, Header, description = schema::IDEMPOTENCY_KEY)),
    request_body = NewSource,
    responses((status = 201, description = "The source", body = SourceView, headers(("location"), ("etag")))),
    extensions(("x-problems" = json!([ADMIN, &["source_exists", "too_many_sources"]].concat()))),
)]
pub(super) async fn create_source(
    State(api): State<Api>,
    caller: Caller,
    Json(new): Json<NewSource>,
) -> Result<Response, Problem> {
    let location = [(header::LOCATION, format!("/api/v1/sources/{}", new.name))];
    let view = sources::create(&api.context, &caller, new).await?;
    Ok((StatusCode::CREATED, location, etag(view.revision()), axum::Json(view)).into_response())
}

#[derive(Serialize, ToSchema)]
#[schema(as = Sources)]
struct ListBody {
    /// All of them, by name: there are at most 100.
    items: Vec<SourceView>,
}

/// List sources
#[utoipa::path(
    get, path = "/sources", operation_id = "listSources", tag = "sources",
    responses((status = 200, description = "All of them", body = ListBody)),
    extensions(("x-problems" = json!(ADMIN))),
)]
pub(super) async fn list_sources(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    let items = sources::list(&api.context, &caller).await?;
    Ok(axum::Json(ListBody { items }).into_response())
}

/// Show a source
#[utoipa::path(
    get, path = "/sources/{name}", operation_id = "showSource", tag = "sources",
    params(("name" = schema::SourceName, Path, description = "The source's name")),
    responses((status = 200, description = "The source", body = SourceView, headers(("etag")))),
    extensions(("x-problems" = json!([ADMIN, &["not_found"]].concat()))),
)]
pub(super) async fn show_source(
    State(api): State<Api>,
    caller: Caller,
    Name(name): Name,
) -> Result<Response, Problem> {
    let view = sources::show(&api.context, &caller, &name).await?;
    Ok((etag(view.revision()), axum::Json(view)).into_response())
}

/// Change a source
///
/// Entries that name somebody whom it may not name any more end at once, if that is said; else nothing is changed.
#[utoipa::path(
    patch, path = "/sources/{name}", operation_id = "updateSource", tag = "sources",
    params(("name" = schema::SourceName, Path, description = "The source's name"),
           ("If-Match" = Option<schema::IfMatch>, Header, description = schema::IF_MATCH)),
    request_body = SourcePatch,
    responses((status = 200, description = "The source", body = SourceView, headers(("etag"), ("gatepass-revision")))),
    extensions(("x-problems" = json!([ADMIN, &["not_found", "entries_outside"]].concat()))),
)]
pub(super) async fn update_source(
    State(api): State<Api>,
    caller: Caller,
    Name(name): Name,
    headers: HeaderMap,
    Json(patch): Json<SourcePatch>,
) -> Result<Response, Problem> {
    let expected = expected_versions(&headers)?;
    let (view, committed) = sources::update(&api.context, &caller, &name, patch, expected.as_deref()).await?;
    Ok((etag(view.revision()), revision(committed.as_ref()), axum::Json(view)).into_response())
}

/// Delete a source
///
/// Its entries end, and its push tokens.
#[utoipa::path(
    delete, path = "/sources/{name}", operation_id = "deleteSource", tag = "sources",
    params(("name" = schema::SourceName, Path, description = "The source's name")),
    responses((status = 204, description = "It is gone", headers(("gatepass-revision")))),
    extensions(("x-problems" = json!([ADMIN, &["not_found"]].concat()))),
)]
pub(super) async fn delete_source(
    State(api): State<Api>,
    caller: Caller,
    Name(name): Name,
) -> Result<Response, Problem> {
    let committed = sources::delete(&api.context, &caller, &name).await?;
    Ok((StatusCode::NO_CONTENT, revision(Some(&committed)), ()).into_response())
}
