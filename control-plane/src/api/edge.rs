//! What holds for every request: its id, the names under which the server answers, headers, the log.

use std::any::Any;
use std::net::SocketAddr;
use std::time::Instant;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;

use super::Api;
use super::extract::MAX_BODY;
use super::problem::{Code, Problem};
use crate::random::hex_text;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names under which this server answers, in lower case and without a port. Others get 421: a page elsewhere that
/// has its own name resolve to this server's address (DNS rebinding) gets nothing.
#[derive(Clone, Debug)]
pub struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    /// Loopback's names and `more`.
    pub fn new(more: impl IntoIterator<Item = String>) -> Self {
        let loopback = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        Self(loopback.into_iter().chain(more).map(|name| name.to_ascii_lowercase()).collect())
    }

    fn check(&self, request: &Request) -> Result<(), Problem> {
        let hosts = request.headers().get_all(header::HOST);
        let mut named: Vec<Authority> = request.uri().authority().cloned().into_iter().collect();
        for host in &hosts {
            let authority = Authority::try_from(host.as_bytes());
            named.push(authority.map_err(|_| host_missing())?);
        }
        // Two Host headers are one too many, whatever they name (RFC 9112 §3.2).
        if named.is_empty() || hosts.iter().count() > 1 {
            return Err(host_missing());
        }
        if named.iter().all(|authority| self.allows(authority)) {
            return Ok(());
        }
        let detail = "this server does not answer under this name; see --public-host";
        Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", detail))
    }

    fn allows(&self, authority: &Authority) -> bool {
        let host = authority.host().to_ascii_lowercase();
        !authority.as_str().contains('@') && self.0.contains(&host)
    }
}

fn host_missing() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "host_missing", "send one Host header that names this server")
}

/// Puts the edge around `router`.
pub(super) fn wrap(router: Router<Api>, api: Api) -> Router<Api> {
    router
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(api, every_request))
}

fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let text = cause.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| cause.downcast_ref::<String>().cloned()).unwrap_or_default();
    Problem::internal(&format!("panic: {text}")).into_response()
}

async fn every_request(State(api): State<Api>, request: Request, next: Next) -> Response {
    let id = hex_text::<8>(api.context.random.as_ref()).unwrap_or_default();
    let span = tracing::info_span!("request", id = %id);
    let mut response = answer(&api, request, next).instrument(span).await;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, id);
    }
    protect(headers);
    response
}

async fn answer(api: &Api, request: Request, next: Next) -> Response {
    // The route rather than the path: a path may hold a token that somebody put there by mistake.
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let method = shown_method(request.method());
    let start = started();
    let response = match refuse_clear_text(api, &request) {
        Some(refusal) => refusal,
        None => match api.hosts.check(&request) {
            Ok(()) => next.run(request).await,
            Err(problem) => problem.into_response(),
        },
    };
    let status = response.status().as_u16();
    let ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let code = response.extensions().get::<Code>().map_or("-", |code| code.0);
    if route.starts_with("/api/") {
        tracing::info!(method, route, status, code, ms, "request");
    } else {
        tracing::debug!(method, route, status, code, ms, "request");
    }
    response
}

/// The answer to a stranger, who got here past the proxy that ends TLS. What such a request carries has crossed a network
/// in clear: it is not looked at.
fn refuse_clear_text(api: &Api, request: &Request) -> Option<Response> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    if peer.is_some_and(|ConnectInfo(peer)| api.proxies.admits(peer.ip())) {
        return None;
    }
    let detail =
        "this server takes requests by TLS only, through its proxy; a proxy is named with --trusted-proxy";
    let mut response = Problem::new(StatusCode::FORBIDDEN, "tls_required", detail).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    Some(response)
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
    let fixed = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
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
