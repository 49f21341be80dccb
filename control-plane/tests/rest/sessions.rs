//! Signing in with a password, and what a session may do.

use axum::body::Body;
use axum::http::{Method, Request};
use gatepass_control_plane::sign_in;
use serde_json::{Value, json};

use crate::support::{Gate, Reply, id, secret};

const PASSWORD: &str = "correct horse";
const HOUR: i64 = 60 * 60;

/// A browser: its cookie, and what its page knows.
pub struct Browser {
    pub cookie: String,
    pub csrf: String,
}

fn request(method: Method, path: &str) -> axum::http::request::Builder {
    let request = Request::builder().method(method).uri(format!("/api/v1{path}"));
    request.header("host", "localhost:8080").header("content-type", "application/json")
}

fn body(json: Option<Value>) -> Body {
    json.map_or_else(Body::empty, |json| Body::from(json.to_string()))
}

pub async fn try_from(gate: &Gate, ip: [u8; 4], user: &str, password: &str) -> Reply {
    let wish = json!({"user": user, "password": password});
    let (request, [a, b, c, d]) = (request(Method::POST, "/session"), ip);
    // Through the proxy that the server trusts.
    let request = request.header("x-forwarded-for", format!("{a}.{b}.{c}.{d}"));
    gate.send_from([10, 9, 0, 1], request.body(body(Some(wish))).unwrap()).await
}

async fn attempt(gate: &Gate, user: &str, password: &str) -> Reply {
    try_from(gate, [127, 0, 0, 1], user, password).await
}

impl Browser {
    async fn sign_in(gate: &Gate, user: &str) -> Self {
        Self::of(&attempt(gate, user, PASSWORD).await)
    }

    pub fn of(reply: &Reply) -> Self {
        assert_eq!(reply.status, 200, "{reply:?}");
        let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
        Self { cookie, csrf: reply.json()["csrf_token"].as_str().unwrap().to_owned() }
    }

    pub async fn call(&self, gate: &Gate, method: Method, path: &str, json: Option<Value>) -> Reply {
        let request = request(method, path).header("cookie", &self.cookie);
        let request = request.header("origin", "http://localhost:8080").header("x-csrf-token", &self.csrf);
        gate.send(request.body(body(json)).unwrap()).await
    }

    pub async fn get(&self, gate: &Gate, path: &str) -> Reply {
        let request = request(Method::GET, path).header("cookie", &self.cookie);
        gate.send(request.body(Body::empty()).unwrap()).await
    }
}

pub async fn person(gate: &Gate, name: &str, role: &str) {
    gate.post("/users", &gate.admin, json!({"name": name, "role": role})).await.ok(201);
    give_password(gate, name).await;
}

async fn give_password(gate: &Gate, name: &str) {
    let path = format!("/users/{name}/password");
    gate.put(&path, &gate.admin, json!({"password": PASSWORD})).await.ok(204);
}

