//! A form that somebody sent. Its fields are to be had in no other way, so that none is looked at that another site sent.

use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;

use super::fields::Fields;
use super::visitor::Visitor;
use crate::api::Api;
use crate::api::browser::Browser;
use crate::api::extract::{BODY, source};
use crate::domain::session::Secret;
use crate::error::{Error, Unauthenticated};
use crate::http::body;
use crate::http::problem::Problem;

/// What forms are sent as, unless they hold files.
const FORM: &str = "application/x-www-form-urlencoded";
/// The field with the token against forged forms.
const CSRF: &str = "csrf";
/// What the token of somebody who has not signed in is derived for.
const BEFORE_SIGN_IN: &str = "gatepass csrf before sign-in 1";

/// A form that somebody who is signed in sent from one of our pages.
pub(crate) struct Sent {
    /// Who.
    pub(crate) visitor: Visitor,
    /// What it says.
    pub(crate) fields: Fields,
}

impl FromRequest<Api> for Sent {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (parts, fields) = read(request).await?;
        let browser = Browser::of(&parts);
        let secret = browser.secret.as_ref().ok_or(Error::from(Unauthenticated::NotSignedIn))?;
        let visitor = Visitor::find(api, secret, source(&parts, api)).await?;
        browser.check_form(&visitor.csrf, fields.raw(CSRF))?;
        Ok(Self { visitor, fields })
    }
}

/// A form that somebody sent who need not be signed in.
pub(super) struct SentByAnybody {
    /// The request without its body.
    pub(super) parts: Parts,
    /// What it says.
    pub(super) fields: Fields,
}

impl FromRequest<Api> for SentByAnybody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Problem> {
        let (parts, fields) = read(request).await?;
        let browser = Browser::of(&parts);
        // Without a cookie no token is right: whoever takes none cannot sign in either.
        let expected = browser.visit.as_ref().map(csrf_before_sign_in).unwrap_or_default();
        let given = if expected.is_empty() { "-" } else { fields.raw(CSRF) };
        browser.check_form(&expected, given)?;
        Ok(Self { parts, fields })
    }
}

/// What the form to sign in sends against forged ones.
pub(super) fn csrf_before_sign_in(visit: &Secret) -> String {
    visit.derive(BEFORE_SIGN_IN)
}

async fn read(request: Request) -> Result<(Parts, Fields), Problem> {
    let (parts, body) = request.into_parts();
    let mut whole = Request::new(body);
    whole.headers_mut().clone_from(&parts.headers);
    whole.extensions_mut().clone_from(&parts.extensions);
    let (_, bytes) = body::of_types(whole, BODY, &[FORM]).await?;
    Ok((parts, Fields::read(&bytes)?))
}
