//! The pages: parse a request, call one use case, render. They are for people who are signed in with a browser, and know no
//! rule that REST does not have: both call the same use cases. Why they are made as they are is in
//! `docs/decisions/0013-pages.md`.
//!
//! A handler takes a [`visitor::Visitor`] to show something, a [`form::Sent`] to change something, and answers `Err` with a
//! [`Problem`](crate::http::problem::Problem), as those of REST do; [`refusal`] makes a page of that. English texts are in
//! `templates/`, and in [`words`] where code chooses between them.

mod admin;
mod assets;
mod fields;
mod form;
mod frame;
mod manager;
mod moment;
mod once;
mod refusal;
mod sign_in;
mod tokens;
mod visitor;
mod words;

use axum::Router;
use axum::response::Redirect;
use axum::routing::{get, post};

use crate::api::Api;
use manager::{bulk, everything, export};
pub(crate) use refusal::Asked;
use tokens::{create, one};

/// All pages, and what they load.
#[expect(clippy::disallowed_methods, reason = "pages for people, no calls of REST")]
pub(crate) fn router() -> Router<Api> {
    Router::new()
        .route("/", get(async |_: visitor::Visitor| Redirect::to(tokens::LIST)))
        .route(sign_in::PAGE, get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route(tokens::LIST, get(tokens::list))
        .route("/tokens/new", get(create::show).post(create::create))
        .route("/tokens/{id}", get(one::show))
        .route("/tokens/{id}/disable", post(one::disable))
        .route("/tokens/{id}/enable", post(one::enable))
        .route("/tokens/{id}/rotate", get(one::show_rotate).post(one::rotate))
        .route("/tokens/{id}/delete", get(one::show_delete).post(one::delete))
        .route(manager::LIST, get(manager::list))
        .route("/manager/names", get(manager::names))
        .route("/manager/new", get(create::show_for_others).post(create::create_for_others))
        .route("/manager/bulk", post(bulk::act))
        .route("/manager/delete-all", get(everything::show).post(everything::delete))
        .route("/manager/export.csv", get(export::export))
        .route("/assets/{name}", get(assets::show))
        .merge(admin::router())
}

/// Whether what is at `route` concerns no person: the log need not tell of each request for it.
pub(crate) fn is_routine(route: &str) -> bool {
    route.starts_with("/assets/")
}