async fn entries(gate: &Gate, action: &str) -> Vec<Value> {
    let page = gate.get(&format!("/audit?action={action}"), &gate.admin).await.ok(200);
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn who_signs_in_gets_a_cookie_and_calls_by_it() {
    let gate = Gate::start().await;
    person(&gate, "Fred", "user").await;
    let reply = attempt(&gate, "fred", PASSWORD).await;
    let cookie = reply.header("set-cookie").to_owned();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/"), "{cookie}");
    assert_eq!(reply.header("cache-control"), "no-store");
    let mut session = reply.json();
    let browser = Browser::of(&reply);
    assert_eq!(browser.get(&gate, "/session").await.ok(200), session);
    assert!(!cookie.contains(session["csrf_token"].as_str().unwrap()));
    session.as_object_mut().unwrap().remove("csrf_token");
    assert_eq!(
        session,
        json!({"user": "Fred", "role": "user", "display_name": null, "method": "password", "idle_seconds": 3600,
               "signed_in_at": "2026-11-22T09:00:00Z", "ends_at": "2026-11-22T21:00:00Z"})
    );
    let me = browser.get(&gate, "/whoami").await.ok(200);
    assert_eq!((&me["user"], &me["token"]), (&json!("Fred"), &json!(null)));
    let entry = &entries(&gate, "sign_in.succeeded").await[0];
    assert_eq!(
        (&entry["actor"], &entry["target"], &entry["ip"], &entry["after"]["method"]),
        (&json!("Fred"), &json!("user:Fred"), &json!("127.0.0.1"), &json!("password"))
    );
    let shown = gate.get("/users/Fred", &gate.admin).await.ok(200);
    assert_eq!(shown["last_sign_in_at"], "2026-11-22T09:00:00Z");
}

#[tokio::test]
async fn a_person_who_is_signed_in_makes_tokens_that_may_manage() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    let browser = Browser::sign_in(&gate, "fred").await;
    let wish = json!({"description": "ci", "control_plane": true});
    let made = browser.call(&gate, Method::POST, "/tokens", Some(wish)).await.ok(201);
    assert_eq!((&made["creator"], &made["control_plane"]), (&json!("fred"), &json!(true)));
    gate.post("/tokens", &secret(&made), json!({"description": "x"})).await.ok(201);
    let entry = &entries(&gate, "token.created").await[1];
    assert_eq!((&entry["actor"], &entry["actor_token_id"]), (&json!("fred"), &json!(null)));
    let path = format!("/tokens/{}", id(&made));
    browser.call(&gate, Method::DELETE, &path, None).await.ok(204);
    browser.get(&gate, "/users").await.refused(403, "admin_required");
    let wish = json!({"description": "x", "user": "admin"});
    browser.call(&gate, Method::POST, "/tokens", Some(wish)).await.refused(403, "not_owner");
    gate.settings(json!({"only_admins_create_tokens": true, "users_may_use_tokens": false})).await;
    let wish = json!({"description": "x"});
    browser.call(&gate, Method::POST, "/tokens", Some(wish)).await.refused(403, "creation_not_allowed");
    browser.get(&gate, "/tokens").await.ok(200);
}

#[tokio::test]
async fn a_change_by_a_session_needs_a_page_of_this_server() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    let browser = Browser::sign_in(&gate, "fred").await;
    let other = Browser::sign_in(&gate, "fred").await;
    let before = gate.state().await;
    let send = async |lines: &[(&str, &str)]| {
        let mut request = request(Method::POST, "/tokens").header("cookie", &browser.cookie);
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        gate.send(request.body(body(Some(json!({"description": "x"})))).unwrap()).await
    };
    let (own, csrf) = (("origin", "http://localhost:8080"), ("x-csrf-token", browser.csrf.as_str()));
    send(&[csrf]).await.refused(403, "origin_refused");
    for foreign in ["http://localhost:3000", "https://evil.example", "null", "http://127.0.0.1:8080"] {
        send(&[("origin", foreign), csrf]).await.refused(403, "origin_refused");
    }
    send(&[own]).await.refused(403, "csrf_token_refused");
    for wrong in ["", "x", other.csrf.as_str()] {
        send(&[own, ("x-csrf-token", wrong)]).await.refused(403, "csrf_token_refused");
    }
    send(&[own, csrf, csrf]).await.refused(403, "csrf_token_refused");
    assert_eq!(gate.state().await, before);
    send(&[own, csrf]).await.ok(201);

    let mine = format!("Bearer {}", gate.admin);
    let with_token = send(&[("authorization", mine.as_str())]).await.ok(201);
    assert_eq!(with_token["user"], "admin", "a token counts before the cookie");
    send(&[("authorization", "Bearer x"), own, csrf]).await.refused(401, "credentials_unknown");
}

#[tokio::test]
async fn nobody_is_signed_in_by_a_page_elsewhere() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    let wish = json!({"user": "fred", "password": PASSWORD});
    let request = request(Method::POST, "/session").header("origin", "https://evil.example");
    gate.send(request.body(body(Some(wish))).unwrap()).await.refused(403, "origin_refused");
}

