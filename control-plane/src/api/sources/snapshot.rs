//! `/sources/{name}/snapshot`.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::extract::{Name, Query};
use crate::api::openapi::ADMIN;
use crate::api::settings::{etag, expected_versions};
use crate::api::{Api, cursor, revision};
use crate::error::Error;
use crate::http::body::{self, Bounds};
use crate::http::problem::Problem;
use crate::schema;
use crate::snapshot::apart;
use crate::sources::{self, Document, Format, Push, PushLimits, Report, Snapshot, Who};

/// Most bytes of a document.
pub(crate) const MAX_DOCUMENT: usize = 32 * 1024 * 1024;
/// What a document may take.
pub(in crate::api) const DOCUMENT: Bounds = Bounds { bytes: MAX_DOCUMENT, time: Duration::from_secs(60) };
/// What YAML is (RFC 9512 §2.1).
const YAML: &str = "application/yaml";

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct PageQuery {
    /// How many at most.
    #[param(value_type = schema::Limit, required = false)]
    limit: Option<String>,
    /// Where the page begins.
    #[param(value_type = schema::Cursor, required = false)]
    cursor: Option<String>,
}

/// Show what is in force of a source
///
/// For admins, and for the source itself by one of its push tokens.
#[utoipa::path(
    get, path = "/sources/{name}/snapshot", operation_id = "showSourceSnapshot", tag = "sources",
    params(("name" = schema::SourceName, Path, description = "The source's name"), PageQuery),
    responses((status = 200, description = "A page of its entries", body = Snapshot, headers(("etag")))),
    extensions(("x-problems" = json!([ADMIN, &["not_found"]].concat()))),
)]
pub(in crate::api) async fn show_source_snapshot(
    State(api): State<Api>,
    who: Who,
    Name(name): Name,
    Query(query): Query<PageQuery>,
) -> Result<Response, Problem> {
    let (after, limit) = (cursor::decode(query.cursor)?, cursor::limit(query.limit.as_deref())?);
    let mut page = sources::snapshot(&api.context, &who, &name, after.as_deref(), limit).await?;
    page.next_cursor = page.next_cursor.as_deref().map(cursor::encode_key);
    Ok((etag(page.revision), axum::Json(page)).into_response())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct PushQuery {
    /// Say what would be done, and do nothing.
    #[param(value_type = bool, required = false)]
    dry_run: Option<String>,
    /// Whether a document without entries is meant.
    #[param(value_type = bool, required = false)]
    allow_empty: Option<String>,
    /// Whether it is meant that more than half of the entries in force are removed.
    #[param(value_type = bool, required = false)]
    allow_removals: Option<String>,
}

/// Push a source's entries
///
/// For admins, and for the source itself by one of its push tokens. What the document holds is in force, all of it at once,
/// and nothing else of this source; if anything in it is wrong, nothing is changed.
#[utoipa::path(
    put, path = "/sources/{name}/snapshot", operation_id = "pushSourceSnapshot", tag = "sources",
    params(("name" = schema::SourceName, Path, description = "The source's name"), PushQuery,
           ("If-Match" = Option<schema::IfMatch>, Header, description = schema::IF_MATCH)),
    request_body(content((schema::SourceDocument = "application/json"), (schema::SourceYaml = "application/yaml"))),
    responses((status = 200, description = "What was done, or would be", body = Report,
               headers(("etag"), ("gatepass-revision")))),
    extensions(("x-problems" = json!(
        [ADMIN, &["not_found", "digest_taken", "removal_not_confirmed", "push_in_progress", "rate_limited"]].concat()
    ))),
)]
pub(in crate::api) async fn push_snapshot(
    State(api): State<Api>,
    who: Who,
    Name(name): Name,
    Query(query): Query<PushQuery>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    // Before the body is read: it may be long.
    who.admits(&name)?;
    let push = Push {
        dry_run: flag("dry_run", query.dry_run.as_deref())?,
        allow_empty: flag("allow_empty", query.allow_empty.as_deref())?,
        allow_removals: flag("allow_removals", query.allow_removals.as_deref())?,
        expected: expected_versions(&headers)?,
    };
    let turn = Pushes::begin(&api.pushes, &name)?;
    api.pushes.limits.count_push(&who, api.context.clock.now())?;
    let (kind, bytes) = body::of_types(request, DOCUMENT, &["application/json", YAML]).await?;
    let format = if kind == YAML { Format::Yaml } else { Format::Json };
    // The turn goes along: a caller who hangs up ends this request, and not what is being read.
    let read = apart(move || Document::parse(format, &bytes).map(|read| (read, turn)).map_err(Error::from));
    let (document, _turn) = read.await?;
    let push = (&push, &api.pushes.limits);
    let (report, committed) = sources::push(&api.context, &who, &name, document, push).await?;
    Ok((etag(report.revision), revision(committed.as_ref()), axum::Json(report)).into_response())
}

fn flag(field: &str, value: Option<&str>) -> Result<bool, Problem> {
    match value {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::invalid(field, "must be true or false")),
    }
}

/// Sources of which a push is being read or done. One at a time of each: whoever has a push token fills no memory with
/// bodies, and holds up no other source. Each server counts for itself.
#[derive(Debug, Default)]
pub struct Pushes {
    under_way: Mutex<HashSet<String>>,
    limits: PushLimits,
}

impl Pushes {
    fn begin(pushes: &Arc<Self>, source: &str) -> Result<Turn, Problem> {
        if pushes.names().insert(source.to_owned()) {
            return Ok(Turn { pushes: Arc::clone(pushes), source: source.to_owned() });
        }
        let detail = "another push of this source is under way: try again when it is done";
        Err(Problem::new(StatusCode::CONFLICT, "push_in_progress", detail))
    }

    fn names(&self) -> MutexGuard<'_, HashSet<String>> {
        // What a panic left is as good as it was: one set of names.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to push entries of a source, until it is dropped.
struct Turn {
    pushes: Arc<Pushes>,
    source: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.pushes.names().remove(&self.source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_push_of_a_source_is_under_way_at_a_time() {
        let pushes = Arc::new(Pushes::default());
        let begin = |source: &str| Pushes::begin(&pushes, source).ok();
        let first = begin("ci");
        assert!(first.is_some() && begin("ci").is_none());
        assert!(begin("other").is_some(), "another source's is another matter");
        drop(first);
        assert!(begin("ci").is_some());
    }
}
