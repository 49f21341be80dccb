//! `/api/docs`: a page to read the OpenAPI document and to try its calls. It is Swagger UI, which the build takes from npm;
//! a program that was built without it says so. Nothing comes from elsewhere, and nothing is kept.

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::Api;
use crate::http::problem::Problem;

/// What the page may load and do: its own files, and calls to this server.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
);

/// The page, and what it loads. They are no calls: nothing in the document is about them.
#[expect(clippy::disallowed_methods, reason = "pages for people, no calls of REST")]
pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/api/docs", get(page))
        .route("/api/docs/page.js", get(async || text("text/javascript", include_str!("docs/page.js"))))
        .route("/api/docs/swagger-ui.js", get(async || packed("text/javascript", parts::SCRIPT)))
        .route("/api/docs/swagger-ui.css", get(async || packed("text/css", parts::STYLE)))
        .route("/api/docs/license.txt", get(async || text("text/plain", parts::LICENSE)))
}

#[cfg(api_docs)]
mod parts {
    pub(super) const SCRIPT: &[u8] = include_bytes!(env!("GATEPASS_DOCS_SCRIPT"));
    pub(super) const STYLE: &[u8] = include_bytes!(env!("GATEPASS_DOCS_STYLE"));
    pub(super) const LICENSE: &str = concat!(
        include_str!(env!("GATEPASS_DOCS_NOTICE")),
        "\n",
        include_str!(env!("GATEPASS_DOCS_LICENSE"))
    );
}

#[cfg(not(api_docs))]
mod parts {
    pub(super) const SCRIPT: &[u8] = &[];
    pub(super) const STYLE: &[u8] = &[];
    pub(super) const LICENSE: &str = "";
}

async fn page() -> Response {
    text("text/html", include_str!("docs/page.html"))
}

fn text(kind: &'static str, text: &'static str) -> Response {
    if cfg!(api_docs) { reply(kind, text.as_bytes()) } else { missing() }
}

/// A file as it was built in, compressed: every browser takes it so, and it is a quarter as long.
fn packed(kind: &'static str, bytes: &'static [u8]) -> Response {
    if !cfg!(api_docs) {
        return missing();
    }
    let mut response = reply(kind, bytes);
    response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response
}

fn reply(kind: &'static str, bytes: &'static [u8]) -> Response {
    let kind = HeaderValue::try_from(format!("{kind}; charset=utf-8"));
    let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers: [(HeaderName, HeaderValue); 2] =
        [(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, POLICY)];
    (HeaderMap::from_iter(headers), bytes).into_response()
}

fn missing() -> Response {
    let detail = "this gatepass was built without the page to try REST: `make build` builds it in; the document itself is \
                  at /api/v1/openapi.json";
    Problem::new(StatusCode::NOT_FOUND, "docs_not_built", detail).into_response()
}
