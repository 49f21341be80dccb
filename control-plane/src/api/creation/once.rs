//! `Idempotency-Key`: a request that is sent again is not done again.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;

use crate::api::extract::BODY;
use crate::context::Context;
use crate::http::body;
use crate::http::problem::Problem;
use crate::idempotency::{self, Begun, Key, MOST};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key, in characters.
const MAX_KEY: usize = 255;
/// Headers of a reply that are told again.
const KEPT_HEADERS: [&str; 2] = ["location", "gatepass-revision"];
/// The member of a body that is shown once and never kept.
const SECRET: &str = "token";

/// A reply as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
}

/// The key that a request carries: a string as RFC 8941 §3.3.3 writes it, or the same without its quotes.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut lines = headers.get_all(KEY).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let wrong = || {
        let detail = format!(
            "must be one string of 1 to {MAX_KEY} visible ASCII characters, such as a UUID in quotes"
        );
        Problem::invalid("Idempotency-Key", detail)
    };
    let text = line.to_str().map_err(|_| wrong())?.trim();
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let visible = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b',');
    let good = lines.next().is_none() && (1..=MAX_KEY).contains(&bare.len()) && bare.bytes().all(visible);
    if good { Ok(Some(bare.to_owned())) } else { Err(wrong()) }
}

/// Does `request`, unless it was done with this key before.
pub(super) async fn once(context: Context, key: Key, request: Request, next: Next) -> Response {
    let (parts, request_body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let bytes = match body::bytes(Request::new(request_body), BODY).await {
        Ok(bytes) => bytes,
        Err(problem) => return problem.into_response(),
    };
    let fingerprint = fingerprint(&path, &bytes);
    let request = Request::from_parts(parts, Body::from(bytes));
    // On its own, from the note that it was begun: a client that hangs up, for which the key is there, must not leave it
    // open whether it was done.
    let work = async move {
        match idempotency::begin(&context, &key, &fingerprint).await {
            Ok(Begun::First) => keep(&context, &key, next.run(request).await).await,
            Ok(Begun::Done(reply)) => replay(&reply),
            Ok(refused) => refusal(&refused).into_response(),
            Err(error) => Problem::from(error).into_response(),
        }
    };
    let done = tokio::spawn(work.in_current_span()).await;
    done.unwrap_or_else(|error| Problem::internal(&error.to_string()).into_response())
}

fn fingerprint(path: &str, body: &[u8]) -> [u8; 32] {
    // A path holds no line feed.
    Sha256::new().chain_update(path).chain_update(b"\n").chain_update(body).finalize().into()
}

fn refusal(begun: &Begun) -> Problem {
    match begun {
        Begun::Other => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "this Idempotency-Key came with another request before: a new request needs a new key",
        ),
        Begun::TooMany => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_idempotency_keys",
            format!("of one caller, {MOST} keys are kept for 24 hours: send no key, or wait"),
        ),
        _ => Problem::new(
            StatusCode::CONFLICT,
            "idempotency_in_progress",
            "a request with this Idempotency-Key is under way, or was broken off by a crash: try again, or look whether \
             it was done",
        ),
    }
}

/// Keeps the reply of what was done, and forgets what was not.
async fn keep(context: &Context, key: &Key, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let kept = if parts.status.is_success() {
        let reply = serde_json::to_string(&without_secret(parts.status, &parts.headers, &bytes));
        idempotency::finish(context, key, &reply.unwrap_or_default()).await
    } else {
        idempotency::forget(context, key).await
    };
    if let Err(error) = kept {
        // What was done is done and answered; sent again, it is told to be under way.
        tracing::error!(%error, "what became of an idempotency key could not be kept");
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn without_secret(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Kept {
    let mut body: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(members) = body.as_object_mut() {
        members.remove(SECRET);
    }
    let kept = KEPT_HEADERS.iter().filter_map(|name| {
        let value = headers.get(*name)?.to_str().ok()?;
        Some(((*name).to_owned(), value.to_owned()))
    });
    Kept { status: status.as_u16(), headers: kept.collect(), body }
}

fn replay(reply: &str) -> Response {
    let Ok(kept) = serde_json::from_str::<Kept>(reply) else {
        return Problem::internal("the database holds an unreadable idempotent reply").into_response();
    };
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let mut response = (status, axum::Json(kept.body)).into_response();
    let headers = response.headers_mut();
    for (name, value) in kept.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Result<Option<String>, ()> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(KEY, line.parse().unwrap());
        }
        key(&headers).map_err(drop)
    }

    #[test]
    fn keys_are_strings_with_or_without_their_quotes() {
        let uuid = "8e03978e-40d5-43e8-bc93-6894a57f9324";
        for good in [format!("\"{uuid}\""), uuid.to_owned(), format!(" \"{uuid}\" ")] {
            assert_eq!(read(&[&good]), Ok(Some(uuid.to_owned())), "{good}");
        }
        assert_eq!(read(&[]), Ok(None));
        assert!(read(&[&"a".repeat(255)]).is_ok());
        for bad in ["", "\"\"", "a b", "\"a", "a\"", "a,b", "\"a\\\"b\"", "\"a\";x=1", "ä", &"a".repeat(256)]
        {
            assert_eq!(read(&[bad]), Err(()), "{bad}");
        }
        assert_eq!(read(&["a", "a"]), Err(()));
    }
}
