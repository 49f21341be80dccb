//! What a browser sends beside a request's own content: the session's cookie, the page that asks, and the token against
//! forged requests.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use cookie::{Cookie, SameSite};
use subtle::ConstantTimeEq as _;

use super::Api;
use crate::domain::session::Secret;
use crate::http::problem::Problem;
use crate::oidc::{Flow, LIFETIME};

/// Carries the token against forged requests.
const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");
/// The session's cookie. The prefix has browsers refuse one that was set for other hosts, or in clear (RFC 6265bis §4.1.3).
const COOKIE: &str = "__Host-gatepass";
/// The same on this machine, where there is no TLS.
const LOCAL_COOKIE: &str = "gatepass-local";

/// The cookie of somebody who is at the provider. It must come back with a link of the provider's, so it is `Lax`.
const FLOW_COOKIE: &str = "__Host-gatepass-oidc";
/// The same on this machine.
const LOCAL_FLOW_COOKIE: &str = "gatepass-local-oidc";

/// The cookie of somebody who has not signed in: what the token in the form to sign in is derived from.
const VISIT_COOKIE: &str = "__Host-gatepass-visit";
/// The same on this machine.
const LOCAL_VISIT_COOKIE: &str = "gatepass-local-visit";

/// A request as its browser made it.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    /// Whether the server is called by a name of this machine.
    pub(crate) is_local: bool,
    /// The session that the cookie names.
    pub(crate) secret: Option<Secret>,
    /// By what the browser is known while nobody has signed in.
    pub(crate) visit: Option<Secret>,
    /// What the browser has of a sign-in that it began with a provider.
    pub(crate) flow: Option<String>,
    origin: Origin,
    csrf: Option<String>,
}

/// Which page asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// None says so: it is no browser, or it only reads.
    Unsaid,
    /// One of this server.
    Own,
    /// One of another.
    Foreign,
}

impl FromRequestParts<Api> for Browser {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

impl Browser {
    /// What `parts` say.
    pub(crate) fn of(parts: &Parts) -> Self {
        let host = host(parts);
        let is_local = host.as_ref().is_some_and(is_local);
        let secret = cookie(&parts.headers, session_cookie(is_local)).and_then(|text| Secret::parse(&text));
        let visit = cookie(&parts.headers, visit_cookie(is_local)).and_then(|text| Secret::parse(&text));
        let flow = cookie(&parts.headers, flow_cookie(is_local));
        let csrf = one(&parts.headers, &CSRF).map(str::to_owned);
        Self { is_local, secret, visit, flow, origin: origin(&parts.headers, host.as_ref(), is_local), csrf }
    }

    /// Refuses what a page elsewhere had this browser send.
    pub(crate) fn check_origin(&self) -> Result<(), Problem> {
        if self.origin == Origin::Foreign {
            let detail = "this request comes from a page of another site";
            return Err(Problem::new(StatusCode::FORBIDDEN, "origin_refused", detail));
        }
        Ok(())
    }

    /// Refuses what changes something by `secret`'s session, unless a page of this server sent it.
    pub(super) fn check_change(&self, method: &Method, secret: &Secret) -> Result<(), Problem> {
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        self.check_own_origin()?;
        if self.csrf.as_ref().is_some_and(|given| same(given, &secret.csrf_token())) {
            return Ok(());
        }
        let detail = "with a session, send the csrf_token of GET /api/v1/session as x-csrf-token";
        Err(Problem::new(StatusCode::FORBIDDEN, "csrf_token_refused", detail))
    }

    /// Refuses what no page of this server sent: it must say so.
    fn check_own_origin(&self) -> Result<(), Problem> {
        self.check_origin()?;
        if self.origin == Origin::Unsaid {
            let detail = "with a session, send Origin, as browsers do";
            return Err(Problem::new(StatusCode::FORBIDDEN, "origin_refused", detail));
        }
        Ok(())
    }

