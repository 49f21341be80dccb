//! `/users/import`.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::Query;
use super::openapi::ADMIN;
use super::{Api, revision};
use crate::callers::Caller;
use crate::http::body::{self, Bounds};
use crate::http::problem::Problem;
use crate::schema;
use crate::users::import::{self, Format, Report};

/// Most bytes of a file.
pub(crate) const MAX_FILE: usize = 2 * 1024 * 1024;
/// What a file may take.
pub(super) const FILE: Bounds = Bounds { bytes: MAX_FILE, time: Duration::from_secs(60) };

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ImportQuery {
    /// Say what would be done, and do nothing.
    #[param(value_type = bool, required = false)]
    dry_run: Option<String>,
}

/// Add and change people from a file
///
/// Who is new is added, who is there gets what the file says, who is not in it stays as is. All or nothing: if rows are
/// wrong, `errors` of the problem names each by line or item, and field.
#[utoipa::path(
    post, path = "/users/import", operation_id = "importUsers", tag = "users", params(ImportQuery),
    request_body(content((schema::UserFile = "application/json"), (schema::CsvFile = "text/csv"))),
    responses((status = 200, description = "What was done, or would be", body = Report, headers(("gatepass-revision")))),
    extensions(("x-problems" = json!([ADMIN, &["last_admin"]].concat()))),
)]
pub(super) async fn import_users(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let dry_run = match query.dry_run.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::invalid("dry_run", "must be true or false")),
    };
    let (kind, file) = body::of_types(request, FILE, &["text/csv", "application/json"]).await?;
    let format = if kind == "text/csv" { Format::Csv } else { Format::Json };
    let (report, committed) = import::import(&api.context, &caller, &file, format, dry_run).await?;
    Ok((revision(committed.as_ref()), axum::Json(report)).into_response())
}
