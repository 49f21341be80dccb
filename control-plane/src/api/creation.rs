//! What holds for requests that create something, beyond what holds for all: nobody creates without end, and with an
//! `Idempotency-Key` nothing is created twice.

mod once;

use std::sync::{Mutex, PoisonError};

use axum::extract::{FromRequestParts as _, MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Api;
use crate::callers::Caller;
use crate::domain::rate::Rate;
use crate::http::problem::Problem;
use crate::idempotency::Key;

/// Routes whose POST makes a token or a user, or what pushes tokens.
const CREATING: [&str; 6] = [
    "/api/v1/tokens",
    "/api/v1/tokens/{id}/rotate",
    "/api/v1/users",
    "/api/v1/sources",
    "/api/v1/sources/{name}/push-tokens",
    "/api/v1/sources/{name}/push-tokens/{id}/rotate",
];

/// How many tokens and users one person may create in a minute, with all credentials together.
#[derive(Debug, Default)]
pub struct CreationLimit(Option<Mutex<Rate<i64>>>);

impl CreationLimit {
    /// So many a minute; 0 is without end.
    pub fn per_minute(count: u32) -> Self {
        Self(Rate::new(count).map(Mutex::new))
    }

    /// Counts that the person creates something at `now`, in microseconds.
    ///
    /// # Errors
    /// That was too much.
    pub(crate) fn take(&self, user_id: i64, now: i64) -> Result<(), Problem> {
        let Some(rate) = &self.0 else { return Ok(()) };
        // What a panic left is as good as it was: one map of numbers.
        rate.lock().unwrap_or_else(PoisonError::into_inner).take(user_id, now).map_err(too_many)
    }
}

/// Lets a request pass unless it creates and its caller has created too much. The caller is looked up once: the handler
/// finds what was found here.
pub(super) async fn limited(State(api): State<Api>, request: Request, next: Next) -> Response {
    if !creates(&request) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::from_request_parts(&mut parts, &api).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let now = api.context.clock.now().as_microsecond();
    if let Err(problem) = api.creations.take(caller.user.id, now) {
        return problem.into_response();
    }
    let key = match once::key(&parts.headers) {
        Ok(key) => key.map(|text| Key::new(&caller.id(), &text)),
        Err(problem) => return problem.into_response(),
    };
    parts.extensions.insert(caller);
    let request = Request::from_parts(parts, body);
    match key {
        Some(key) => once::once(api.context, key, request, next).await,
        None => next.run(request).await,
    }
}

fn creates(request: &Request) -> bool {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    request.method() == Method::POST && CREATING.contains(&route)
}

fn too_many(seconds: u64) -> Problem {
    let detail = format!("you have created too much in the last minute: try again in {seconds} seconds");
    Problem::too_many("rate_limited", detail, seconds)
}
