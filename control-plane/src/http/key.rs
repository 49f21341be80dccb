//! A key that a program presents as a Bearer value, where there is no person.

use axum::http::{HeaderMap, StatusCode, header};
use gatepass::authorization::{self, Authorization};

use super::problem::Problem;
use crate::report_key::KeyDigest;

/// Whether the one `Authorization` holds the key, which a refusal calls `name`.
pub(crate) fn check(digest: &KeyDigest, headers: &HeaderMap, name: &str) -> Result<(), Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(stranger("credentials_missing", format!("send Authorization: Bearer and the {name}")));
    };
    match authorization::parse(value.as_bytes()) {
        Authorization::Bearer(presented) if values.next().is_none() => {
            let known = digest.matches(presented);
            if known {
                Ok(())
            } else {
                Err(stranger("credentials_unknown", format!("this is not the {name}")))
            }
        }
        _ => Err(stranger("authorization_malformed", format!("Authorization must be Bearer and the {name}"))),
    }
}

/// The answer to somebody who is not known.
pub(crate) fn stranger(code: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, detail)
}
