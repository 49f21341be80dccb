//! One token: its details, and what may be done to it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::{LIST, TokenRow, secret};
use crate::api::Api;
use crate::api::extract::Name;
use crate::domain::narrowing::TokenPatch;
use crate::domain::place::local;
use crate::http::problem::Problem;
use crate::tokens::{self, Rotation};
use crate::web::fields::{Fields, query};
use crate::web::form::Sent;
use crate::web::frame::{Frame, page};
use crate::web::manager;
use crate::web::once::{mark, once};
use crate::web::visitor::Visitor;

/// How long an old secret may go on working: what the page offers, as ISO 8601 and in words.
const GRACES: [(&str, &str); 5] = [
    ("PT0S", "It stops at once"),
    ("PT1H", "For one more hour"),
    ("P1D", "For one more day"),
    ("P3D", "For three more days"),
    ("P7D", "For seven more days"),
];

#[derive(Template)]
#[template(path = "tokens/one.html")]
struct OnePage {
    frame: Frame,
    row: TokenRow,
    csrf: String,
    back: String,
    may_enable: bool,
    may_rotate: bool,
}

#[derive(Template)]
#[template(path = "tokens/delete.html")]
struct DeletePage {
    frame: Frame,
    row: TokenRow,
    csrf: String,
    back: String,
    is_own: bool,
}

#[derive(Template)]
#[template(path = "tokens/rotate.html")]
struct RotatePage {
    frame: Frame,
    row: TokenRow,
    csrf: String,
    back: String,
    once: String,
    graces: [(&'static str, &'static str); 5],
    is_own: bool,
    problem: Option<String>,
}

/// A token that somebody looks at.
struct Seen {
    row: TokenRow,
    is_own: bool,
    frame: Frame,
    /// The list that the person came from.
    back: String,
}

impl Seen {
    async fn new(api: &Api, visitor: &Visitor, id: &str, fields: &Fields) -> Result<Self, Problem> {
        let view = tokens::show(&api.context, &visitor.caller, id).await?;
        let row = TokenRow::new(view, api.context.clock.now().as_second());
        let is_own = row.user == visitor.name();
        let place = if is_own { LIST } else { manager::LIST };
        let back = local(fields.text("back")).unwrap_or(place).to_owned();
        let frame = Frame::new(visitor, place, row.description.clone()).after(fields.text("done"));
        Ok(Self { row, is_own, frame, back })
    }
}

/// `GET /tokens/{id}`
pub(in crate::web) async fn show(
    State(api): State<Api>,
    visitor: Visitor,
    Name(id): Name,
    fields: Fields,
) -> Result<Response, Problem> {
    let Seen { row, is_own, frame, back } = Seen::new(&api, &visitor, &id, &fields).await?;
    let shown = OnePage {
        may_enable: !is_own || row.disabled.as_ref().is_some_and(|by| by.name == row.user),
        may_rotate: row.is_rotatable() && visitor.may_create(),
        csrf: visitor.csrf,
        frame,
        row,
        back,
    };
    page(StatusCode::OK, &shown)
}

/// `POST /tokens/{id}/disable`
pub(in crate::web) async fn disable(
    State(api): State<Api>,
    Name(id): Name,
    sent: Sent,
) -> Result<Response, Problem> {
    switch(&api, &id, &sent, false).await
}

/// `POST /tokens/{id}/enable`
pub(in crate::web) async fn enable(
    State(api): State<Api>,
    Name(id): Name,
    sent: Sent,
) -> Result<Response, Problem> {
    switch(&api, &id, &sent, true).await
}

async fn switch(api: &Api, id: &str, sent: &Sent, enabled: bool) -> Result<Response, Problem> {
    let patch = TokenPatch { enabled: Some(enabled), ..TokenPatch::default() };
    let (view, _) = tokens::update(&api.context, &sent.visitor.caller, id, &patch).await?;
    let done = if enabled { "enabled" } else { "disabled" };
    let back = local(sent.fields.text("back")).map(|back| ("back", back));
    let query = query(back.into_iter().chain([("done", done)]));
    Ok(Redirect::to(&format!("{LIST}/{}?{query}", view.id())).into_response())
}

/// `GET /tokens/{id}/delete`
pub(in crate::web) async fn show_delete(
    State(api): State<Api>,
    visitor: Visitor,
    Name(id): Name,
    fields: Fields,
) -> Result<Response, Problem> {
    let Seen { row, is_own, frame, back } = Seen::new(&api, &visitor, &id, &fields).await?;
    page(StatusCode::OK, &DeletePage { frame, row, csrf: visitor.csrf, back, is_own })
}

/// `POST /tokens/{id}/delete`
pub(in crate::web) async fn delete(
    State(api): State<Api>,
    Name(id): Name,
    sent: Sent,
) -> Result<Response, Problem> {
    let Sent { visitor, fields } = sent;
    tokens::revoke(&api.context, &visitor.caller, &id).await?;
    let back = local(fields.text("back")).unwrap_or(LIST);
    Ok(Redirect::to(&told(back, "deleted")).into_response())
}

/// `place`, which is to say that something was done.
pub(in crate::web) fn told(place: &str, done: &str) -> String {
    let joint = if place.contains('?') { '&' } else { '?' };
    format!("{place}{joint}{}", query([("done", done)]))
}

/// `GET /tokens/{id}/rotate`
pub(in crate::web) async fn show_rotate(
    State(api): State<Api>,
    visitor: Visitor,
    Name(id): Name,
    fields: Fields,
) -> Result<Response, Problem> {
    let once = mark(&api)?;
    page(StatusCode::OK, &rotate_page(&api, &visitor, &id, &fields, (once, None)).await?)
}

async fn rotate_page(
    api: &Api,
    visitor: &Visitor,
    id: &str,
    fields: &Fields,
    (once, problem): (String, Option<String>),
) -> Result<RotatePage, Problem> {
    let Seen { row, is_own, frame, back } = Seen::new(api, visitor, id, fields).await?;
    Ok(RotatePage { frame, row, csrf: visitor.csrf.clone(), back, once, graces: GRACES, is_own, problem })
}

/// `POST /tokens/{id}/rotate`
pub(in crate::web) async fn rotate(
    State(api): State<Api>,
    Name(id): Name,
    sent: Sent,
) -> Result<Response, Problem> {
    let Sent { visitor, fields } = &sent;
    let (context, caller, token) = (api.context.clone(), visitor.caller.clone(), id.clone());
    let rotation = Rotation { grace: fields.given("grace").filter(|grace| grace != "PT0S") };
    let work = async move { tokens::rotate(&context, &caller, &token, &rotation).await };
    let path = format!("{LIST}/{id}/rotate");
    match once(&api, visitor, (&path, fields), work).await {
        Ok(done) => secret::shown(&api, visitor, done).await,
        Err(problem) if matches!(problem.status(), StatusCode::BAD_REQUEST | StatusCode::CONFLICT) => {
            let said = Some(crate::web::words::sentence(problem.detail()));
            let shown = rotate_page(&api, visitor, &id, fields, (mark(&api)?, said)).await?;
            Ok(problem.on_page(page(problem.status(), &shown)?))
        }
        Err(problem) => Err(problem),
    }
}
