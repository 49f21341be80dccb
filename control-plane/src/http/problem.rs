//! One place that turns every error into `application/problem+json` (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::{Error, Place, RowError, RowErrors};

/// A problem's code, left on the reply for the log.
#[derive(Clone, Copy)]
pub(crate) struct Code(pub(crate) &'static str);

/// What a problem says, left on the reply for people, who get it as a page.
#[derive(Clone)]
pub(crate) struct Told {
    /// The code.
    pub(crate) code: &'static str,
    /// The sentence.
    pub(crate) detail: String,
}

/// An error as clients see it.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    field: Option<String>,
    rows: Vec<RowError>,
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), field: None, rows: Vec::new(), retry_after: None }
    }

    /// 400 for a field of the body or the query.
    pub(crate) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::BAD_REQUEST, "invalid", detail);
        Self { field: Some(field.into()).filter(|field| !field.is_empty() && field != "."), ..problem }
    }

    /// 429 that says after how many seconds there is more.
    pub(crate) fn too_many(code: &'static str, detail: impl Into<String>, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail) }
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Which field is at fault, and how, if it is one.
    pub(crate) fn at_field(&self) -> Option<(&str, &str)> {
        Some((self.field.as_deref()?, &self.detail))
    }

    /// The sentence.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// `page`, which tells of this problem, as the log is to tell of it.
    pub(crate) fn on_page(&self, mut page: Response) -> Response {
        page.extensions_mut().insert(Code(self.code));
        page.headers_mut()
            .extend(self.retry_after.map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds))));
        page
    }

    /// 500 with a fixed text; the cause is for the log.
    pub(crate) fn internal(cause: &str) -> Self {
        tracing::error!(cause, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something failed here; the server's log has the cause under this reply's x-request-id",
        )
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Unauthenticated(why) => Self::new(StatusCode::UNAUTHORIZED, why.code(), detail),
            Error::Denied(why) => Self::new(StatusCode::FORBIDDEN, why.code(), detail),
            Error::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "not_found", detail),
            Error::Invalid { field, problem } => Self::invalid(field, problem),
            Error::Rows(RowErrors(rows)) => {
                let first = rows.first().map(RowError::path).unwrap_or_default();
                Self { rows, ..Self::invalid(first, detail) }
            }
            Error::Conflict { code, .. } => Self::new(StatusCode::CONFLICT, code, detail),
            Error::TooMany { code, seconds, .. } => Self::too_many(code, detail, seconds),
            Error::SignIn { code, .. } => Self::new(StatusCode::FORBIDDEN, code, detail),
            Error::Unavailable(_) => Self::new(StatusCode::BAD_GATEWAY, "oidc_unavailable", detail),
            Error::Stale => Self::new(StatusCode::PRECONDITION_FAILED, "stale", detail),
            Error::Undone => Self::internal("a change that was undone with others was not made again"),
            Error::Internal(cause) => Self::internal(&cause),
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<RowBody<'a>>,
}

/// What is wrong with a row of a file: `line` of CSV, `item` of JSON.
#[derive(Serialize)]
struct RowBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<usize>,
    field: &'a str,
    detail: &'a str,
}

impl<'a> From<&'a RowError> for RowBody<'a> {
    fn from(error: &'a RowError) -> Self {
        let (line, item) = match error.place {
            Place::Line(line) => (Some(line), None),
            Place::Item(item) => (None, Some(item)),
        };
        Self { line, item, field: &error.field, detail: &error.problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            field: self.field.as_deref(),
            errors: self.rows.iter().map(RowBody::from).collect(),
        };
        let json = serde_json::to_string(&body).unwrap_or_default();
        let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, content_type, json).into_response();
        response.extensions_mut().insert(Code(self.code));
        response.extensions_mut().insert(Told { code: self.code, detail: self.detail });
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // Never Basic: a browser would ask for a password and send it with every later request.
            let challenge = HeaderValue::from_static("Bearer realm=\"gatepass\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

pub(crate) async fn no_such_route() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no_such_route", "there is nothing at this path")
}

pub(crate) async fn no_such_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not take this method")
}
