//! Who may report: a proxy that holds the report key, or one with a certificate of the stated authority.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use gatepass::authorization::{self, Authorization};

use super::DataPlane;
use crate::connections::ClientCertificate;
use crate::http::problem::Problem;
use crate::report_key::KeyDigest;

/// What a request must have. There is no third way: without a key nobody gets in, rather than everybody.
#[derive(Clone, Debug)]
pub enum Access {
    /// The report key, as a Bearer value.
    Key(KeyDigest),
    /// A client certificate; the listener's handshake has verified it.
    ClientCertificate,
}

impl Access {
    fn check(&self, request: &Request) -> Result<(), Problem> {
        match self {
            Self::Key(digest) => check_key(digest, request.headers()),
            Self::ClientCertificate if request.extensions().get::<ClientCertificate>().is_some() => Ok(()),
            Self::ClientCertificate => Err(stranger(
                "certificate_missing",
                "present a certificate of the authority that is trusted here",
            )),
        }
    }
}

fn check_key(digest: &KeyDigest, headers: &HeaderMap) -> Result<(), Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(stranger("credentials_missing", "send Authorization: Bearer and the report key"));
    };
    match authorization::parse(value.as_bytes()) {
        Authorization::Bearer(presented) if values.next().is_none() => {
            let known = digest.matches(presented);
            if known { Ok(()) } else { Err(stranger("credentials_unknown", "this is not the report key")) }
        }
        _ => Err(stranger("authorization_malformed", "Authorization must be Bearer and the report key")),
    }
}

fn stranger(code: &'static str, detail: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, detail)
}

/// Before anything else is looked at, the path and the body included.
pub(super) async fn known_only(State(dataplane): State<DataPlane>, request: Request, next: Next) -> Response {
    match dataplane.access.check(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}
