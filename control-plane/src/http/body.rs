//! Bodies into types; what does not fit becomes a problem that names the field.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest as _, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::domain::malformed::Malformed;
use crate::error::Error;

/// What a body may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Most bytes. The router enforces it, by `DefaultBodyLimit`; here it is what the problem says.
    pub(crate) bytes: usize,
    /// How long it may take.
    pub(crate) time: Duration,
}

/// What a JSON body is.
const JSON: &str = "application/json";
/// What a JSON merge patch is (RFC 7396 §4).
const MERGE_PATCH: &str = "application/merge-patch+json";

/// Reads a JSON object.
pub(crate) async fn json<T: DeserializeOwned>(request: Request, bounds: Bounds) -> Result<T, Problem> {
    read(request, bounds, &[JSON]).await
}

/// Reads a JSON merge patch, which may also be called plain JSON.
pub(crate) async fn merge_patch<T: DeserializeOwned>(request: Request, bounds: Bounds) -> Result<T, Problem> {
    read(request, bounds, &[JSON, MERGE_PATCH]).await
}

/// Reads a body of one of `types` as it is, and tells of which.
pub(crate) async fn of_types(
    request: Request,
    bounds: Bounds,
    types: &[&'static str],
) -> Result<(&'static str, Bytes), Problem> {
    let found = types.iter().find(|known| is_one_of(&[**known], request.headers()));
    let found = found.copied().ok_or_else(|| unsupported(types))?;
    Ok((found, bytes(request, bounds).await?))
}

fn unsupported(types: &[&str]) -> Problem {
    let detail = format!("send the body as Content-Type: {}", types.join(" or "));
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
}

async fn read<T: DeserializeOwned>(request: Request, bounds: Bounds, types: &[&str]) -> Result<T, Problem> {
    if !is_one_of(types, request.headers()) {
        return Err(unsupported(types));
    }
    Ok(parse(&bytes(request, bounds).await?).map_err(Error::from)?)
}

/// Reads a body as it is.
pub(crate) async fn bytes(request: Request, bounds: Bounds) -> Result<Bytes, Problem> {
    let body = tokio::time::timeout(bounds.time, Bytes::from_request(request, &())).await;
    let slow = || Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "the body took too long");
    body.map_err(|_| slow())?.map_err(|rejection| problem(rejection.status(), bounds.bytes))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Malformed> {
    // serde's derive would also take an array, its values for the fields by position.
    if body.trim_ascii_start().first() != Some(&b'{') {
        let problem = "the body must be a JSON object".to_owned();
        return Err(Malformed { field: String::new(), problem });
    }
    let mut parser = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut parser)
        .map_err(|error| malformed(&error.path().to_string(), error.inner()))?;
    parser.end().map_err(|error| malformed("", &error))?;
    Ok(value)
}

fn malformed(path: &str, error: &serde_json::Error) -> Malformed {
    if error.is_data() {
        return Malformed::new(path, error);
    }
    let problem = format!("the body is not JSON: line {}, column {}", error.line(), error.column());
    Malformed { field: String::new(), problem }
}

fn is_one_of(types: &[&str], headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    types.iter().any(|known| essence.eq_ignore_ascii_case(known))
}

fn problem(status: StatusCode, most: usize) -> Problem {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(status, "body_too_large", format!("a body has at most {most} bytes"));
    }
    Problem::new(StatusCode::BAD_REQUEST, "invalid", "the body could not be read")
}
