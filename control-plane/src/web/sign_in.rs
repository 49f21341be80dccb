//! Signing in and out.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};

use super::fields::{Fields, query};
use super::form::{Sent, SentByAnybody, csrf_before_sign_in};
use super::frame::{Frame, page};
use super::visitor::Visitor;
use super::words;
use crate::api::Api;
use crate::api::browser::Browser;
use crate::api::extract::{Source, source};
use crate::domain::place::local;
use crate::domain::session::Secret;
use crate::error::Error;
use crate::http::problem::Problem;
use crate::oidc::MAX_NEXT;
use crate::sign_in::{self as use_case, Attempt};

/// Where it is.
pub(super) const PAGE: &str = "/sign-in";
/// Where signing in with a provider begins.
const OIDC: &str = "/api/v1/oidc/start";

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    csrf: String,
    next: String,
    name: String,
    problem: Option<String>,
    /// Where signing in with the provider begins, if there is one.
    provider: Option<String>,
    /// The file with the first admin's password, as long as there is one.
    first_password: Option<String>,
}

/// `GET /sign-in`
pub(super) async fn show(
    State(api): State<Api>,
    browser: Browser,
    Source(address): Source,
    visitor: Result<Visitor, Problem>,
    fields: Fields,
) -> Result<Response, Problem> {
    let next = next(&fields);
    if visitor.is_ok() {
        return Ok(Redirect::to(&next).into_response());
    }
    let from_here = address.is_some_and(|ip| ip.to_canonical().is_loopback());
    let visit = visit(&api, &browser)?;
    let shown = SignInPage {
        frame: Frame::for_anybody("Sign in").after(fields.text("done")),
        csrf: csrf_before_sign_in(&visit),
        provider: provider(&api, &next),
        next,
        name: String::new(),
        problem: None,
        first_password: first_password(&api, from_here).await,
    };
    Ok((AppendHeaders([browser.keep_visit(&visit)]), page(StatusCode::OK, &shown)?).into_response())
}

/// `POST /sign-in`
pub(super) async fn sign_in(State(api): State<Api>, sent: SentByAnybody) -> Result<Response, Problem> {
    let SentByAnybody { parts, fields } = sent;
    let (browser, address) = (Browser::of(&parts), source(&parts, &api));
    let next = next(&fields);
    let old = browser.secret.as_ref().map(Secret::hash);
    let attempt = Attempt { name: fields.raw("user"), password: fields.raw("password"), address, old };
    let problem = match use_case::with_password(&api.context, attempt).await {
        Ok(signed_in) => {
            let cookie = AppendHeaders([browser.keep(&signed_in.secret)]);
            return Ok((cookie, Redirect::to(&next)).into_response());
        }
        Err(error) => Problem::from(error),
    };
    if problem.status().is_server_error() {
        return Err(problem);
    }
    let shown = SignInPage {
        frame: Frame::for_anybody("Sign in"),
        csrf: fields.raw("csrf").to_owned(),
        provider: provider(&api, &next),
        next,
        name: fields.text("user").to_owned(),
        problem: Some(words::sentence(problem.detail())),
        first_password: None,
    };
    Ok(problem.on_page(page(problem.status(), &shown)?))
}

/// `POST /sign-out`
pub(super) async fn sign_out(
    State(api): State<Api>,
    browser: Browser,
    sent: Sent,
) -> Result<Response, Problem> {
    use_case::sign_out(&api.context, &sent.visitor.caller).await?;
    let place = format!("{PAGE}?done=signed-out");
    Ok((AppendHeaders([browser.forget()]), Redirect::to(&place)).into_response())
}

/// Where signing in with the provider begins, to go on to `next` after it.
fn provider(api: &Api, next: &str) -> Option<String> {
    api.oidc.as_ref()?;
    // What is too long to be kept on the way is not asked for.
    let next = if next.len() <= MAX_NEXT { next } else { "/" };
    Some(format!("{OIDC}?{}", query([("next", next)])))
}

fn next(fields: &Fields) -> String {
    local(fields.text("next")).unwrap_or("/").to_owned()
}

/// By what the browser is known, from now on if it was not.
fn visit(api: &Api, browser: &Browser) -> Result<Secret, Error> {
    if let Some(known) = &browser.visit {
        return Ok(known.clone());
    }
    let mut bytes = [0; 32];
    api.context.random.fill(&mut bytes)?;
    Ok(Secret::new(bytes))
}

/// The file with the first admin's password, for somebody on this machine: others learn nothing of its folders.
async fn first_password(api: &Api, from_here: bool) -> Option<String> {
    let file = api.context.folder.initial_password();
    let is_there = from_here && tokio::fs::try_exists(&file).await.unwrap_or(false);
    is_there.then(|| file.display().to_string())
}
