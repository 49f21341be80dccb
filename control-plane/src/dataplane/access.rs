//! Who may report: a proxy that holds the report key, or one with a certificate of the stated authority.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::DataPlane;
use crate::connections::ClientCertificate;
use crate::http::key::{self, stranger};
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
            Self::Key(digest) => key::check(digest, request.headers(), "report key"),
            Self::ClientCertificate if request.extensions().get::<ClientCertificate>().is_some() => Ok(()),
            Self::ClientCertificate => Err(stranger(
                "certificate_missing",
                "present a certificate of the authority that is trusted here",
            )),
        }
    }
}

/// Before anything else is looked at, the path and the body included.
pub(super) async fn known_only(State(dataplane): State<DataPlane>, request: Request, next: Next) -> Response {
    match dataplane.access.check(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}
