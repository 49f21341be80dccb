//! `/session`, and what concerns the sessions of a user.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::browser::Browser;
use super::extract::{Json, Name, Source};
use super::openapi::{ADMIN, MANAGE};
use crate::callers::Caller;
use crate::clock::rfc3339;
use crate::domain::session::{Limits, Secret, Session};
use crate::domain::user::{Role, User};
use crate::error::{Error, Unauthenticated};
use crate::http::problem::Problem;
use crate::schema;
use crate::sign_in::{self, Attempt};

/// A user name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    /// In any case.
    #[schema(value_type = schema::PasswordText)]
    user: String,
    #[schema(value_type = schema::PasswordText)]
    password: String,
}

/// A session as its page sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
struct SessionView {
    #[schema(value_type = schema::UserName)]
    user: String,
    role: Role,
    #[schema(value_type = Option<schema::Text>, required)]
    display_name: Option<String>,
    /// How it began: `password` or `oidc`.
    method: &'static str,
    /// What each change by this session sends as `x-csrf-token`.
    csrf_token: String,
    #[schema(value_type = schema::Time)]
    signed_in_at: String,
    /// When it ends in any case.
    #[schema(value_type = schema::Time)]
    ends_at: String,
    /// After how many seconds without a request it ends.
    idle_seconds: i64,
}

impl SessionView {
    fn new(user: User, session: &Session, secret: &Secret, limits: Limits) -> Self {
        Self {
            user: user.name,
            role: user.role,
            display_name: user.display_name,
            method: session.method.as_str(),
            csrf_token: secret.csrf_token(),
            signed_in_at: rfc3339(session.created_at),
            ends_at: rfc3339(session.ends_at(limits)),
            idle_seconds: limits.idle,
        }
    }
}

/// Sign in
///
/// The reply's cookie carries the session; who had one before has it no longer. Unknown names and wrong passwords get the
/// same answer.
#[utoipa::path(
    post, path = "/session", operation_id = "signIn", tag = "sessions", security(()), request_body = SignIn,
    responses((status = 200, description = "The session", body = SessionView, headers(("set-cookie")))),
    extensions(("x-problems" = json!(["sign_in_refused", "origin_refused", "rate_limited", "sign_in_delayed"]))),
)]
pub(super) async fn sign_in(
    State(api): State<Api>,
    browser: Browser,
    Source(address): Source,
    Json(body): Json<SignIn>,
) -> Result<Response, Problem> {
    browser.check_origin()?;
    let old = browser.secret.as_ref().map(Secret::hash);
    let attempt = Attempt { name: &body.user, password: &body.password, address, old };
    let signed_in = sign_in::with_password(&api.context, attempt).await?;
    let view = SessionView::new(signed_in.user, &signed_in.session, &signed_in.secret, api.context.sessions);
    Ok(([browser.keep(&signed_in.secret)], axum::Json(view)).into_response())
}

/// Show the session
///
/// For pages: who is signed in, and the token against forged requests.
#[utoipa::path(
    get, path = "/session", operation_id = "showSession", tag = "sessions",
    responses((status = 200, description = "The session", body = SessionView)),
    extensions(("x-problems" = json!(["not_signed_in"]))),
)]
pub(super) async fn show_session(
    State(api): State<Api>,
    caller: Caller,
    browser: Browser,
) -> Result<Response, Problem> {
    let (user, session) = sign_in::show(&api.context, &caller).await?;
    let secret = browser.secret.ok_or(Error::from(Unauthenticated::NotSignedIn))?;
    let view = SessionView::new(user, &session, &secret, api.context.sessions);
    Ok(axum::Json(view).into_response())
}

/// Sign out
#[utoipa::path(
    delete, path = "/session", operation_id = "signOut", tag = "sessions",
    responses((status = 204, description = "The session has ended", headers(("set-cookie")))),
    extensions(("x-problems" = json!(["not_signed_in"]))),
)]
pub(super) async fn sign_out(
    State(api): State<Api>,
    caller: Caller,
    browser: Browser,
) -> Result<Response, Problem> {
    sign_in::sign_out(&api.context, &caller).await?;
    Ok((StatusCode::NO_CONTENT, [browser.forget()]).into_response())
}

/// How many sessions were ended.
#[derive(Serialize, ToSchema)]
#[schema(as = EndedSessions)]
struct Ended {
    ended: u64,
}

/// Sign a person out everywhere
///
/// Oneself; admins anybody.
#[utoipa::path(
    delete, path = "/users/{name}/sessions", operation_id = "endSessionsOfUser", tag = "sessions",
    params(("name" = schema::UserName, Path, description = "The user's name")),
    responses((status = 200, description = "How many sessions were ended", body = Ended)),
    extensions(("x-problems" = json!([MANAGE, &["admin_required", "not_found"]].concat()))),
)]
pub(super) async fn end_sessions(
    State(api): State<Api>,
    caller: Caller,
    Name(name): Name,
) -> Result<Response, Problem> {
    let ended = sign_in::sign_out_everywhere(&api.context, &caller, &name).await?;
    Ok(axum::Json(Ended { ended }).into_response())
}

/// Forget a person's failed attempts to sign in
///
/// The next attempt need not wait.
#[utoipa::path(
    delete, path = "/users/{name}/failed-sign-ins", operation_id = "resetFailedSignIns", tag = "sessions",
    params(("name" = schema::UserName, Path, description = "The user's name")),
    responses((status = 204, description = "There are none any more")),
    extensions(("x-problems" = json!([ADMIN, &["not_found"]].concat()))),
)]
pub(super) async fn reset_failed_sign_ins(
    State(api): State<Api>,
    caller: Caller,
    Name(name): Name,
) -> Result<Response, Problem> {
    sign_in::reset_failures(&api.context, &caller, &name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
