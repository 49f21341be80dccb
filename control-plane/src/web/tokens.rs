//! My API tokens.

pub(super) mod create;
mod form;
pub(super) mod one;
mod row;
mod secret;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::fields::{Fields, query};
use super::frame::{Frame, page};
use super::visitor::Visitor;
use crate::api::Api;
use crate::api::cursor;
use crate::domain::token::State as TokenState;
use crate::http::problem::Problem;
use crate::tokens::{self as use_case, ListWish};
pub(super) use row::TokenRow;

/// Where the list is.
pub(super) const LIST: &str = "/tokens";
/// How many tokens a page shows.
pub(super) const PER_PAGE: usize = 50;

#[derive(Template)]
#[template(path = "tokens/list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<TokenRow>,
    may_create: bool,
    /// Whether those are shown, too, that were deleted.
    shows_all: bool,
    is_first: bool,
    next: Option<String>,
}

/// `GET /tokens`
pub(super) async fn list(
    State(api): State<Api>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Problem> {
    let shows_all = fields.ticked("all");
    let cursor = fields.given("cursor");
    let is_first = cursor.is_none();
    let states = vec![TokenState::Active, TokenState::Disabled, TokenState::Expired];
    let wish = ListWish {
        users: vec![visitor.name().to_owned()],
        states: if shows_all { Vec::new() } else { states },
        cursor: cursor::decode(cursor)?,
        limit: PER_PAGE,
        ..ListWish::default()
    };
    let found = cursor::encode(use_case::list(&api.context, &visitor.caller, wish).await?);
    let now = api.context.clock.now().as_second();
    let next = found.next_cursor.map(|cursor| {
        let all = shows_all.then_some(("all", "1"));
        format!("{LIST}?{}", query(all.into_iter().chain([("cursor", cursor.as_str())])))
    });
    let shown = ListPage {
        frame: Frame::new(&visitor, LIST, "My API tokens").after(fields.text("done")),
        rows: found.items.into_iter().map(|view| TokenRow::new(view, now)).collect(),
        may_create: visitor.may_create(),
        shows_all,
        is_first,
        next,
    };
    page(StatusCode::OK, &shown)
}
