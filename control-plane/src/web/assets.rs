//! What pages load: our own style and script, and htmx, which the build takes from npm. Each has a digest of its content in
//! its name, so that a browser may keep it for good.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use crate::http::problem::Problem;

/// All that there is.
pub(crate) static ASSETS: LazyLock<Assets> = LazyLock::new(Assets::built_in);

/// What pages load.
pub(crate) struct Assets {
    /// The style.
    pub(crate) style: Asset,
    /// Our own script.
    pub(crate) script: Asset,
    /// The icon.
    pub(crate) icon: Asset,
    /// What renews parts of pages; a program that was built without it has pages that are loaded whole.
    pub(crate) htmx: Option<Asset>,
}

/// One file.
pub(crate) struct Asset {
    /// Where it is.
    pub(crate) path: String,
    kind: &'static str,
    bytes: &'static [u8],
    is_packed: bool,
}

#[cfg(htmx)]
const HTMX: Option<&[u8]> = Some(include_bytes!(env!("GATEPASS_HTMX_SCRIPT")));
#[cfg(not(htmx))]
const HTMX: Option<&[u8]> = None;

const SCRIPT: &str = "text/javascript; charset=utf-8";

impl Assets {
    fn built_in() -> Self {
        let text = |name, kind, text: &'static str| Asset::new(name, kind, text.as_bytes());
        Self {
            style: text("gatepass.css", "text/css; charset=utf-8", include_str!("../../assets/gatepass.css")),
            script: text("gatepass.js", SCRIPT, include_str!("../../assets/gatepass.js")),
            icon: text("gatepass.svg", "image/svg+xml", include_str!("../../assets/gatepass.svg")),
            htmx: HTMX.map(|bytes| Asset { is_packed: true, ..Asset::new("htmx.js", SCRIPT, bytes) }),
        }
    }

    fn find(&self, path: &str) -> Option<&Asset> {
        let all = [&self.style, &self.script, &self.icon].into_iter().chain(&self.htmx);
        all.into_iter().find(|asset| asset.path == path)
    }
}

impl Asset {
    fn new(name: &str, kind: &'static str, bytes: &'static [u8]) -> Self {
        let digest = hex::encode(Sha256::digest(bytes));
        let digest = digest.get(..16).unwrap_or_default();
        Self { path: format!("/assets/{digest}-{name}"), kind, bytes, is_packed: false }
    }
}

/// One of them.
pub(super) async fn show(Path(name): Path<String>) -> Result<Response, Problem> {
    let asset = ASSETS.find(&format!("/assets/{name}"));
    let asset = asset.ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "no_such_route", "there is no such file: load the page again")
    })?;
    let mut response = asset.bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    // The same for everybody, and never another under this name.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    if asset.is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}
