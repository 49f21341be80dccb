//! `/audit`.

mod download;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::Query;
use super::openapi::ADMIN;
use super::{Api, cursor};
use crate::audit::{self, EntryView, Format};
use crate::callers::Caller;
use crate::domain::audit::Action;
use crate::domain::audit::filter::{AuditFilter, TargetFilter};
use crate::domain::time;
use crate::http::problem::Problem;
use crate::schema;
use crate::tokens::Page;

/// Longest actor and target that can be asked for, in bytes: longer than any that there can be.
pub(crate) const MAX_TEXT: usize = 1024;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Who did it: a user's name, or `first-start`, `data-folder`, `server:start`.
    #[param(value_type = schema::AuditText, required = false)]
    actor: Option<String>,
    /// To what: `user:fred` (fred, and fred's tokens), `token:01J…`, `settings`, `epoch`.
    #[param(value_type = schema::AuditText, required = false)]
    target: Option<String>,
    /// What was done.
    #[param(value_type = schema::ActionName, required = false)]
    action: Option<String>,
    /// Not before this time.
    #[param(value_type = schema::Time, required = false)]
    from: Option<String>,
    /// Before this time.
    #[param(value_type = schema::Time, required = false)]
    until: Option<String>,
    /// `csv` or `jsonl`: every entry that is meant, as a file, without `limit` and `cursor`. Without it, `Accept` chooses.
    #[param(value_type = schema::AuditFormat, required = false)]
    format: Option<String>,
    /// How many at most.
    #[param(value_type = schema::Limit, required = false)]
    limit: Option<String>,
    /// Where the page begins.
    #[param(value_type = schema::Cursor, required = false)]
    cursor: Option<String>,
}

/// Show or export the audit
///
/// Newest first. A page stays what it is while entries are added. CSV is for spreadsheets: nothing in it is run as a
/// formula.
#[utoipa::path(
    get, path = "/audit", operation_id = "listAudit", tag = "audit", params(ListQuery),
    responses((status = 200, description = "A page, or with a format every entry", headers(("content-disposition")), content(
        (Page<EntryView> = "application/json"), (String = "text/csv"), (String = "application/x-ndjson")
    ))),
    extensions(("x-problems" = json!(ADMIN))),
)]
pub(super) async fn list_audit(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let filter = filter(&query)?;
    if let Some(format) = format(query.format.as_deref(), &headers)? {
        for (field, value) in [("limit", &query.limit), ("cursor", &query.cursor)] {
            if value.is_some() {
                return Err(Problem::invalid(field, "is for pages of JSON: an export holds every entry"));
            }
        }
        let entries = audit::export(&caller, filter)?;
        return Ok(download::of(api.context.store, entries, format));
    }
    let not_ours = || Problem::invalid("cursor", "is not the next_cursor of a page");
    let before = cursor::decode(query.cursor)?;
    let before = before.map(|seq| seq.parse().map_err(|_| not_ours())).transpose()?;
    let limit = cursor::limit(query.limit.as_deref())?;
    let page = audit::list(&api.context, &caller, &filter, before, limit).await?;
    Ok(axum::Json(cursor::encode(page)).into_response())
}

fn filter(query: &ListQuery) -> Result<AuditFilter, Problem> {
    let ListQuery { actor, target, action, from, until, .. } = query;
    filter_of([actor, target, action, from, until].map(Clone::clone))
}

/// The filter of actor, target, action and the two times, in this order, as they are written in a query.
pub(crate) fn filter_of(
    [actor, target, action_, from, until]: [Option<String>; 5],
) -> Result<AuditFilter, Problem> {
    let (from, until) = (time("from", from.as_deref())?, time("until", until.as_deref())?);
    if let (Some(from), Some(until)) = (from, until)
        && until < from
    {
        return Err(Problem::invalid("until", "lies before from"));
    }
    Ok(AuditFilter {
        actor: text("actor", actor.as_deref())?.map(str::to_owned),
        target: text("target", target.as_deref())?.map(TargetFilter::parse),
        action: action_.as_deref().map(action).transpose()?,
        from,
        until,
    })
}

fn text<'a>(field: &str, value: Option<&'a str>) -> Result<Option<&'a str>, Problem> {
    match value {
        Some(text) if text.is_empty() || text.len() > MAX_TEXT => {
            Err(Problem::invalid(field, format!("must have 1 to {MAX_TEXT} bytes")))
        }
        other => Ok(other),
    }
}

fn action(name: &str) -> Result<Action, Problem> {
    Action::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Action::ALL.iter().map(|action| format!("`{}`", action.as_str())).collect();
        Problem::invalid("action", format!("must be one of {}", known.join(", ")))
    })
}

fn time(field: &str, value: Option<&str>) -> Result<Option<i64>, Problem> {
    let wrong = |_| Problem::invalid(field, "must be an RFC 3339 time such as 2027-01-31T00:00:00Z");
    value.map(|text| time::parse(text).map_err(wrong)).transpose()
}

/// The format of an export: what `format` says, else the first known type of `Accept`; `None` is a page of JSON.
fn format(asked: Option<&str>, headers: &HeaderMap) -> Result<Option<Format>, Problem> {
    match asked {
        Some("json") => return Ok(None),
        Some("csv") => return Ok(Some(Format::Csv)),
        Some("jsonl") => return Ok(Some(Format::JsonLines)),
        Some(_) => return Err(Problem::invalid("format", "must be one of `json`, `csv`, `jsonl`")),
        None => {}
    }
    let accepted = headers.get_all(header::ACCEPT);
    let types = accepted.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    for text in types {
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/csv" => return Ok(Some(Format::Csv)),
            "application/jsonl" | "application/x-ndjson" | "application/x-jsonlines" => {
                return Ok(Some(Format::JsonLines));
            }
            "application/json" | "*/*" | "application/*" => return Ok(None),
            _ => {}
        }
    }
    Ok(None)
}
