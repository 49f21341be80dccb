//! The pages as a browser without script sees them; `tests/browser` walks them in a real one.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

use crate::sessions::person;
use crate::support::{Gate, Reply};

const PASSWORD: &str = "correct horse";

/// A browser: its cookies, and nothing else that it would keep.
pub struct Visitor<'a> {
    gate: &'a Gate,
    cookies: Vec<(String, String)>,
}

impl<'a> Visitor<'a> {
    /// Nobody yet.
    pub fn new(gate: &'a Gate) -> Self {
        Self { gate, cookies: Vec::new() }
    }

    /// Somebody who has signed in by the form.
    pub async fn signed_in(gate: &'a Gate, name: &str) -> Self {
        let mut visitor = Self::new(gate);
        let page = visitor.get("/sign-in").await;
        let form =
            [("csrf", hidden(&page, "csrf")), ("user", name.to_owned()), ("password", PASSWORD.to_owned())];
        let reply = visitor.post("/sign-in", &form).await;
        assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/"), "{reply:?}");
        visitor
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(Request::builder().uri(path), Body::empty()).await
    }

    /// A form from a page of this server.
    pub async fn post(&mut self, path: &str, fields: &[(&str, String)]) -> Reply {
        self.post_from(Some("http://localhost:8080"), path, fields).await
    }

    pub async fn post_from(&mut self, origin: Option<&str>, path: &str, fields: &[(&str, String)]) -> Reply {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = Request::builder().method(Method::POST).uri(path);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        self.send(request.header("content-type", "application/x-www-form-urlencoded"), Body::from(form)).await
    }

    async fn send(&mut self, request: axum::http::request::Builder, body: Body) -> Reply {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header("host", "localhost:8080").header("accept", "text/html,*/*;q=0.8");
        let request = request.header("cookie", cookies.join("; "));
        let reply = self.gate.send(request.body(body).unwrap()).await;
        for line in reply.headers.get_all("set-cookie") {
            let (name, value) = line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        reply
    }
}

/// The value of a hidden field.
pub fn hidden(page: &Reply, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let rest = page.text.split_once(&mark).unwrap_or_else(|| panic!("no {name} in {page:?}")).1;
    rest.split('"').next().unwrap().to_owned()
}

fn form(page: &Reply, more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut fields = vec![("csrf", hidden(page, "csrf"))];
    fields.extend(page.text.contains("name=\"once\"").then(|| ("once", hidden(page, "once"))));
    fields.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    fields
}

/// The secret that a page shows.
fn secret(page: &Reply) -> String {
    let text = page.text.split_once("id=\"secret\"").unwrap_or_else(|| panic!("no secret in {page:?}")).1;
    text.split_once('>').unwrap().1.split('<').next().unwrap().to_owned()
}

#[tokio::test]
async fn every_page_is_kept_nowhere_and_runs_nothing_but_our_files() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    let mut fred = Visitor::signed_in(&gate, "fred").await;
    for (path, status) in [("/tokens", 200), ("/tokens/new", 200), ("/nothing", 404), ("/tokens/none", 404)] {
        let page = fred.get(path).await;
        assert_eq!(page.status, status, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(page.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(page.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(
            page.header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            "{path}"
        );
        for inline in ["<style", " style=", "<script>", " onclick=", "javascript:", "://"] {
            let text = page.text.replace("https://YOUR-SERVICE", "");
            assert!(!text.contains(inline), "{path}: {inline}");
        }
    }
    let page = fred.get("/tokens").await.text;
    let loaded = page.split('"').filter(|part| part.starts_with("/assets/"));
    let mut count = 0;
    for path in loaded {
        let request = Request::builder().uri(path).header("host", "localhost").body(Body::empty()).unwrap();
        let file = gate.response(request).await;
        assert_eq!(file.status(), 200, "{path}");
        assert_eq!(file.headers()["cache-control"], "public, max-age=31536000, immutable", "{path}");
        count += 1;
    }
    assert!(count >= 3, "{page}");
    fred.get("/assets/none.js").await.text.find("no_such_route").unwrap();
}

#[tokio::test]
async fn nobody_sees_a_page_who_is_not_signed_in_and_a_token_opens_none() {
    let gate = Gate::start().await;
    let mut nobody = Visitor::new(&gate);
    for path in ["/", "/tokens", "/tokens/new", "/tokens?all=1&cursor=x"] {
        let reply = nobody.get(path).await;
        let next = url::form_urlencoded::byte_serialize(path.as_bytes()).collect::<String>();
        assert_eq!(
            (reply.status.as_u16(), reply.header("location")),
            (303, format!("/sign-in?next={next}").as_str())
        );
    }
    let asked = gate.call(Method::GET, "/tokens", &gate.admin, None).await;
    asked.refused(401, "not_signed_in");
    // A part of a page leads the whole of it to the form.
    let request = Request::builder().uri("/tokens?cursor=x").header("accept", "text/html");
    let request = request.header("host", "localhost:8080").header("hx-request", "true");
    let request = request.header("hx-current-url", "http://localhost:8080/tokens?all=1");
    let reply = gate.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("hx-redirect")),
        (401, "/sign-in?next=%2Ftokens%3Fall%3D1")
    );
}

#[tokio::test]
async fn signing_in_leads_to_places_of_ours_alone() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    for (next, place) in [
        ("/tokens?all=1", "/tokens?all=1"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("", "/"),
    ] {
        let mut visitor = Visitor::new(&gate);
        let page = visitor.get("/sign-in").await;
        let fields = form(&page, &[("user", "fred"), ("password", PASSWORD), ("next", next)]);
        assert_eq!(visitor.post("/sign-in", &fields).await.header("location"), place, "{next}");
    }
}

#[tokio::test]
async fn no_form_counts_that_another_page_sent() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    person(&gate, "ann", "user").await;
    let own = Some("http://localhost:8080");
    let mut nobody = Visitor::new(&gate);
    let page = nobody.get("/sign-in").await;
    let right = form(&page, &[("user", "fred"), ("password", PASSWORD)]);
    let wrong: Vec<_> = [vec![("csrf", "x".to_owned())], right[1..].to_vec()].concat();
    for (origin, fields, code) in [
        (None, &right, "origin_refused"),
        (Some("null"), &right, "origin_refused"),
        (Some("http://localhost:3000"), &right, "origin_refused"),
        (Some("https://evil.example"), &right, "origin_refused"),
        (own, &wrong, "csrf_token_refused"),
        (own, &right[1..].to_vec(), "csrf_token_refused"),
    ] {
        let reply = nobody.post_from(origin, "/sign-in", fields).await;
        assert_eq!(reply.status, 403, "{origin:?} {code}");
        assert!(reply.text.contains(code), "{origin:?} {code}");
    }
    let mut stranger = Visitor::new(&gate);
    let reply = stranger.post("/sign-in", &right).await;
    assert_eq!(reply.status, 403, "the token is worth something in that browser alone");

