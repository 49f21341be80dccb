//! `/snapshot`: the plugin configuration that the filter gets, as JSON.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use super::Api;
use super::extract;
use super::openapi::ADMIN;
use crate::callers::Caller;
use crate::http::problem::Problem;
use crate::{schema, snapshot};

/// Show what the proxies are to enforce
///
/// As JSON; proxies get the compact encoding of the same.
#[utoipa::path(
    get, path = "/snapshot", operation_id = "showSnapshot", tag = "proxies",
    params(("If-None-Match" = Option<schema::IfNoneMatch>, Header, description = "The `ETag` of what is known already")),
    responses(
        (status = 200, description = "The plugin configuration", body = schema::PluginConfiguration, headers(("etag"))),
        (status = 304, description = "It is what is known already", headers(("etag"))),
    ),
    extensions(("x-problems" = json!(ADMIN))),
)]
pub(super) async fn show_snapshot(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    extract::check_tags("If-None-Match", &headers.get_all(header::IF_NONE_MATCH))?;
    let snapshot = snapshot::show(&api.context, &caller).await?;
    let written = snapshot::apart(move || {
        let json = snapshot.to_json()?;
        // Of the content, since long-expired tokens leave it without a new revision.
        let tag = format!("\"{}\"", hex::encode(Sha256::digest(&json)));
        Ok((json, tag))
    });
    let (json, tag) = written.await?;
    let asked = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let known =
        asked.split(',').any(|one| matches!(one.trim(), "*") || one.trim().trim_start_matches("W/") == tag);
    let tag = [(header::ETAG, tag)];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    Ok((tag, [(header::CONTENT_TYPE, "application/json")], json).into_response())
}
