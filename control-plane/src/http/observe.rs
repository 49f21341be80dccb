//! What every request gets: an id, a line in the log, and the headers that every reply has.

use std::any::Any;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tower_http::catch_panic::{CatchPanicLayer, ResponseForPanic};
use tracing::Instrument as _;

use super::problem::{Code, Problem};
use super::request_id;
use crate::context::Context;
use crate::random::hex_text;

/// How much a request matters in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Only for who looks closely.
    Routine,
    /// Worth a line.
    Normal,
    /// Somebody should look.
    Suspicious,
}

/// For whom requests are observed.
#[derive(Clone, Copy)]
pub(crate) struct Observer<'a> {
    /// For ids and what is counted.
    pub(crate) context: &'a Context,
    /// As metrics name it.
    pub(crate) listener: &'static str,
}

/// Answers `request` with `answer`. `weight` judges the route and the reply's status.
pub(crate) async fn observed<A: Future<Output = Response>>(
    observer: Observer<'_>,
    weight: impl FnOnce(&str, StatusCode) -> Weight,
    request: Request,
    answer: impl FnOnce(Request) -> A,
) -> Response {
    let id = request_id::given(request.headers());
    let id = id.unwrap_or_else(|| hex_text::<8>(observer.context.random.as_ref()).unwrap_or_default());
    let span = tracing::info_span!("request", id = %id);
    // The route rather than the path: a path may hold a token that somebody put there by mistake.
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let method = shown_method(request.method());
    let start = started();
    let mut response = answer(request).instrument(span.clone()).await;
    let took = start.elapsed();
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let code = response.extensions().get::<Code>().map(|code| code.0);
    let asked = (observer.listener, route.as_str(), method);
    observer.context.metrics.answered(asked, response.status().as_u16(), code, took);
    span.in_scope(|| log(weight(&route, response.status()), method, &route, ms, &response));
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(request_id::HEADER, id);
    }
    protect(headers);
    response
}

fn log(weight: Weight, method: &str, route: &str, ms: u64, response: &Response) {
    let status = response.status().as_u16();
    let code = response.extensions().get::<Code>().map_or("-", |code| code.0);
    match weight {
        Weight::Routine => tracing::debug!(method, route, status, code, ms, "request"),
        Weight::Normal => tracing::info!(method, route, status, code, ms, "request"),
        Weight::Suspicious => tracing::warn!(method, route, status, code, ms, "request"),
    }
}

/// Turns a panic into a 500.
pub(crate) fn catch_panics() -> CatchPanicLayer<impl ResponseForPanic<ResponseBody = axum::body::Body>> {
    CatchPanicLayer::custom(panicked)
}

fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let text = cause.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| cause.downcast_ref::<String>().cloned()).unwrap_or_default();
    Problem::internal(&format!("panic: {text}")).into_response()
}

/// The method as the log shows it: any word is one to HTTP, a token too.
fn shown_method(method: &Method) -> &'static str {
    let standard = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    standard.into_iter().find(|name| method == name).unwrap_or("-")
}

#[expect(clippy::disallowed_methods, reason = "only for the log's duration; nothing is decided by it")]
fn started() -> Instant {
    Instant::now()
}

fn protect(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A page says itself what it needs.
    let unless_said = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    for (name, value) in unless_said {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_shows_no_method_that_a_client_made_up() {
        for (method, shown) in [("GET", "GET"), ("PATCH", "PATCH"), ("gp_secret", "-"), ("get", "-")] {
            assert_eq!(shown_method(&method.parse().unwrap()), shown);
        }
    }
}
