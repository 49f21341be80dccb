//! All users, by what one looks for.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::Row;
use super::form::{Choice, roles};
use crate::api::{Api, cursor};
use crate::domain::user::{Role, UserFilter};
use crate::http::problem::Problem;
use crate::users as use_case;
use crate::web::admin::{ADMIN, Tab, USERS, tabs};
use crate::web::fields::{Fields, query};
use crate::web::frame::{Frame, page, standing_at};
use crate::web::visitor::Visitor;

const PER_PAGE: usize = 50;

#[derive(Template)]
#[template(path = "admin/users.html")]
struct ListPage {
    frame: Frame,
    tabs: Vec<Tab>,
    search: String,
    roles: Vec<Choice>,
    states: Vec<Choice>,
    is_filtered: bool,
    rows: Vec<Row>,
    is_first: bool,
    next: Option<String>,
}

/// `GET /admin/users`
pub(in crate::web::admin) async fn list(
    State(api): State<Api>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Problem> {
    let active = match fields.text("active") {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    let filter = UserFilter {
        search: fields.given("search"),
        role: Role::from_name(fields.text("role")),
        active,
        ..UserFilter::default()
    };
    let is_filtered = filter != UserFilter::default();
    let cursor = fields.given("cursor");
    let is_first = cursor.is_none();
    let after = cursor::decode(cursor)?;
    let found = use_case::list(&api.context, &visitor.caller, filter, after, PER_PAGE).await?;
    let found = cursor::encode(found);
    let now = api.context.clock.now().as_second();
    let asked = ["search", "role", "active"].map(|name| (name, fields.text(name)));
    let asked: Vec<_> = asked.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let place = |more: Option<&str>| {
        let query = query(asked.iter().copied().chain(more.map(|cursor| ("cursor", cursor))));
        if query.is_empty() { USERS.to_owned() } else { format!("{USERS}?{query}") }
    };
    let next = found.next_cursor.map(|cursor| place(Some(&cursor)));
    let state = |value, label| Choice { value, label, is_chosen: fields.text("active") == value };
    let shown = ListPage {
        frame: Frame::new(&visitor, ADMIN, "Users").after(fields.text("done")),
        tabs: tabs(USERS),
        search: fields.text("search").to_owned(),
        roles: roles(fields.text("role")),
        states: vec![state("true", "Active"), state("false", "Deactivated")],
        is_filtered,
        rows: found.items.iter().map(|user| Row::of(user, now)).collect(),
        is_first,
        next,
    };
    Ok(standing_at(page(StatusCode::OK, &shown)?, &place(None)))
}
