//! The token manager: everyone's tokens, for token managers and admins.

pub(super) mod bulk;
pub(super) mod everything;
pub(super) mod export;
mod filter;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::fields::Fields;
use super::frame::{Frame, page, standing_at};
use super::tokens::{PER_PAGE, TokenRow};
use super::visitor::Visitor;
use super::words;
use crate::api::{Api, cursor};
use crate::http::problem::Problem;
use crate::{tokens as use_case, users};
use filter::{Filter, Heading};

/// Where the list is.
pub(super) const LIST: &str = "/manager";
/// How many names are shown as somebody types.
const NAMES: usize = 20;

#[derive(Template)]
#[template(path = "manager/list.html")]
struct ListPage {
    frame: Frame,
    csrf: String,
    filter: Filter,
    headings: Vec<Heading>,
    rows: Vec<TokenRow>,
    may_create: bool,
    is_first: bool,
    /// The page that is shown, to come back to.
    here: String,
    next: Option<String>,
    problem: Option<String>,
}

impl ListPage {
    /// How many there are, in words.
    fn count(&self) -> String {
        let more = if self.next.is_some() { "more than " } else { "" };
        match (self.rows.len(), self.is_first) {
            (0, _) => "No tokens".to_owned(),
            (1, true) => format!("{more}1 token"),
            (count, true) => format!("{more}{count} tokens"),
            (1, false) => "1 more token".to_owned(),
            (count, false) => format!("{more}{count} more tokens"),
        }
    }
}

/// `GET /manager`
pub(super) async fn list(
    State(api): State<Api>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Problem> {
    visitor.refuse_unless_managing()?;
    let filter = Filter::read(&fields);
    let found = match filter.wish(fields.given("cursor"), PER_PAGE) {
        Ok(wish) => use_case::list(&api.context, &visitor.caller, wish).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    let (found, problem) = match found {
        Ok(found) => (cursor::encode(found), None),
        Err(problem) if problem.status().is_server_error() => return Err(problem),
        // Beside the filter, which keeps what was typed.
        Err(problem) => (use_case::Page { items: Vec::new(), next_cursor: None }, Some(problem)),
    };
    let now = api.context.clock.now().as_second();
    let here = filter.place(LIST, fields.given("cursor").as_deref());
    let filter = match &problem {
        Some(problem) => filter.wrong(problem),
        None => filter,
    };
    let shown = ListPage {
        frame: Frame::new(&visitor, LIST, "Token manager")
            .after(fields.text("done"))
            .counting(words::counted(fields.text("done"), fields.text("count"))),
        csrf: visitor.csrf.clone(),
        headings: filter.headings(),
        rows: found.items.into_iter().map(|view| TokenRow::new(view, now)).collect(),
        may_create: visitor.may_create(),
        is_first: fields.given("cursor").is_none(),
        next: found.next_cursor.map(|cursor| filter.place(LIST, Some(&cursor))),
        problem: problem
            .as_ref()
            .filter(|_| !filter.has_error())
            .map(|problem| words::sentence(problem.detail())),
        filter,
        here: here.clone(),
    };
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    // Without what was left empty.
    let reply = standing_at(page(status, &shown)?, &here);
    Ok(match problem {
        Some(problem) => problem.on_page(reply),
        None => reply,
    })
}

#[derive(Template)]
#[template(path = "manager/names.html")]
struct Names {
    names: Vec<String>,
}

/// `GET /manager/names`: whose names hold what somebody has typed so far, for a field that offers them.
pub(super) async fn names(
    State(api): State<Api>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Problem> {
    // A filter sends those that are chosen already as well; what is typed comes last.
    let typed = fields.chosen("user").pop().unwrap_or_default();
    let names = if typed.is_empty() {
        visitor.refuse_unless_managing()?;
        Vec::new()
    } else {
        users::names(&api.context, &visitor.caller, &typed, NAMES).await?
    };
    Ok(page(StatusCode::OK, &Names { names })?.into_response())
}
