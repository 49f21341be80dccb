//! Ending all tokens of one user.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::LIST;
use crate::api::Api;
use crate::domain::token::State as TokenState;
use crate::http::problem::Problem;
use crate::tokens::{self, ListWish};
use crate::web::fields::{Fields, query};
use crate::web::form::Sent;
use crate::web::frame::{Frame, page};
use crate::web::tokens::TokenRow;
use crate::web::visitor::Visitor;

/// How many are shown before they are ended.
const SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "manager/everything.html")]
struct EverythingPage {
    frame: Frame,
    csrf: String,
    user: String,
    rows: Vec<TokenRow>,
    has_more: bool,
    back: String,
}

/// `GET /manager/delete-all`
pub(in crate::web) async fn show(
    State(api): State<Api>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Problem> {
    visitor.refuse_unless_managing()?;
    let user = fields.text("user").to_owned();
    let wish = ListWish {
        users: vec![user.clone()],
        states: vec![TokenState::Active, TokenState::Disabled],
        limit: SHOWN,
        ..ListWish::default()
    };
    let found = tokens::list(&api.context, &visitor.caller, wish).await?;
    let now = api.context.clock.now().as_second();
    let shown = EverythingPage {
        frame: Frame::new(&visitor, LIST, "Delete all tokens of a user"),
        csrf: visitor.csrf,
        has_more: found.next_cursor.is_some(),
        rows: found.items.into_iter().map(|view| TokenRow::new(view, now)).collect(),
        back: of_user(&user),
        user,
    };
    page(StatusCode::OK, &shown)
}

/// `POST /manager/delete-all`
pub(in crate::web) async fn delete(State(api): State<Api>, sent: Sent) -> Result<Response, Problem> {
    let Sent { visitor, fields } = sent;
    visitor.refuse_unless_managing()?;
    let user = fields.text("user");
    let (count, _) = tokens::revoke_all(&api.context, &visitor.caller, user).await?;
    let count = count.to_string();
    let told = query([("done", "bulk-deleted"), ("count", count.as_str())]);
    Ok(Redirect::to(&format!("{}&{told}", of_user(user))).into_response())
}

fn of_user(user: &str) -> String {
    format!("{LIST}?{}", query([("user", user)]))
}