#[tokio::test]
async fn elsewhere_than_on_loopback_the_cookie_is_secure() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    let send = async |method: Method, path: &str, lines: &[(&str, &str)], json: Option<Value>| {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        for (name, value) in
            [("host", "gate.example.com"), ("content-type", "application/json")].iter().chain(lines)
        {
            request = request.header(*name, *value);
        }
        gate.send(request.body(body(json)).unwrap()).await
    };
    let wish = json!({"user": "fred", "password": PASSWORD});
    let reply = send(Method::POST, "/session", &[], Some(wish)).await;
    let cookie = reply.header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-gatepass=") && cookie.contains("; Secure; Path=/"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let csrf = ("x-csrf-token", reply.json()["csrf_token"].as_str().unwrap().to_owned());
    let lines = |origin: &'static str| [("cookie", cookie), (csrf.0, csrf.1.as_str()), ("origin", origin)];
    let wish = || Some(json!({"description": "x"}));
    let clear = send(Method::POST, "/tokens", &lines("http://gate.example.com"), wish()).await;
    clear.refused(403, "origin_refused");
    send(Method::POST, "/tokens", &lines("https://gate.example.com"), wish()).await.ok(201);
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_get_the_same_answer() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    person(&gate, "gone", "user").await;
    gate.patch("/users/gone", &gate.admin, json!({"active": false})).await.ok(200);
    gate.post("/users", &gate.admin, json!({"name": "bare", "role": "user"})).await.ok(201);
    let mut texts = Vec::new();
    for (user, password) in [
        ("fred", "wrong"),
        ("fred", ""),
        ("nobody", PASSWORD),
        ("", ""),
        ("gone", PASSWORD),
        ("bare", PASSWORD),
        ("fred", &"x".repeat(2000)),
        (&"x".repeat(2000), PASSWORD),
    ] {
        let reply = attempt(&gate, user, password).await;
        reply.refused(401, "sign_in_refused");
        assert_eq!(reply.header("set-cookie"), "");
        texts.push(reply.text);
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
}

#[tokio::test]
async fn guesses_at_one_name_get_slower_whether_or_not_there_is_such_a_user() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    let guess = async |user: &str, number: u8| try_from(&gate, [192, 0, 2, number], user, "wrong").await;
    let mut answers = Vec::new();
    for user in ["FRED", "nobody"] {
        let mut all = Vec::new();
        for number in 0..7 {
            let reply = guess(user, number).await;
            all.push((reply.status.as_u16(), reply.header("retry-after").to_owned(), reply.text));
        }
        answers.push(all);
    }
    assert_eq!(answers[0], answers[1], "who guesses learns no names");
    let statuses: Vec<_> = answers[0].iter().map(|(status, ..)| *status).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
    assert_eq!(answers[0][5].1, "1");

    try_from(&gate, [192, 0, 2, 9], "fred", PASSWORD).await.refused(429, "sign_in_delayed");
    gate.pass(1);
    try_from(&gate, [192, 0, 2, 9], "fred", "wrong").await.refused(401, "sign_in_refused");
    let later = try_from(&gate, [192, 0, 2, 9], "fred", PASSWORD).await;
    assert_eq!(later.header("retry-after"), "2");
    gate.pass(2);
    try_from(&gate, [192, 0, 2, 9], "fred", PASSWORD).await.ok(200);
    try_from(&gate, [192, 0, 2, 9], "fred", "wrong").await.refused(401, "sign_in_refused");
    try_from(&gate, [192, 0, 2, 9], "fred", PASSWORD).await.ok(200);
}

#[tokio::test]
async fn one_address_tries_so_often_in_a_minute_and_successes_do_not_count() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    for _ in 0..40 {
        attempt(&gate, "fred", PASSWORD).await.ok(200);
    }
    for number in 0..30 {
        attempt(&gate, &format!("nobody{number}"), "x").await.refused(401, "sign_in_refused");
    }
    let refused = attempt(&gate, "fred", PASSWORD).await;
    assert_eq!(refused.refused(429, "rate_limited").header("retry-after"), "2");
    try_from(&gate, [192, 0, 2, 1], "fred", PASSWORD).await.ok(200);
    gate.pass(2);
    attempt(&gate, "fred", PASSWORD).await.ok(200);
}

#[tokio::test]
async fn a_flood_is_one_entry_with_a_count_and_holds_no_password() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    for number in 0..20 {
        try_from(&gate, [192, 0, 2, number], "fred", "Tr0ub4dor&3").await;
        try_from(&gate, [198, 51, 100, number], "Tr0ub4dor&3", "x").await;
    }
    let told = |entries: &[Value]| -> Vec<(String, i64)> {
        let of = |entry: &Value| {
            assert_eq!(entry["actor"], "server:sign-in");
            (entry["target"].as_str().unwrap().to_owned(), entry["after"]["attempts"].as_i64().unwrap())
        };
        entries.iter().map(of).collect()
    };
    let first = [("sign_in".to_owned(), 1), ("user:fred".to_owned(), 1)];
    assert_eq!(told(&entries(&gate, "sign_in.failed").await), first);
    sign_in::keep_up(&gate.context).await.unwrap();
    assert_eq!(told(&entries(&gate, "sign_in.failed").await), first, "not within a minute");
    gate.pass(60);
    sign_in::keep_up(&gate.context).await.unwrap();
    sign_in::keep_up(&gate.context).await.unwrap();
    let mut all = told(&entries(&gate, "sign_in.failed").await);
    all.sort();
    let counts = [("sign_in", 1), ("sign_in", 19), ("user:fred", 1), ("user:fred", 19)];
    assert_eq!(all, counts.map(|(target, count)| (target.to_owned(), count)));
    let audit = gate.get("/audit", &gate.admin).await.text;
    let files = std::fs::read(gate.context.folder.database()).unwrap();
    let wal = std::fs::read(gate.context.folder.database().with_extension("db-wal")).unwrap_or_default();
    let kept = [audit.into_bytes(), files, wal].concat();
    assert!(!kept.windows(8).any(|part| part == b"Tr0ub4do"), "what is typed as a name may be a password");
    assert!(kept.windows(9).any(|part| part == b"192.0.2.1"), "the control: addresses are there");
}

