//! The page to try REST: all of it from here, and nothing that its policy does not name.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;

use crate::support::Gate;

async fn fetch(gate: &Gate, path: &str) -> Response {
    let request = Request::builder().uri(path).header("host", "localhost");
    gate.response(request.body(Body::empty()).unwrap()).await
}

const FILES: [&str; 4] = ["page.js", "swagger-ui.js", "swagger-ui.css", "license.txt"];

#[cfg(api_docs)]
#[tokio::test]
async fn the_page_and_all_that_it_loads_come_from_here() {
    use http_body_util::BodyExt as _;

    let gate = Gate::start().await;
    let page = fetch(&gate, "/api/docs").await;
    assert_eq!(page.status(), StatusCode::OK);
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let html = String::from_utf8(page.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    // Nothing inline, which the policy would not run, and nobody else's address.
    assert!(!html.contains("<style") && !html.contains(" style=") && !html.contains("://"), "{html}");
    assert_eq!(html.matches("<script").count(), html.matches("<script src=\"/api/docs/").count());
    for name in FILES {
        let path = format!("/api/docs/{name}");
        assert!(name == "license.txt" || html.contains(&format!("\"{path}\"")), "{name} {html}");
        let file = fetch(&gate, &path).await;
        assert_eq!(file.status(), StatusCode::OK, "{name}");
        assert_eq!(file.headers()["x-content-type-options"], "nosniff");
        let packed = file.headers().contains_key("content-encoding");
        let bytes = file.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(packed, bytes.starts_with(&[0x1f, 0x8b]), "{name}");
        assert!((100..600_000).contains(&bytes.len()), "{name} has {} bytes", bytes.len());
    }
}

#[cfg(not(api_docs))]
#[tokio::test]
async fn a_program_that_was_built_without_the_page_says_so() {
    let gate = Gate::start().await;
    for path in FILES.map(|name| format!("/api/docs/{name}")).into_iter().chain(["/api/docs".to_owned()]) {
        assert_eq!(fetch(&gate, &path).await.status(), StatusCode::NOT_FOUND, "{path}");
        gate.call(axum::http::Method::GET, &path, "", None).await.refused(404, "docs_not_built");
    }
}
