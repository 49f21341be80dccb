//! `/settings`.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::extract::Json;
use super::{Api, revision};
use crate::callers::Caller;
use crate::domain::settings::{Settings, SettingsPatch};
use crate::error::Error;
use crate::http::problem::Problem;
use crate::settings;
use crate::store::StoredSettings;

pub(super) async fn show_settings(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    let stored = settings::show(&api.context, &caller).await?;
    Ok((etag(&stored), axum::Json(stored.settings)).into_response())
}

#[derive(Serialize)]
struct UpdatedBody<'a> {
    #[serde(flatten)]
    settings: &'a Settings,
    warnings: &'a [String],
}

pub(super) async fn update_settings(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Json(patch): Json<SettingsPatch>,
) -> Result<Response, Problem> {
    let expected = expected_version(&headers)?;
    let updated = settings::update(&api.context, &caller, &patch, expected).await?;
    let body = UpdatedBody { settings: &updated.stored.settings, warnings: &updated.warnings };
    Ok((etag(&updated.stored), revision(updated.committed.as_ref()), axum::Json(body)).into_response())
}

fn etag(stored: &StoredSettings) -> [(header::HeaderName, String); 1] {
    [(header::ETAG, format!("\"{}\"", stored.version))]
}

/// The version that `If-Match` names (RFC 9110 §13.1.1). A tag that this server never gave is a stale one.
fn expected_version(headers: &HeaderMap) -> Result<Option<i64>, Error> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let tag = value.to_str().map_err(|_| Error::Stale)?.trim();
    if tag == "*" {
        return Ok(None);
    }
    let version =
        tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).and_then(|tag| tag.parse().ok());
    version.map(Some).ok_or(Error::Stale)
}
