//! What is around every page, and the headers with which it goes.

use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::admin;
use super::assets::{ASSETS, Assets};
use super::manager;
use super::visitor::Visitor;
use super::words;
use crate::domain::authority;
use crate::http::problem::Problem;

/// What a page may load and do: its own files, and requests to this server. No inline script, no inline style.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);

/// What the browser's address is to say of a part that was renewed.
const HX_PUSH_URL: HeaderName = HeaderName::from_static("hx-push-url");

/// What is around a page: `frame` in each template that extends `base.html`.
pub(crate) struct Frame {
    /// What the browser's tab says.
    pub(crate) title: String,
    /// What to load.
    pub(crate) assets: &'static Assets,
    /// Who looks at it; nobody who is signed in if absent.
    pub(crate) person: Option<Person>,
    /// The part of the menu that the page belongs to: where to go on.
    pub(crate) here: &'static str,
    /// What has just been done.
    pub(crate) done: Option<String>,
}

/// Who is signed in, as the frame shows it.
pub(crate) struct Person {
    /// The name.
    pub(crate) name: String,
    /// What the person may do, in words.
    pub(crate) role: &'static str,
    /// What each form sends against forged ones.
    pub(crate) csrf: String,
    /// Where the person may go.
    pub(crate) places: Vec<Place>,
}

impl Person {
    /// The first letter of the name, in place of a picture.
    pub(crate) fn initial(&self) -> String {
        self.name.chars().next().into_iter().flat_map(char::to_uppercase).collect()
    }
}

/// A page in the menu.
pub(crate) struct Place {
    /// Where it is.
    pub(crate) path: &'static str,
    /// What it is called.
    pub(crate) label: &'static str,
    /// Whether it is the one that is shown, or one below it.
    pub(crate) is_here: bool,
}

impl Frame {
    /// Around a page for everybody.
    pub(crate) fn for_anybody(title: impl Into<String>) -> Self {
        Self { title: title.into(), assets: &ASSETS, person: None, here: "/", done: None }
    }

    /// Around a page of the part `here` of the menu, for who is signed in.
    pub(crate) fn new(visitor: &Visitor, here: &'static str, title: impl Into<String>) -> Self {
        let person = Person {
            name: visitor.name().to_owned(),
            role: words::role(visitor.caller.user.role),
            csrf: visitor.csrf.clone(),
            places: places(visitor, here),
        };
        Self { person: Some(person), here, ..Self::for_anybody(title) }
    }

    /// With the sentence about what `code` says that was done; a code that is not ours says nothing.
    pub(crate) fn after(self, code: &str) -> Self {
        Self { done: words::done(code).map(str::to_owned), ..self }
    }

    /// With the sentence about how many tokens something was done to, if there is one.
    pub(crate) fn counting(self, said: Option<String>) -> Self {
        Self { done: self.done.or(said), ..self }
    }
}

/// Where `visitor` may go. What one may not do is not in the menu.
fn places(visitor: &Visitor, here: &str) -> Vec<Place> {
    let who = visitor.caller.principal();
    let all = [
        ("/tokens", "My API tokens", visitor.may_create()),
        (manager::LIST, "Token manager", visitor.manages()),
        (admin::OVERVIEW, "Overview", authority::acts_for_others(who).is_ok()),
        (admin::ADMIN, "Administration", authority::administers(who).is_ok()),
        (admin::EXPLAIN, "Why was I refused?", true),
    ];
    let shown = all.into_iter().filter(|(_, _, may)| *may);
    shown.map(|(path, label, _)| Place { path, label, is_here: path == here }).collect()
}

/// `reply`, which says under which address a page that renews a part of itself by it stands from then on.
pub(crate) fn standing_at(mut reply: Response, place: &str) -> Response {
    if let Ok(place) = HeaderValue::try_from(place) {
        reply.headers_mut().insert(HX_PUSH_URL, place);
    }
    reply
}

/// A page as it leaves. It is kept nowhere.
pub(crate) fn page(status: StatusCode, page: &impl Template) -> Result<Response, Problem> {
    let html = page.render().map_err(|error| Problem::internal(&format!("a page: {error}")))?;
    let mut response = (status, html).into_response();
    protect(&mut response);
    Ok(response)
}

fn protect(response: &mut Response) {
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // Without a referrer at all a browser would not say from which origin a form comes (Fetch §3.1).
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, value);
    }
}
