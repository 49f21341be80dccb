//! What is done to several tokens at once: shown with all of them first, then done to all or none.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::LIST;
use crate::api::Api;
use crate::domain::place::local;
use crate::http::problem::Problem;
use crate::tokens::{self, Bulk, MAX_TOKENS};
use crate::web::fields::query;
use crate::web::form::Sent;
use crate::web::frame::{Frame, page};
use crate::web::tokens::TokenRow;

#[derive(Template)]
#[template(path = "manager/bulk.html")]
struct BulkPage {
    frame: Frame,
    csrf: String,
    back: String,
    action: &'static str,
    heading: String,
    consequence: &'static str,
    button: String,
    is_grave: bool,
    rows: Vec<TokenRow>,
}

/// `POST /manager/bulk`: asks at first, and does it when that is confirmed.
pub(in crate::web) async fn act(State(api): State<Api>, sent: Sent) -> Result<Response, Problem> {
    let Sent { visitor, fields } = sent;
    visitor.refuse_unless_managing()?;
    let action = Bulk::from_name(fields.text("action"));
    let action = action.ok_or_else(|| Problem::invalid("action", "say what is to be done"))?;
    let mut ids = fields.chosen("id");
    ids.sort();
    ids.dedup();
    let back = local(fields.text("back")).unwrap_or(LIST).to_owned();
    if ids.len() > MAX_TOKENS {
        return Err(Problem::invalid("id", format!("at most {MAX_TOKENS} tokens at once")));
    }
    if ids.is_empty() {
        return Ok(Redirect::to(&back).into_response());
    }
    if fields.ticked("confirmed") {
        let (count, _) = tokens::bulk(&api.context, &visitor.caller, &ids, action).await?;
        let joint = if back.contains('?') { '&' } else { '?' };
        let count = count.to_string();
        let told = query([("done", done(action)), ("count", count.as_str())]);
        return Ok(Redirect::to(&format!("{back}{joint}{told}")).into_response());
    }
    let now = api.context.clock.now().as_second();
    let mut rows = Vec::with_capacity(ids.len());
    for id in &ids {
        rows.push(TokenRow::new(tokens::show(&api.context, &visitor.caller, id).await?, now));
    }
    let (verb, consequence) = told(action);
    let count = if rows.len() == 1 { "1 API token".to_owned() } else { format!("{} API tokens", rows.len()) };
    let heading = format!("{verb} {count}?");
    let frame = Frame::new(&visitor, LIST, heading.clone());
    let button = format!("{verb} {count}");
    let is_grave = action == Bulk::Revoke;
    let action = action.name();
    page(
        StatusCode::OK,
        &BulkPage { frame, csrf: visitor.csrf, back, action, heading, consequence, button, is_grave, rows },
    )
}

fn told(action: Bulk) -> (&'static str, &'static str) {
    match action {
        Bulk::Revoke => (
            "Delete",
            "Whatever uses them is refused from then on. This cannot be undone. Tokens that they replace, or that replace \
             them, are deleted with them.",
        ),
        Bulk::Disable => (
            "Disable",
            "Whatever uses them is refused until they are enabled again. Their owners cannot do that. Tokens that have ended \
             stay as they are.",
        ),
        Bulk::Enable => ("Enable", "Those that are disabled work again."),
    }
}

fn done(action: Bulk) -> &'static str {
    match action {
        Bulk::Revoke => "bulk-deleted",
        Bulk::Disable => "bulk-disabled",
        Bulk::Enable => "bulk-enabled",
    }
}
