//! `/settings`.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{self, MergePatch};
use super::openapi::ADMIN;
use super::{Api, revision};
use crate::callers::Caller;
use crate::domain::settings::{Settings, SettingsPatch};
use crate::error::Error;
use crate::http::problem::Problem;
use crate::schema;
use crate::settings::{self, Cut, Preview};

/// Show the settings
#[utoipa::path(
    get, path = "/settings", operation_id = "showSettings", tag = "settings",
    responses((status = 200, description = "All of them", body = Settings, headers(("etag")))),
    extensions(("x-problems" = json!(ADMIN))),
)]
pub(super) async fn show_settings(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    let stored = settings::show(&api.context, &caller).await?;
    Ok((etag(stored.version), axum::Json(stored.settings)).into_response())
}

#[derive(Serialize, ToSchema)]
#[schema(as = UpdatedSettings)]
struct UpdatedBody<'a> {
    #[serde(flatten)]
    settings: &'a Settings,
    /// What to mind, such as that one's own address is outside the new `allowed_ips`.
    warnings: &'a [String],
    /// What the bound did to tokens that there are.
    existing_tokens: Cut,
}

/// Change settings
///
/// By a JSON merge patch (RFC 7396): what is not given stays, lists and plain values are replaced, `scopes` and
/// `identity_headers` are merged by name, and `null` takes a scope away or a setting back to its default.
#[utoipa::path(
    patch, path = "/settings", operation_id = "updateSettings", tag = "settings",
    params(("If-Match" = Option<schema::IfMatch>, Header, description = schema::IF_MATCH)),
    request_body(content((SettingsPatch = "application/merge-patch+json"), (SettingsPatch = "application/json"))),
    responses((status = 200, description = "All of them, as they are now", body = UpdatedBody<'static>,
               headers(("etag"), ("gatepass-revision")))),
    extensions(("x-problems" = json!([ADMIN, &["scope_in_use", "prefix_in_use"]].concat()))),
)]
pub(super) async fn update_settings(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    MergePatch(patch): MergePatch<SettingsPatch>,
) -> Result<Response, Problem> {
    let expected = expected_versions(&headers)?;
    let updated = settings::update(&api.context, &caller, &patch, expected.as_deref()).await?;
    let body = UpdatedBody {
        settings: &updated.stored.settings,
        warnings: &updated.warnings,
        existing_tokens: updated.cut,
    };
    let revision = revision(updated.committed.as_ref());
    Ok((etag(updated.stored.version), revision, axum::Json(body)).into_response())
}

/// Say what a change of settings would do
///
/// It changes nothing, reads every active token, and takes longer the more there are.
#[utoipa::path(
    post, path = "/settings/preview", operation_id = "previewSettings", tag = "settings",
    params(("If-Match" = Option<schema::IfMatch>, Header, description = schema::IF_MATCH)),
    request_body(content((SettingsPatch = "application/merge-patch+json"), (SettingsPatch = "application/json"))),
    responses((status = 200, description = "What it would do", body = Preview, headers(("etag")))),
    extensions(("x-problems" = json!(ADMIN))),
)]
pub(super) async fn preview_settings(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    MergePatch(patch): MergePatch<SettingsPatch>,
) -> Result<Response, Problem> {
    let expected = expected_versions(&headers)?;
    let preview = settings::preview(&api.context, &caller, &patch, expected.as_deref()).await?;
    Ok((etag(preview.version), axum::Json(preview)).into_response())
}

pub(super) fn etag(version: i64) -> [(header::HeaderName, String); 1] {
    [(header::ETAG, format!("\"{version}\""))]
}

/// The versions that `If-Match` names, one of which must hold (RFC 9110 §13.1.1); `None` when any may. A tag that this
/// server never gave, and a weak one, is none of them.
pub(super) fn expected_versions(headers: &HeaderMap) -> Result<Option<Vec<i64>>, Error> {
    let mut versions = Vec::new();
    let lines = headers.get_all(header::IF_MATCH);
    extract::check_tags("If-Match", &lines)?;
    for line in &lines {
        let line = line.to_str().map_err(|_| Error::Stale)?;
        if line.trim() == "*" {
            return Ok(None);
        }
        versions.extend(line.split(',').filter_map(|tag| version(tag.trim())));
    }
    Ok(lines.iter().next().map(|_| versions))
}

fn version(tag: &str) -> Option<i64> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}
