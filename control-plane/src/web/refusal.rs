//! What people see when a request is refused: a page, or the way to sign in and back. Programs get the problem itself.

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use url::Url;

use super::fields::query;
use super::frame::{Frame, page};
use super::{sign_in, words};
use crate::domain::place::local;
use crate::http::problem::{Code, Told};

/// Has a browser go to another page although only a part of this one was asked for.
const HX_REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");

/// What is to be known of a request if it is refused.
pub(crate) struct Asked {
    by: By,
    is_read: bool,
    came_from_elsewhere: bool,
    /// Where the person is to be sent back to.
    place: String,
}

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// A program, which gets problems.
    Program,
    /// A browser that shows what it gets.
    Browser,
    /// A script that puts what it gets into a page.
    Htmx,
}

impl Asked {
    /// What `request` says of itself.
    pub(crate) fn of(request: &Request) -> Self {
        let (headers, path) = (request.headers(), request.uri().path());
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // A provider's answer comes to a path of REST, with a browser.
        let is_page = !path.starts_with("/api/") || path.starts_with("/api/v1/oidc/");
        // htmx does not say what it accepts.
        let by = match text("hx-request") {
            "true" if is_page => By::Htmx,
            _ if is_page && text("accept").contains("text/html") => By::Browser,
            _ => By::Program,
        };
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let asked = request.uri().path_and_query().map_or("/", |asked| asked.as_str());
        let place = match by {
            By::Htmx => behind_origin(text("hx-current-url")),
            // What a form was sent to may show nothing: back to the form.
            _ if !is_read => behind_origin(text("referer")),
            _ => asked.to_owned(),
        };
        let came_from_elsewhere = text("sec-fetch-site") == "cross-site";
        Self { by, is_read, came_from_elsewhere, place: local(&place).unwrap_or("/").to_owned() }
    }

    /// The reply for whoever asked.
    pub(crate) fn told(&self, response: Response) -> Response {
        let told = response.extensions().get::<Told>().cloned();
        let Some(told) = told.filter(|_| self.by != By::Program) else { return response };
        if response.status() == StatusCode::UNAUTHORIZED {
            return marked(self.to_sign_in(told.code), &told);
        }
        let Ok(mut shown) = page(response.status(), &RefusalPage::new(response.status(), &told)) else {
            return response;
        };
        for name in [header::RETRY_AFTER, header::CONNECTION, header::ALLOW] {
            shown.headers_mut().extend(response.headers().get(&name).cloned().map(|value| (name, value)));
        }
        marked(shown, &told)
    }

    fn to_sign_in(&self, why: &str) -> Response {
        // The session's cookie is not sent along a way that began at another site. Asked again from here, it is.
        if self.by == By::Browser && self.is_read && self.came_from_elsewhere {
            let again = AgainPage { frame: Frame::for_anybody("One moment"), place: &self.place };
            return page(StatusCode::OK, &again).unwrap_or_else(|problem| problem.into_response());
        }
        let mut pairs = vec![("next", self.place.as_str())];
        // Nothing has ended for somebody who just came.
        pairs.extend((why == "session_ended" || why == "user_inactive").then_some(("done", "session-ended")));
        let place = format!("{}?{}", sign_in::PAGE, query(pairs));
        match (self.by, HeaderValue::try_from(&place)) {
            (By::Htmx, Ok(place)) => {
                (StatusCode::UNAUTHORIZED, HeaderMap::from_iter([(HX_REDIRECT, place)])).into_response()
            }
            _ => Redirect::to(&place).into_response(),
        }
    }
}

/// The log tells of a page's refusal as of a problem.
fn marked(mut response: Response, told: &Told) -> Response {
    response.extensions_mut().insert(Code(told.code));
    response
}

/// Path and query of an address of ours, such as a page says where it is.
fn behind_origin(address: &str) -> String {
    let Ok(url) = Url::parse(address) else { return "/".to_owned() };
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}{query}", url.path())
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage {
    frame: Frame,
    status: u16,
    heading: &'static str,
    code: &'static str,
    detail: String,
}

impl RefusalPage {
    fn new(status: StatusCode, told: &Told) -> Self {
        let (status, heading) = (status.as_u16(), words::refusal(status.as_u16()));
        let detail = words::sentence(&told.detail);
        Self { frame: Frame::for_anybody(heading), status, heading, code: told.code, detail }
    }
}

#[derive(Template)]
#[template(path = "again.html")]
struct AgainPage<'a> {
    frame: Frame,
    place: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[test]
    fn a_page_says_where_somebody_goes_back_to() {
        assert_eq!(behind_origin("http://localhost:8080/manage?user=a#x"), "/manage?user=a");
        assert_eq!(local(&behind_origin("http://localhost//evil.example/")), None);
    }

    #[test]
    fn programs_get_problems_and_browsers_pages() {
        let of = |path: &str, accept: &str| {
            let request = Request::builder().uri(path).header("accept", accept).body(Body::empty());
            Asked::of(&request.unwrap()).by == By::Program
        };
        for (path, accept, is_program) in [
            ("/tokens", "text/html,application/xhtml+xml", false),
            ("/tokens", "*/*", true),
            ("/api/v1/tokens", "text/html", true),
            ("/api/v1/oidc/callback?code=x", "text/html", false),
            ("/nothing", "text/html", false),
            ("/nothing", "application/json", true),
        ] {
            assert_eq!(of(path, accept), is_program, "{path} {accept}");
        }
        for (path, by_htmx) in [("/manager", true), ("/api/v1/tokens", false)] {
            let request = Request::builder().uri(path).header("accept", "*/*").header("hx-request", "true");
            assert_eq!(Asked::of(&request.body(Body::empty()).unwrap()).by == By::Htmx, by_htmx, "{path}");
        }
    }
}
