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

/// Reads a JSON object.
pub(crate) async fn json<T: DeserializeOwned>(request: Request, bounds: Bounds) -> Result<T, Problem> {
    if !is_json(request.headers()) {
        let detail = "send the body as Content-Type: application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    }
    let body = tokio::time::timeout(bounds.time, Bytes::from_request(request, &())).await;
    let slow = || Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "the body took too long");
    let body = body.map_err(|_| slow())?.map_err(|rejection| problem(rejection.status(), bounds.bytes))?;
    Ok(parse(&body).map_err(Error::from)?)
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

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn problem(status: StatusCode, most: usize) -> Problem {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(status, "body_too_large", format!("a body has at most {most} bytes"));
    }
    Problem::new(StatusCode::BAD_REQUEST, "invalid", "the body could not be read")
}