    let mut fred = Visitor::signed_in(&gate, "fred").await;
    let mut ann = Visitor::signed_in(&gate, "ann").await;
    let page = fred.get("/tokens/new").await;
    let right = form(&page, &[("description", "forged")]);
    for origin in [None, Some("null"), Some("http://localhost:3000"), Some("https://localhost")] {
        assert_eq!(fred.post_from(origin, "/tokens/new", &right).await.status, 403, "{origin:?}");
    }
    assert_eq!(ann.post("/tokens/new", &right).await.status, 403, "another's token");
    assert_eq!(fred.post("/sign-out", &[]).await.status, 403, "nobody is signed out by another's page");
    assert!(fred.get("/tokens").await.text.contains("You have no API tokens"));
    assert_eq!(fred.get("/sign-out").await.status, 405, "nor by a picture");
}

#[tokio::test]
async fn a_token_is_made_once_and_its_secret_is_shown_once() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    let mut fred = Visitor::signed_in(&gate, "fred").await;
    let page = fred.get("/tokens/new").await;
    let fields = form(
        &page,
        &[
            ("description", "nightly"),
            ("valid_for", "P6M"),
            ("scope", "read_only"),
            ("allowed_ips", "10.1.0.0/16\r\n192.0.2.7"),
            ("control_plane", "on"),
        ],
    );
    let made = fred.post("/tokens/new", &fields).await;
    assert_eq!((made.status.as_u16(), made.header("cache-control")), (201, "no-store"));
    let token = secret(&made);
    let me = gate.get("/whoami", &token).await;
    assert_eq!(me.status, 401, "it may not be used from here");
    let again = fred.post("/tokens/new", &fields).await;
    assert_eq!(again.status, 200);
    assert!(again.text.contains("This form was sent before") && !again.text.contains(&token));
    let items = gate.get("/tokens?user=fred", &gate.admin).await.ok(200)["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 1);
    let kept = &items[0];
    assert_eq!(
        (
            &kept["description"],
            &kept["scope"],
            &kept["allowed_ips"],
            &kept["control_plane"],
            &kept["expires_at"]
        ),
        (
            &json!("nightly"),
            &json!("read_only"),
            &json!(["10.1.0.0/16", "192.0.2.7"]),
            &json!(true),
            &json!("2027-05-22T09:00:00Z")
        )
    );
    // What says something else is another form.
    let mut other = fields.clone();
    other[2].1 = "other".to_owned();
    assert_eq!(fred.post("/tokens/new", &other).await.status, 409);
    for path in ["/tokens".to_owned(), format!("/tokens/{}", kept["id"].as_str().unwrap())] {
        assert!(!fred.get(&path).await.text.contains(&token), "{path}");
    }
}