    /// Refuses a form of our pages unless one of them sent it, with the token that it had been `given` by us.
    pub(crate) fn check_form(&self, expected: &str, given: &str) -> Result<(), Problem> {
        self.check_own_origin()?;
        if same(given, expected) {
            return Ok(());
        }
        let detail =
            "this page was loaded before you signed in, or as somebody else: load it again, and send it then";
        Err(Problem::new(StatusCode::FORBIDDEN, "csrf_token_refused", detail))
    }

    /// The header that gives the browser its session; it goes with the browser's own.
    pub(crate) fn keep(&self, secret: &Secret) -> (HeaderName, HeaderValue) {
        let name = session_cookie(self.is_local);
        set_cookie(Cookie::build((name, secret.expose())).secure(!self.is_local).same_site(SameSite::Strict))
    }

    /// The header that takes the session away.
    pub(crate) fn forget(&self) -> (HeaderName, HeaderValue) {
        let cookie = Cookie::build((session_cookie(self.is_local), ""));
        let cookie = cookie.secure(!self.is_local).same_site(SameSite::Strict);
        set_cookie(cookie.max_age(cookie::time::Duration::ZERO))
    }
}

impl Browser {
    /// The header with which the browser remembers that it began to sign in with a provider.
    pub(super) fn keep_flow(&self, flow: &Flow) -> (HeaderName, HeaderValue) {
        let cookie = Cookie::build((flow_cookie(self.is_local), flow.expose())).same_site(SameSite::Lax);
        set_cookie(cookie.secure(!self.is_local).max_age(cookie::time::Duration::seconds(LIFETIME)))
    }

    /// The header with which it forgets that.
    pub(super) fn forget_flow(&self) -> (HeaderName, HeaderValue) {
        let cookie = Cookie::build((flow_cookie(self.is_local), "")).same_site(SameSite::Lax);
        set_cookie(cookie.secure(!self.is_local).max_age(cookie::time::Duration::ZERO))
    }
}

impl Browser {
    /// The header with which the browser is known before anybody has signed in.
    pub(crate) fn keep_visit(&self, visit: &Secret) -> (HeaderName, HeaderValue) {
        let cookie = Cookie::build((visit_cookie(self.is_local), visit.expose()));
        set_cookie(cookie.secure(!self.is_local).same_site(SameSite::Strict))
    }
}

fn same(given: &str, expected: &str) -> bool {
    given.as_bytes().ct_eq(expected.as_bytes()).into()
}

fn visit_cookie(is_local: bool) -> &'static str {
    if is_local { LOCAL_VISIT_COOKIE } else { VISIT_COOKIE }
}

fn flow_cookie(is_local: bool) -> &'static str {
    if is_local { LOCAL_FLOW_COOKIE } else { FLOW_COOKIE }
}

fn set_cookie(cookie: cookie::CookieBuilder<'_>) -> (HeaderName, HeaderValue) {
    let text = cookie.http_only(true).path("/").build().to_string();
    // Names and values are ours, and ASCII.
    (header::SET_COOKIE, HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("")))
}

fn session_cookie(is_local: bool) -> &'static str {
    if is_local { LOCAL_COOKIE } else { COOKIE }
}

/// The cookie of this name; `None` also when there are several: one of them is somebody else's.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut found = lines
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .filter(|cookie| cookie.name() == name)
        .map(|cookie| cookie.value().to_owned());
    found.next().filter(|_| found.next().is_none())
}

fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut lines = headers.get_all(name).iter();
    lines.next().filter(|_| lines.next().is_none())?.to_str().ok()
}

/// By which name the server is called. The edge has let known ones pass alone.
fn host(parts: &Parts) -> Option<Authority> {
    let named = parts.uri.authority().cloned();
    named.or_else(|| one(&parts.headers, &header::HOST)?.parse().ok())
}

fn is_local(host: &Authority) -> bool {
    matches!(host.host().to_ascii_lowercase().as_str(), "localhost" | "127.0.0.1" | "[::1]")
}

