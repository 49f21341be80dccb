//! The audit log.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::{ADMIN, AUDIT, Tab, tabs};
use crate::api::{Api, audit_filter, cursor};
use crate::audit::{self, Chain, EntryView};
use crate::domain::audit::Action;
use crate::domain::audit::filter::AuditFilter;
use crate::http::problem::Problem;
use crate::web::fields::{Fields, query};
use crate::web::form::Sent;
use crate::web::frame::{Frame, page, standing_at};
use crate::web::moment::Moment;
use crate::web::visitor::Visitor;
use crate::web::words;

const PER_PAGE: usize = 50;
/// What the form asks for, in the names of REST.
const FIELDS: [&str; 5] = ["actor", "target", "action", "from", "until"];

#[derive(Template)]
#[template(path = "admin/audit.html")]
struct AuditPage {
    frame: Frame,
    tabs: Vec<Tab>,
    csrf: String,
    form: Form,
    actions: Vec<(&'static str, bool)>,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
    /// The query of the filter, for exports.
    filter: String,
    /// The same for this page.
    first: String,
    chain: Checked,
}

/// The filter as it was typed.
#[derive(Default)]
struct Form {
    actor: String,
    target: String,
    from: String,
    until: String,
    is_filtered: bool,
    error_field: String,
    error: Option<String>,
}

impl Form {
    fn error_at(&self, field: &str) -> Option<&String> {
        self.error.as_ref().filter(|_| self.error_field == field)
    }
}

struct Row {
    seq: i64,
    at: Moment,
    actor: String,
    by_token: Option<String>,
    ip: Option<String>,
    action: String,
    target: String,
    before: Option<String>,
    after: Option<String>,
}

/// What is known of the chain.
struct Checked {
    holds: bool,
    sentence: String,
    /// Whether all of it was looked at, rather than its end.
    is_whole: bool,
}

/// `GET /admin/audit`
pub(super) async fn list(
    State(api): State<Api>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Problem> {
    let chain = audit::check_chain(&api.context, &visitor.caller, false).await?;
    show(&api, &visitor, &fields, Checked::of(chain, false)).await
}

/// `POST /admin/audit/check`: it changes nothing, and takes a while if there are many entries.
pub(super) async fn check(State(api): State<Api>, sent: Sent) -> Result<Response, Problem> {
    let Sent { visitor, fields } = sent;
    let chain = audit::check_chain(&api.context, &visitor.caller, true).await?;
    show(&api, &visitor, &fields, Checked::of(chain, true)).await
}

async fn show(api: &Api, visitor: &Visitor, fields: &Fields, chain: Checked) -> Result<Response, Problem> {
    let cursor = fields.given("cursor");
    let is_first = cursor.is_none();
    let found = read(api, visitor, fields, cursor).await;
    let (items, next, problem) = match found {
        Ok((items, next)) => (items, next, None),
        Err(problem) if problem.at_field().is_some() => (Vec::new(), None, Some(problem)),
        Err(problem) => return Err(problem),
    };
    let now = api.context.clock.now().as_second();
    let pairs: Vec<(&str, &str)> = given(fields);
    let next = next
        .map(|next| format!("{AUDIT}?{}", query(pairs.iter().copied().chain([("cursor", next.as_str())]))));
    let wanted = fields.text("action");
    let first = if pairs.is_empty() { AUDIT.to_owned() } else { format!("{AUDIT}?{}", query(pairs)) };
    let shown = AuditPage {
        frame: Frame::new(visitor, ADMIN, "Audit log"),
        tabs: tabs(AUDIT),
        csrf: visitor.csrf.clone(),
        form: form(fields, problem.as_ref()),
        actions: Action::ALL.iter().map(|action| (action.as_str(), action.as_str() == wanted)).collect(),
        rows: items.iter().map(|entry| Row::of(entry, now)).collect(),
        next,
        is_first,
        filter: rest_query(fields),
        first,
        chain,
    };
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let reply = standing_at(page(status, &shown)?, &shown.first);
    Ok(match problem {
        Some(problem) => problem.on_page(reply),
        None => reply,
    })
}

async fn read(
    api: &Api,
    visitor: &Visitor,
    fields: &Fields,
    cursor: Option<String>,
) -> Result<(Vec<EntryView>, Option<String>), Problem> {
    let filter = filter(fields)?;
    let not_ours = || Problem::invalid("cursor", "is not the next_cursor of a page");
    let before = cursor::decode(cursor)?.map(|seq| seq.parse().map_err(|_| not_ours())).transpose()?;
    let page = audit::list(&api.context, &visitor.caller, &filter, before, PER_PAGE).await?;
    let page = cursor::encode(page);
    Ok((page.items, page.next_cursor))
}

/// The form's days as the times of REST.
fn filter(fields: &Fields) -> Result<AuditFilter, Problem> {
    let value = |name: &str| rest_value(fields, name);
    audit_filter([value("actor"), value("target"), value("action"), value("from"), value("until")])
}

/// What REST is asked for with a field: days are those of UTC, the last one included.
fn rest_value(fields: &Fields, name: &str) -> Option<String> {
    let text = fields.given(name)?;
    match name {
        "from" => Some(format!("{text}T00:00:00Z")),
        "until" => Some(match text.parse::<jiff::civil::Date>().ok().and_then(|day| day.tomorrow().ok()) {
            Some(day) => format!("{day}T00:00:00Z"),
            None => text,
        }),
        _ => Some(text),
    }
}

fn rest_query(fields: &Fields) -> String {
    let values = FIELDS.map(|name| (name, rest_value(fields, name)));
    query(values.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))))
}

fn given(fields: &Fields) -> Vec<(&'static str, &str)> {
    FIELDS.into_iter().map(|name| (name, fields.text(name))).filter(|(_, value)| !value.is_empty()).collect()
}

fn form(fields: &Fields, problem: Option<&Problem>) -> Form {
    let text = |name: &str| fields.text(name).to_owned();
    let field = problem.and_then(Problem::at_field).map_or("", |(field, _)| field);
    Form {
        actor: text("actor"),
        target: text("target"),
        from: text("from"),
        until: text("until"),
        is_filtered: !given(fields).is_empty(),
        error_field: field.to_owned(),
        error: problem.map(|problem| words::sentence(problem.detail())),
    }
}

impl Checked {
    fn of(chain: Chain, is_whole: bool) -> Self {
        match chain {
            Chain::Holds { entries, head } if is_whole => Self {
                holds: true,
                sentence: format!(
                    "All {entries} entries follow each other and are unchanged. The head is {head}."
                ),
                is_whole,
            },
            Chain::Holds { entries, head } => Self {
                holds: true,
                sentence: format!("The last of {entries} entries bears its seal. The head is {head}."),
                is_whole,
            },
            Chain::Broken(found) => Self { holds: false, sentence: words::sentence(&found), is_whole },
        }
    }
}

impl Row {
    fn of(entry: &EntryView, now: i64) -> Self {
        let told = |value: &Value| {
            let is_empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
            (!is_empty).then(|| serde_json::to_string_pretty(value).unwrap_or_default())
        };
        Self {
            seq: entry.seq,
            at: Moment::read(&entry.at, now),
            actor: entry.actor.clone(),
            by_token: entry.actor_token_id.clone(),
            ip: entry.ip.clone(),
            action: entry.action.clone(),
            target: entry.target.clone(),
            before: told(&entry.before),
            after: told(&entry.after),
        }
    }
}