#[tokio::test]
async fn the_token_manager_is_for_managers_and_keeps_admins_from_them() {
    let gate = Gate::start().await;
    for (name, role) in [("fred", "user"), ("mary", "token_manager"), ("adam", "admin")] {
        person(&gate, name, role).await;
        gate.token(&gate.admin, json!({"user": name, "description": format!("of {name}")})).await;
    }
    let id = async |name: &str| {
        let found = gate.get(&format!("/tokens?user={name}"), &gate.admin).await.ok(200);
        found["items"][0]["id"].as_str().unwrap().to_owned()
    };
    let (freds, adams) = (id("fred").await, id("adam").await);

    let mut fred = Visitor::signed_in(&gate, "fred").await;
    let csrf = hidden(&fred.get("/tokens").await, "csrf");
    for path in [
        "/manager",
        "/manager/new",
        "/manager/names",
        "/manager/names?user=a",
        "/manager/delete-all?user=mary",
        "/manager/export.csv",
    ] {
        let reply = fred.get(path).await;
        assert_eq!(reply.status, 403, "{path}");
        assert!(reply.text.contains("not_owner"), "{path}");
    }
    for path in ["/manager/new", "/manager/bulk", "/manager/delete-all"] {
        let fields = [("csrf", csrf.clone()), ("user", "fred".to_owned()), ("once", "1".to_owned())];
        assert_eq!(fred.post(path, &fields).await.status, 403, "{path}");
    }

    let mut mary = Visitor::signed_in(&gate, "mary").await;
    let page = mary.get("/manager").await;
    assert!(page.text.contains("of fred") && !page.text.contains("of adam"), "{page:?}");
    let names = mary.get("/manager/names?user=a").await.text;
    assert!(names.contains("\"mary\"") && !names.contains("adam"), "{names}");
    let csv = mary.get("/manager/export.csv").await;
    assert!(csv.text.contains("\"of fred\"") && !csv.text.contains("of adam"), "{csv:?}");
    let csrf = hidden(&page, "csrf");
    for action in ["delete", "disable", "enable"] {
        let fields = [
            ("csrf", csrf.clone()),
            ("action", action.to_owned()),
            ("confirmed", "yes".to_owned()),
            ("id", freds.clone()),
            ("id", adams.clone()),
        ];
        assert_eq!(
            mary.post("/manager/bulk", &fields).await.status,
            404,
            "{action}: one that she may not know of"
        );
    }
    let state =
        async |id: &str| gate.get(&format!("/tokens/{id}"), &gate.admin).await.ok(200)["state"].clone();
    assert_eq!((state(&freds).await, state(&adams).await), (json!("active"), json!("active")), "all or none");
    let fields = [("csrf", csrf.clone()), ("user", "adam".to_owned())];
    assert_eq!(mary.post("/manager/delete-all", &fields).await.status, 403);
    let wish = [
        ("csrf", csrf),
        ("user", "adam".to_owned()),
        ("description", "x".to_owned()),
        ("once", "1".to_owned()),
    ];
    assert_eq!(mary.post("/manager/new", &wish).await.status, 403);

    let mut adam = Visitor::signed_in(&gate, "adam").await;
    let page = adam.get("/manager").await;
    let fields = [
        ("csrf", hidden(&page, "csrf")),
        ("action", "delete".to_owned()),
        ("confirmed", "yes".to_owned()),
        ("id", freds.clone()),
        ("id", adams.clone()),
    ];
    let reply = adam.post("/manager/bulk", &fields).await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("location")),
        (303, "/manager?done=bulk-deleted&count=2")
    );
    assert_eq!((state(&freds).await, state(&adams).await), (json!("revoked"), json!("revoked")));
    let entries = gate.get("/audit?action=token.revoked", &gate.admin).await.ok(200);
    assert_eq!(entries["items"].as_array().unwrap().len(), 2, "an entry each");
}