#[tokio::test]
async fn an_admin_resets_the_count() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    for number in 0..6 {
        try_from(&gate, [192, 0, 2, number], "fred", "wrong").await;
    }
    assert_eq!(gate.get("/users/fred", &gate.admin).await.ok(200)["failed_sign_ins"], 5);
    attempt(&gate, "fred", PASSWORD).await.refused(429, "sign_in_delayed");
    gate.delete("/users/fred/failed-sign-ins", &gate.admin).await.ok(204);
    assert_eq!(gate.get("/users/fred", &gate.admin).await.ok(200)["failed_sign_ins"], 0);
    let entry = &entries(&gate, "user.updated").await[0];
    let counts = (&entry["before"]["failed_sign_ins"], &entry["after"]["failed_sign_ins"]);
    assert_eq!(counts, (&json!(5), &json!(0)));
    assert_eq!(entries(&gate, "sign_in.failed").await.len(), 2, "what was not told yet is told before");
    attempt(&gate, "fred", PASSWORD).await.ok(200);
    gate.delete("/users/fred/failed-sign-ins", &gate.admin).await.ok(204);
    gate.delete("/users/nobody/failed-sign-ins", &gate.admin).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_session_ends_without_use_and_in_any_case() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    let idle = Browser::sign_in(&gate, "fred").await;
    let used = Browser::sign_in(&gate, "fred").await;
    gate.pass(HOUR - 1);
    used.get(&gate, "/whoami").await.ok(200);
    gate.pass(1);
    idle.get(&gate, "/whoami").await.refused(401, "session_ended");
    for _ in 0..11 {
        used.get(&gate, "/whoami").await.ok(200);
        gate.pass(HOUR - 60);
    }
    used.get(&gate, "/whoami").await.ok(200);
    gate.pass(11 * 60 - 1);
    used.get(&gate, "/whoami").await.ok(200);
    gate.pass(1);
    used.get(&gate, "/whoami").await.refused(401, "session_ended");
    sign_in::keep_up(&gate.context).await.unwrap();
    let hash = gatepass_control_plane::domain::session::Secret::parse(used.cookie.split_once('=').unwrap().1);
    let kept = gate.context.store.read().await.unwrap().session(&hash.unwrap().hash()).await.unwrap();
    assert_eq!(kept, None, "nor is it kept");
}

#[tokio::test]
async fn a_new_session_takes_the_place_of_the_browsers_old_one() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    let old = Browser::sign_in(&gate, "fred").await;
    let wish = json!({"user": "fred", "password": PASSWORD});
    let again = request(Method::POST, "/session").header("cookie", &old.cookie);
    let new = Browser::of(&gate.send(again.body(body(Some(wish))).unwrap()).await);
    assert_ne!(new.cookie, old.cookie);
    old.get(&gate, "/whoami").await.refused(401, "session_ended");
    new.get(&gate, "/whoami").await.ok(200);
    let planted = Browser { cookie: format!("gatepass-local={}", "A".repeat(43)), csrf: String::new() };
    planted.get(&gate, "/whoami").await.refused(401, "session_ended");
}

