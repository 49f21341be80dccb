//! What a server says when it refuses (RFC 9457).

use std::fmt;

use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use super::failure::{CONFLICT, FAILED, NOT_FOUND, REFUSED, UNREACHABLE};
use crate::domain::terminal::harmless;

/// Most rows of a file that are told of.
const ROWS: usize = 20;

/// A refusal.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    /// Under which the server's log tells of it.
    request_id: Option<String>,
    /// Seconds after which it may be tried again.
    retry_after: Option<String>,
    body: Body,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    title: String,
    code: String,
    detail: String,
    field: Option<String>,
    errors: Vec<Row>,
}

/// What is wrong with a row of a file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Row {
    line: Option<u64>,
    item: Option<u64>,
    field: String,
    detail: String,
}

impl Problem {
    /// The refusal that a reply is. What is not there, or is no JSON, because something in between has answered, is empty.
    pub(super) fn new(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            status,
            request_id: text("x-request-id"),
            retry_after: text(header::RETRY_AFTER.as_str()),
            body: serde_json::from_slice(body).unwrap_or_default(),
        }
    }

    /// The stable code, empty if something else than a server of ours has answered.
    pub fn code(&self) -> &str {
        &self.body.code
    }

    /// Which exit code says so.
    pub fn exit_code(&self) -> u8 {
        match self.status.as_u16() {
            401 | 403 => REFUSED,
            // The server does not know of the call at all: that says nothing about what was asked for.
            404 if self.body.code == "not_found" => NOT_FOUND,
            409 | 412 => CONFLICT,
            429 | 502..=504 => UNREACHABLE,
            _ => FAILED,
        }
    }

    fn advice(&self) -> &'static str {
        match self.body.code.as_str() {
            "credentials_unknown" | "token_expired" | "token_disabled" => {
                ": give another token to `gatepass login` or GATEPASS_TOKEN"
            }
            "" => ": whatever answers there is no Gatepass server, or stands in front of one",
            _ => "",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Body { title, code, detail, field, errors } = &self.body;
        let title = if title.is_empty() { self.status.canonical_reason().unwrap_or("Error") } else { title };
        write!(f, "{}", harmless(title))?;
        if let Some(field) = field {
            write!(f, ": {}", harmless(field))?;
        }
        if !detail.is_empty() {
            write!(f, ": {}", harmless(detail))?;
        }
        write!(f, "{} ({}", self.advice(), self.status.as_u16())?;
        if !code.is_empty() {
            write!(f, " {}", harmless(code))?;
        }
        if let Some(seconds) = &self.retry_after {
            write!(f, ", again after {} s", harmless(seconds))?;
        }
        if let Some(id) = &self.request_id {
            write!(f, ", request {}", harmless(id))?;
        }
        f.write_str(")")?;
        for row in errors.iter().take(ROWS) {
            write!(f, "\n  {row}")?;
        }
        match errors.len().saturating_sub(ROWS) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.item) {
            (Some(line), _) => write!(f, "line {line}")?,
            (None, Some(item)) => write!(f, "users[{item}]")?,
            (None, None) => {}
        }
        if !self.field.is_empty() {
            write!(f, ", {}", harmless(&self.field))?;
        }
        write!(f, ": {}", harmless(&self.detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, body: &str) -> Problem {
        let headers = [("x-request-id", "ab12\u{9b}"), ("retry-after", "7")];
        let headers = headers
            .into_iter()
            .filter_map(|(name, value)| Some((header::HeaderName::from_static(name), value.parse().ok()?)));
        Problem::new(StatusCode::from_u16(status).unwrap(), &headers.collect(), body.as_bytes())
    }

    #[test]
    fn it_says_all_that_the_server_says_and_steers_no_terminal() {
        let body = r#"{"title": "Bad Request", "status": 400, "code": "invalid", "detail": "no \u001b[2J",
                       "field": "scope", "errors": [{"line": 3, "field": "role", "detail": "a\u202eb"}], "more": 1}"#;
        assert_eq!(
            problem(400, body).to_string(),
            "Bad Request: scope: no \\u001b[2J (400 invalid, again after 7 s)\n  line 3, role: a\\u202eb"
        );
        let other = problem(502, "<html>").to_string();
        assert!(other.starts_with("Bad Gateway: whatever answers there is no Gatepass server"), "{other}");
    }

    #[test]
    fn each_kind_of_refusal_has_its_exit_code() {
        for (status, code, exit) in [
            (400, "invalid", FAILED),
            (401, "credentials_unknown", REFUSED),
            (403, "admin_required", REFUSED),
            (404, "not_found", NOT_FOUND),
            (404, "no_such_route", FAILED),
            (404, "", FAILED),
            (409, "user_exists", CONFLICT),
            (412, "stale", CONFLICT),
            (421, "unknown_host", FAILED),
            (429, "rate_limited", UNREACHABLE),
            (500, "internal", FAILED),
            (503, "", UNREACHABLE),
        ] {
            assert_eq!(
                problem(status, &format!(r#"{{"code": "{code}"}}"#)).exit_code(),
                exit,
                "{status} {code}"
            );
        }
    }
}
