//! Requests into types; what does not fit becomes a problem that names the field.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Path, Request};
use axum::http::header::GetAll;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use gatepass::authorization::{self, Authorization};
use serde::de::DeserializeOwned;

use super::Api;
use super::browser::Browser;
use crate::callers::{self, Caller};
use crate::domain::malformed::Malformed;
use crate::error::{Error, Unauthenticated};
use crate::http::body::{self, Bounds};
use crate::http::problem::Problem;

/// What a body may take.
pub(crate) const BODY: Bounds = Bounds { bytes: 64 * 1024, time: Duration::from_secs(30) };

/// Most bytes of a list of entity tags, which is sent to be compared.
pub(crate) const MAX_TAGS: usize = 1024;

/// Checks that the lines of a list of entity tags are not longer than anybody needs.
pub(super) fn check_tags(name: &str, lines: &GetAll<'_, HeaderValue>) -> Result<(), Error> {
    let bytes: usize = lines.iter().map(HeaderValue::len).sum();
    if bytes > MAX_TAGS {
        return Err(Error::invalid(name, format!("has at most {MAX_TAGS} bytes")));
    }
    Ok(())
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        // What stands before a handler may have looked already.
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        let address = source(parts, api);
        let browser = Browser::of(parts);
        if let Some(secret) = browser.secret.as_ref().filter(|_| !has_authorization(&parts.headers)) {
            browser.check_change(&parts.method, secret)?;
            return Ok(callers::authenticate_session(&api.context, secret.hash(), address).await?);
        }
        let (user, secret) = credentials(&parts.headers).map_err(Error::from)?;
        Ok(callers::authenticate(&api.context, &secret, user, address).await?)
    }
}

/// Where a request comes from; `None` when that cannot be read.
pub(crate) struct Source(pub(crate) Option<IpAddr>);

impl FromRequestParts<Api> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        Ok(Self(source(parts, api)))
    }
}

pub(crate) fn source(parts: &Parts, api: &Api) -> Option<IpAddr> {
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    api.proxies.client(*peer, &parts.headers)
}

/// No page elsewhere can send that, so it counts before a cookie, which browsers send by themselves.
pub(super) fn has_authorization(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION)
}

/// User name, if any, and secret, by the filter's own grammar.
pub(super) fn credentials(headers: &HeaderMap) -> Result<(Option<String>, Vec<u8>), Unauthenticated> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(Unauthenticated::Missing)?;
    if values.next().is_some() {
        return Err(Unauthenticated::Malformed);
    }
    match authorization::parse(value.as_bytes()) {
        Authorization::Bearer(secret) => Ok((None, secret.to_vec())),
        Authorization::Basic(pair) => {
            let user = String::from_utf8(pair.user().to_vec()).map_err(|_| Unauthenticated::Unknown)?;
            Ok((Some(user), pair.secret().to_vec()))
        }
        Authorization::OtherScheme | Authorization::Malformed => Err(Unauthenticated::Malformed),
    }
}

/// A JSON body.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Problem> {
        Ok(Self(body::json(request, BODY).await?))
    }
}

/// A JSON merge patch (RFC 7396).
pub(super) struct MergePatch<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for MergePatch<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Problem> {
        Ok(Self(body::merge_patch(request, BODY).await?))
    }
}

/// A JSON body, or none: what may be said in it may all be left out.
pub(super) struct JsonOrNothing<T>(pub(super) T);

impl<T: DeserializeOwned + Default> FromRequest<Api> for JsonOrNothing<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Problem> {
        let is_empty =
            request.body().is_end_stream() && !request.headers().contains_key(header::CONTENT_TYPE);
        if is_empty { Ok(Self(T::default())) } else { Ok(Self(body::json(request, BODY).await?)) }
    }
}

/// The query's parameters; unknown and repeated ones are refused.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        refuse_nul(parts.uri.query().unwrap_or_default())?;
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        query.map(|query| Self(query.0)).map_err(|rejection| query_problem(&rejection.body_text()))
    }
}

fn query_problem(text: &str) -> Problem {
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    let (field, text) = text.split_once(": ").filter(|(field, _)| !field.contains(' ')).unwrap_or(("", text));
    Error::from(Malformed::new(field, &text)).into()
}

/// Nothing that is kept holds a NUL, and PostgreSQL takes none to look for.
fn refuse_nul(encoded: &str) -> Result<(), Problem> {
    let Some(part) = encoded.split('&').find(|part| part.contains("%00")) else { return Ok(()) };
    let field = part.split_once('=').map_or("", |(name, _)| name);
    Err(Error::invalid(field, "must not hold a NUL character").into())
}

/// The two parameters of a path.
pub(super) struct Names(pub(super) String, pub(super) String);

impl FromRequestParts<Api> for Names {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        refuse_nul(parts.uri.path())?;
        let path = Path::<(String, String)>::from_request_parts(parts, api).await;
        path.map(|Path((one, other))| Self(one, other)).map_err(|_| not_utf8())
    }
}

/// The one parameter of a path.
pub(crate) struct Name(pub(crate) String);

impl FromRequestParts<Api> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        refuse_nul(parts.uri.path())?;
        let path = Path::<String>::from_request_parts(parts, api).await;
        path.map(|Path(name)| Self(name)).map_err(|_| not_utf8())
    }
}

fn not_utf8() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid", "the path holds escapes that are no UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use gatepass::authorization::MAX_VALUE;

    use Unauthenticated::{Malformed, Missing};

    fn read(values: &[&[u8]]) -> Result<(Option<String>, String), Unauthenticated> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, header::HeaderValue::from_bytes(value).unwrap());
        }
        credentials(&headers).map(|(user, secret)| (user, String::from_utf8(secret).unwrap()))
    }

    #[test]
    fn credentials_are_bearer_or_basic_and_nothing_else() {
        let bearer = Ok((None, "abc".to_owned()));
        for good in ["Bearer abc", "bearer abc", "BEARER   abc "] {
            assert_eq!(read(&[good.as_bytes()]), bearer, "{good}");
        }
        let basic = |plain: &str| read(&[format!("Basic {}", STANDARD.encode(plain)).as_bytes()]);
        assert_eq!(basic("fred:abc"), Ok((Some("fred".to_owned()), "abc".to_owned())));
        assert_eq!(basic("fred:a:c"), Ok((Some("fred".to_owned()), "a:c".to_owned())));
        assert_eq!(basic(":abc"), Ok((Some(String::new()), "abc".to_owned())));
        for bad in ["fred", "fred:", "fred:a\nb", ""] {
            assert_eq!(basic(bad), Err(Malformed), "{bad:?}");
        }
        assert_eq!(read(&[]), Err(Missing));
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a,b",
            "Digest abc",
            "abc",
            "Bearer a\tb",
            "Basic !",
        ] {
            assert_eq!(read(&[bad.as_bytes()]), Err(Malformed), "{bad:?}");
        }
        assert_eq!(read(&[b"Bearer abc", b"Bearer abc"]), Err(Malformed));
        assert_eq!(read(&[b"Bearer \xff"]), Err(Malformed));
        assert_eq!(read(&[format!("Bearer {}", "a".repeat(MAX_VALUE)).as_bytes()]), Err(Malformed));
    }
}
