//! What holds for every request to REST: the names under which the server answers, and who may speak to it in clear.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};

use super::Api;
use super::extract::BODY;
use crate::connections::Encrypted;
use crate::http::observe::{Observer, Weight, catch_panics, observed};
use crate::http::problem::Problem;
use crate::web;

/// What machines ask for all the time, and what is not there.
const ROUTINE: [&str; 4] = ["/healthz", "/readyz", "/metrics", "-"];

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

    pub(crate) fn check(&self, request: &Request) -> Result<(), Problem> {
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
        .layer(DefaultBodyLimit::max(BODY.bytes))
        .layer(catch_panics())
        .layer(from_fn_with_state(api, every_request))
}

/// What browsers are told who came by TLS: for a year, by TLS only (RFC 6797).
const HSTS: (HeaderName, HeaderValue) =
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));

/// Whether the reply may say so. It must not come in clear (RFC 6797 §7.2): TLS ends here, or the request names what a
/// proxy in front answers for by https. It counts for a host on every port, and this machine's is everybody's.
fn tells_hsts(api: &Api, request: &Request) -> bool {
    let host = request.headers().get(header::HOST).map(HeaderValue::as_bytes);
    let authority = match request.uri().authority() {
        Some(authority) => Some(authority.clone()),
        None => host.and_then(|host| Authority::try_from(host).ok()),
    };
    let Some(host) = authority.map(|authority| authority.host().to_ascii_lowercase()) else { return false };
    let of_this_machine = host == "localhost" || host.ends_with(".localhost");
    let encrypted = request.extensions().get::<Encrypted>().is_some();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let proxied = peer.is_some_and(|ConnectInfo(peer)| api.proxies.admits(peer.ip()));
    !of_this_machine && (encrypted || proxied && api.https_host.as_deref() == Some(host.as_str()))
}

async fn every_request(State(api): State<Api>, request: Request, next: Next) -> Response {
    let routine = |route: &str| ROUTINE.contains(&route) || web::is_routine(route);
    let weight = |route: &str, _| if routine(route) { Weight::Routine } else { Weight::Normal };
    let asked = web::Asked::of(&request);
    let answer = async |request| asked.told(decided(&api, request, next).await);
    let observer = Observer { context: &api.context, listener: "rest" };
    let hsts = tells_hsts(&api, &request);
    let mut response = observed(observer, weight, request, answer).await;
    response.headers_mut().extend(hsts.then_some(HSTS));
    response
}

async fn decided(api: &Api, request: Request, next: Next) -> Response {
    match refuse_clear_text(api, &request) {
        Some(refusal) => refusal,
        None => match api.hosts.check(&request) {
            Ok(()) => next.run(request).await,
            Err(problem) => problem.into_response(),
        },
    }
}

/// The answer to a stranger, who got here past the proxy that ends TLS. What such a request carries has crossed a network
/// in clear: it is not looked at.
fn refuse_clear_text(api: &Api, request: &Request) -> Option<Response> {
    let encrypted = request.extensions().get::<Encrypted>().is_some();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    if encrypted || peer.is_some_and(|ConnectInfo(peer)| api.proxies.admits(peer.ip())) {
        return None;
    }
    let detail = "this server takes requests by TLS only, its own or that of its proxy; a proxy is named with --trusted-proxy";
    let mut response = Problem::new(StatusCode::FORBIDDEN, "tls_required", detail).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    Some(response)
}
