//! `/oidc`: signing in with a provider of identities.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::browser::Browser;
use super::extract::{Query, Source};
use crate::domain::place::local;
use crate::error::Error;
use crate::http::problem::Problem;
use crate::oidc::{self, Finished, Provider, Returned};
use crate::schema;

/// Longest parameter of an answer, in characters.
pub(crate) const MAX_TEXT: usize = 4096;

/// Where to go on.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StartQuery {
    /// The page to go on to once signed in: a path of this server, perhaps with a query. The first page if absent.
    #[param(value_type = schema::LocalPlace, required = false)]
    next: Option<String>,
}

/// Sign in with the provider
///
/// For browsers: the reply leads to the provider, which leads back to `/api/v1/oidc/callback`.
#[utoipa::path(
    get, path = "/oidc/start", operation_id = "startOidc", tag = "sessions", security(()), params(StartQuery),
    responses((status = 303, description = "To the provider", headers(("location"), ("set-cookie")))),
    extensions(("x-problems" = json!(["not_found", "oidc_unavailable"]))),
)]
pub(super) async fn start(
    State(api): State<Api>,
    browser: Browser,
    Query(query): Query<StartQuery>,
) -> Result<Response, Problem> {
    let provider = provider(&api)?;
    let next = query.next.as_deref().unwrap_or("/");
    // Never to another server: whoever follows a link of ours would believe what is shown there.
    if next.len() > oidc::MAX_NEXT || local(next).is_none() {
        let detail = format!("must be a path of this server, with at most {} bytes", oidc::MAX_NEXT);
        return Err(Problem::invalid("next", detail));
    }
    let (flow, url) = oidc::start(&api.context, provider, next).await?;
    let location = [(header::LOCATION, url)];
    Ok((StatusCode::SEE_OTHER, [browser.keep_flow(&flow)], location).into_response())
}

/// What the provider sends. What else it sends means nothing here.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CallbackQuery {
    #[param(value_type = schema::ProvidersText, required = false)]
    code: Option<String>,
    #[param(value_type = schema::ProvidersText, required = false)]
    state: Option<String>,
    #[param(value_type = schema::ProvidersText, required = false)]
    iss: Option<String>,
    #[param(value_type = schema::ProvidersText, required = false)]
    error: Option<String>,
}

/// Come back from the provider
///
/// Who comes for the first time is added, under the name that the provider says, unless there is or was a user of that name.
#[utoipa::path(
    get, path = "/oidc/callback", operation_id = "finishOidc", tag = "sessions", security(()), params(CallbackQuery),
    responses((status = 200, description = "A page that leads on, and the session's cookie",
               body = schema::Page, content_type = "text/html", headers(("set-cookie")))),
    extensions(("x-problems" = json!([
        "not_found", "oidc_state_unknown", "oidc_refused", "oidc_not_admitted", "oidc_name_unusable", "oidc_name_taken",
        "oidc_unavailable", "rate_limited"
    ]))),
)]
pub(super) async fn finish(
    State(api): State<Api>,
    browser: Browser,
    Source(address): Source,
    Query(query): Query<CallbackQuery>,
) -> Result<Response, Problem> {
    let provider = provider(&api)?;
    let CallbackQuery { code, state, iss, error } = &query;
    for (name, value) in [("code", code), ("state", state), ("iss", iss), ("error", error)] {
        if value.as_ref().is_some_and(|value| value.chars().nth(MAX_TEXT).is_some()) {
            return Err(Problem::invalid(name, format!("has at most {MAX_TEXT} characters")));
        }
    }
    let returned = Returned {
        flow: browser.flow.clone(),
        code: query.code,
        state: query.state,
        issuer: query.iss,
        error: query.error,
        address,
    };
    let Finished { signed_in, next } = oidc::finish(&api.context, provider, returned).await?;
    let next = escaped(&next);
    // A page, and no redirect: the session's cookie is not sent along a way that began at another site.
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0; url={next}\">\
         <title>Gatepass</title><p>You are signed in as {}. <a href=\"{next}\">Go on</a></p></html>",
        escaped(&signed_in.user.name)
    );
    let headers = [browser.keep(&signed_in.secret), browser.forget_flow()];
    let kind = (header::CONTENT_TYPE, axum::http::HeaderValue::from_static("text/html; charset=utf-8"));
    let mut response = page.into_response();
    response.headers_mut().insert(kind.0, kind.1);
    for (name, value) in headers {
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

fn provider(api: &Api) -> Result<&Provider, Error> {
    api.oidc.as_deref().ok_or(Error::NotFound("provider of identities: this server knows none"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