/// A page's origin is ours when it has our name and port, and TLS where we have it (RFC 6454 §4). Other ports of this
/// machine are other sites, though they share its cookies.
fn origin(headers: &HeaderMap, host: Option<&Authority>, is_local: bool) -> Origin {
    if !headers.contains_key(header::ORIGIN) {
        return Origin::Unsaid;
    }
    let own = |scheme: &str, port: u16| {
        let host = host?;
        let own_port = host.port_u16().filter(|own| *own != port);
        let port = own_port.map(|port| format!(":{port}")).unwrap_or_default();
        Some(format!("{scheme}://{}{port}", host.host().to_ascii_lowercase()))
    };
    let given = one(headers, &header::ORIGIN);
    let is = |own: Option<String>| own.is_some() && own.as_deref() == given;
    let own = is(own("https", 443)) || (is_local && is(own("http", 80)));
    if own { Origin::Own } else { Origin::Foreign }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn browser(lines: &[(&str, &str)]) -> Browser {
        let mut request = Request::builder().method(Method::POST).uri("/");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        Browser::of(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn an_origin_is_ours_by_scheme_name_and_port() {
        for (host, origin, expected) in [
            ("localhost:8080", "http://localhost:8080", Origin::Own),
            ("localhost:8080", "https://localhost:8080", Origin::Own),
            ("LOCALHOST", "http://localhost", Origin::Own),
            ("[::1]:8080", "http://[::1]:8080", Origin::Own),
            ("localhost:8080", "http://localhost:3000", Origin::Foreign),
            ("localhost:8080", "http://localhost", Origin::Foreign),
            ("localhost:8080", "http://127.0.0.1:8080", Origin::Foreign),
            ("gate.example.com", "https://gate.example.com", Origin::Own),
            ("gate.example.com:443", "https://gate.example.com", Origin::Own),
            ("gate.example.com:8443", "https://gate.example.com:8443", Origin::Own),
            ("gate.example.com", "http://gate.example.com", Origin::Foreign),
            ("gate.example.com", "https://gate.example.com.evil.example", Origin::Foreign),
            ("gate.example.com", "https://evil.example", Origin::Foreign),
            ("gate.example.com", "null", Origin::Foreign),
            ("gate.example.com", "", Origin::Foreign),
        ] {
            assert_eq!(browser(&[("host", host), ("origin", origin)]).origin, expected, "{host} {origin}");
        }
        let twice = [("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://localhost")];
        assert_eq!(browser(&twice).origin, Origin::Foreign);
        assert_eq!(browser(&[("host", "localhost")]).origin, Origin::Unsaid);
    }

    #[test]
    fn a_cookie_is_taken_by_its_exact_name_and_only_once() {
        let value = Secret::new([7; 32]).expose();
        let (local, public) = (format!("gatepass-local={value}"), format!("__Host-gatepass={value}"));
        for (host, cookies, taken) in [
            ("localhost", vec![local.clone()], true),
            ("localhost", vec![format!("a=b; {local}; c=d")], true),
            ("localhost", vec!["a=b".to_owned(), local.clone()], true),
            ("localhost", vec![public.clone()], false),
            ("gate.example.com", vec![public.clone()], true),
            ("gate.example.com", vec![local.clone()], false),
            ("localhost", vec![format!("{local}; {local}")], false),
            ("localhost", vec!["gatepass-local=x".to_owned()], false),
            ("localhost", vec![], false),
        ] {
            let mut lines = vec![("host", host)];
            lines.extend(cookies.iter().map(|line| ("cookie", line.as_str())));
            assert_eq!(browser(&lines).secret.is_some(), taken, "{host} {cookies:?}");
        }
    }

    #[test]
    fn the_cookie_stays_with_the_browser_and_this_server() {
        let secret = Secret::new([7; 32]);
        let text = |host| browser(&[("host", host)]).keep(&secret).1.to_str().unwrap().to_owned();
        let value = secret.expose();
        assert_eq!(text("localhost"), format!("gatepass-local={value}; HttpOnly; SameSite=Strict; Path=/"));
        assert_eq!(
            text("gate.example.com"),
            format!("__Host-gatepass={value}; HttpOnly; SameSite=Strict; Secure; Path=/")
        );
        let gone = browser(&[("host", "localhost")]).forget().1;
        assert!(gone.to_str().unwrap().contains("Max-Age=0"), "{gone:?}");
    }
}