#[tokio::test]
async fn signing_out_ends_one_session_or_all() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    person(&gate, "mary", "token_manager").await;
    let (a, b) = (Browser::sign_in(&gate, "fred").await, Browser::sign_in(&gate, "fred").await);
    let out = a.call(&gate, Method::DELETE, "/session", None).await;
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{out:?}");
    a.get(&gate, "/session").await.refused(401, "session_ended");
    b.get(&gate, "/session").await.ok(200);
    let c = Browser::sign_in(&gate, "fred").await;
    let mary = Browser::sign_in(&gate, "mary").await;
    let others = "/users/fred/sessions";
    mary.call(&gate, Method::DELETE, others, None).await.refused(403, "admin_required");
    assert_eq!(c.call(&gate, Method::DELETE, others, None).await.ok(200), json!({"ended": 2}));
    b.get(&gate, "/session").await.refused(401, "session_ended");
    let d = Browser::sign_in(&gate, "fred").await;
    assert_eq!(gate.delete(others, &gate.admin).await.ok(200), json!({"ended": 1}));
    assert_eq!(gate.delete(others, &gate.admin).await.ok(200), json!({"ended": 0}));
    d.get(&gate, "/session").await.refused(401, "session_ended");
    mary.get(&gate, "/session").await.ok(200);
    let ended = entries(&gate, "session.ended").await;
    let actors: Vec<_> = ended.iter().map(|entry| (&entry["actor"], &entry["before"]["sessions"])).collect();
    assert_eq!(
        actors,
        [(&json!("admin"), &json!(1)), (&json!("fred"), &json!(2)), (&json!("fred"), &json!(1))]
    );
    gate.get("/session", &gate.admin).await.refused(401, "not_signed_in");
    gate.delete("/session", &gate.admin).await.refused(401, "not_signed_in");
}

#[tokio::test]
async fn a_session_goes_with_its_user_and_with_an_old_password() {
    let gate = Gate::start().await;
    person(&gate, "fred", "admin").await;
    let (mine, other) = (Browser::sign_in(&gate, "fred").await, Browser::sign_in(&gate, "fred").await);
    mine.get(&gate, "/users").await.ok(200);
    gate.patch("/users/fred", &gate.admin, json!({"role": "user"})).await.ok(200);
    mine.get(&gate, "/users").await.refused(403, "admin_required");
    let change = json!({"password": "battery staple", "old_password": PASSWORD});
    mine.call(&gate, Method::PUT, "/users/fred/password", Some(change)).await.ok(204);
    mine.get(&gate, "/session").await.ok(200);
    other.get(&gate, "/session").await.refused(401, "session_ended");
    give_password(&gate, "fred").await;
    mine.get(&gate, "/session").await.refused(401, "session_ended");
    let mine = Browser::sign_in(&gate, "fred").await;
    gate.patch("/users/fred", &gate.admin, json!({"active": false})).await.ok(200);
    mine.get(&gate, "/session").await.refused(401, "session_ended");
    gate.patch("/users/fred", &gate.admin, json!({"active": true})).await.ok(200);
    mine.get(&gate, "/session").await.refused(401, "session_ended");
}

#[tokio::test]
async fn guesses_at_an_own_old_password_are_slowed_down_too() {
    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    give_password(&gate, "fred").await;
    let change = json!({"password": "battery staple", "old_password": "wrong"});
    for _ in 0..5 {
        gate.put("/users/fred/password", &fred, change.clone()).await.wrong("old_password");
    }
    gate.put("/users/fred/password", &fred, change).await.refused(429, "sign_in_delayed");
    assert_eq!(entries(&gate, "sign_in.failed").await.len(), 1);
}

#[tokio::test]
async fn of_one_person_the_newest_twenty_sessions_are_kept() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    let first = Browser::sign_in(&gate, "fred").await;
    for _ in 0..20 {
        gate.pass(1);
        Browser::sign_in(&gate, "fred").await;
    }
    first.get(&gate, "/session").await.refused(401, "session_ended");
    assert_eq!(gate.delete("/users/fred/sessions", &gate.admin).await.ok(200), json!({"ended": 20}));
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_the_session() {
    let gate = Gate::start().await;
    person(&gate, "fred", "user").await;
    let (a, b) = (Browser::sign_in(&gate, "fred").await, Browser::sign_in(&gate, "fred").await);
    let create = async |browser: &Browser| {
        let request = request(Method::POST, "/tokens").header("cookie", &browser.cookie);
        let request = request.header("origin", "http://localhost:8080").header("x-csrf-token", &browser.csrf);
        let request = request.header("idempotency-key", "\"once\"");
        gate.send(request.body(body(Some(json!({"description": "x"})))).unwrap()).await
    };
    let first = create(&a).await.ok(201);
    let again = create(&a).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!((again.json()["id"].clone(), again.json().get("token")), (first["id"].clone(), None));
    assert_ne!(create(&b).await.ok(201)["id"], first["id"]);
}
