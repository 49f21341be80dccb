//! Signing in with a provider of identities: who is let in, as whom, and who is not.

mod fake;
pub mod real;

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use gatepass_control_plane::domain::user::Role;
use gatepass_control_plane::oidc::{Provider, Settings};
use serde_json::{Value, json};

use crate::sessions::Browser;
use crate::support::{Gate, Reply};
use fake::{CLIENT, Fake, SECRET, Signed};

pub fn settings(issuer: &str) -> Settings {
    Settings {
        public_url: "http://localhost:8080".parse().unwrap(),
        issuer: issuer.to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret_file: None,
        scopes: vec!["profile".to_owned(), "email".to_owned()],
        user_claim: "preferred_username".to_owned(),
        groups_claim: None,
        roles: Vec::new(),
        default_role: Some(Role::User),
    }
}

async fn stage(change: impl FnOnce(&mut Settings)) -> (Gate, Fake) {
    let (mut gate, fake) = (Gate::start().await, Fake::start().await);
    let mut settings = settings(&fake.url);
    change(&mut settings);
    gate.sign_in_with(Arc::new(Provider::new(settings, Some(SECRET.to_owned())).unwrap()));
    (gate, fake)
}

fn by_groups(settings: &mut Settings) {
    settings.groups_claim = Some("groups".to_owned());
    settings.roles = vec![("root".to_owned(), Role::Admin), ("ops".to_owned(), Role::TokenManager)];
}

/// A browser that has been sent to the provider.
pub struct Begun {
    pub cookie: String,
    pub url: String,
    pub query: HashMap<String, String>,
}

pub async fn get(gate: &Gate, path: &str, cookie: &str) -> Reply {
    let request = Request::builder().uri(format!("/api/v1{path}")).header("host", "localhost:8080");
    gate.send(request.header("cookie", cookie).body(Body::empty()).unwrap()).await
}

pub async fn begin(gate: &Gate) -> Begun {
    begin_at(gate, "/oidc/start").await
}

async fn begin_at(gate: &Gate, start: &str) -> Begun {
    let reply = get(gate, start, "").await;
    assert_eq!(reply.status, 303, "{reply:?}");
    let cookie = reply.header("set-cookie");
    assert!(cookie.contains("; HttpOnly; SameSite=Lax; Path=/; Max-Age=600"), "{cookie}");
    let url = url::Url::parse(reply.header("location")).unwrap();
    let query = url.query_pairs().into_owned().collect();
    Begun { cookie: cookie.split(';').next().unwrap().to_owned(), url: url.to_string(), query }
}

async fn come_back(gate: &Gate, begun: &Begun, code: &str) -> Reply {
    get(gate, &format!("/oidc/callback?code={code}&state={}", begun.query["state"]), &begun.cookie).await
}

/// A whole sign-in in which the provider says `claims`.
async fn sign_in(gate: &Gate, fake: &Fake, claims: Value) -> Reply {
    let begun = begin(gate).await;
    fake.plan(|plan| {
        plan.claims = claims;
        plan.nonce = begun.query["nonce"].clone();
        plan.challenge = begun.query["code_challenge"].clone();
    });
    come_back(gate, &begun, &begun.query["state"]).await
}

/// The browser after it.
fn browser(reply: &Reply) -> Browser {
    assert_eq!(reply.status, 200, "{reply:?}");
    let mut cookies = reply.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let session = cookies.find(|line| line.starts_with("gatepass-local=")).unwrap();
    assert!(session.contains("; HttpOnly; SameSite=Strict; Path=/"), "{session}");
    Browser { cookie: session.split(';').next().unwrap().to_owned(), csrf: String::new() }
}

async fn user(gate: &Gate, name: &str) -> Value {
    gate.get(&format!("/users/{name}"), &gate.admin).await.ok(200)
}

#[tokio::test]
async fn the_browser_is_sent_with_pkce_a_state_and_a_nonce() {
    let (gate, fake) = stage(|_| {}).await;
    let (a, b) = (begin(&gate).await, begin(&gate).await);
    assert!(a.url.starts_with(&format!("{}/auth?", fake.url)), "{}", a.url);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("code_challenge_method", "S256"),
        ("redirect_uri", "http://localhost:8080/api/v1/oidc/callback"),
        ("scope", "openid profile email"),
    ] {
        assert_eq!(a.query[name], value);
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(a.query[name].len(), 43);
        assert_ne!(a.query[name], b.query[name]);
    }
    assert!(!a.url.contains(a.cookie.split_once('=').unwrap().1.split_once('.').unwrap().0));
}

#[tokio::test]
async fn who_comes_first_is_added_and_later_known_by_issuer_and_subject() {
    let (gate, fake) = stage(|_| {}).await;
    let first = json!({"name": "Fred F.", "email": "fred@example.com"});
    let reply = sign_in(&gate, &fake, first).await;
    assert!(reply.text.contains("You are signed in as fred."), "{reply:?}");
    assert!(reply.header("content-type").starts_with("text/html"));
    let session = browser(&reply).get(&gate, "/session").await.ok(200);
    assert_eq!((&session["user"], &session["method"]), (&json!("fred"), &json!("oidc")));
    let shown = user(&gate, "fred").await;
    assert_eq!(
        (&shown["role"], &shown["display_name"], &shown["email"], &shown["has_password"]),
        (&json!("user"), &json!("Fred F."), &json!("fred@example.com"), &json!(false))
    );
    let renamed = json!({"preferred_username": "frederick", "name": "Frederick", "email": null});
    let session = browser(&sign_in(&gate, &fake, renamed).await).get(&gate, "/session").await.ok(200);
    assert_eq!((&session["user"], &session["display_name"]), (&json!("fred"), &json!("Frederick")));
    assert_eq!(user(&gate, "fred").await["email"], "fred@example.com", "what is not said stays");
    let other = json!({"sub": "s-2", "preferred_username": "wilma"});
    let session = browser(&sign_in(&gate, &fake, other).await).get(&gate, "/session").await.ok(200);
    assert_eq!(session["user"], "wilma");
    let audit = gate.get("/audit?target=user:fred", &gate.admin).await.ok(200);
    let actions: Vec<_> =
        audit["items"].as_array().unwrap().iter().map(|entry| (&entry["action"], &entry["actor"])).collect();
    let (fred, server) = (json!("fred"), json!("server:sign-in"));
    let [signed_in, created, updated] =
        [json!("sign_in.succeeded"), json!("user.created"), json!("user.updated")];
    let expected = [
        (&signed_in, &fred),
        (&updated, &server),
        (&signed_in, &fred),
        (&updated, &server),
        (&created, &server),
    ];
    assert_eq!(actions, expected);
    assert_eq!(
        audit["items"][3]["after"]["identity"],
        json!({"issuer": fake.url, "subject": "s-1"}),
        "whom the account is connected with"
    );
}

#[tokio::test]
async fn somebody_goes_on_to_a_page_of_ours_and_to_no_other() {
    let (gate, fake) = stage(|_| {}).await;
    for (start, place) in [
        ("/oidc/start", "/"),
        (
            "/oidc/start?next=%2Fmanager%3Fuser%3Da%2526b%26x%3D%22%27%3E",
            "/manager?user=a%26b&amp;x=&quot;'&gt;",
        ),
    ] {
        let begun = begin_at(&gate, start).await;
        fake.plan(|plan| {
            plan.claims = json!({});
            plan.nonce = begun.query["nonce"].clone();
            plan.challenge = begun.query["code_challenge"].clone();
        });
        let reply = come_back(&gate, &begun, &begun.query["state"]).await;
        browser(&reply);
        assert!(reply.text.contains(&format!("content=\"0; url={place}\"")), "{reply:?}");
        // Who changes the place changes the state: an answer for one page leads to no other.
        let (known, _) = begun.cookie.rsplit_once('.').unwrap();
        let moved = Begun { cookie: format!("{known}.L2FkbWlu"), ..begun };
        come_back(&gate, &moved, &moved.query["state"]).await.refused(403, "oidc_state_unknown");
    }
    for elsewhere in ["https://evil.example/", "//evil.example", "/%5Cevil.example", "tokens", ""] {
        get(&gate, &format!("/oidc/start?next={elsewhere}"), "").await.wrong("next");
    }
    let long = "a".repeat(2048);
    get(&gate, &format!("/oidc/start?next=/{long}"), "").await.wrong("next");
}

#[tokio::test]
async fn nobody_is_joined_by_name_or_mail() {
    let (gate, fake) = stage(|_| {}).await;
    let new = json!({"name": "Fred", "role": "admin", "email": "fred@example.com"});
    gate.post("/users", &gate.admin, new).await.ok(201);
    let before = user(&gate, "Fred").await;
    let claims = json!({"preferred_username": "fred", "email": "fred@example.com", "email_verified": true});
    let reply = sign_in(&gate, &fake, claims.clone()).await;
    reply.refused(409, "oidc_name_taken");
    assert!(reply.headers.get("set-cookie").is_none());
    assert_eq!(user(&gate, "Fred").await, before);
    gate.patch("/users/Fred", &gate.admin, json!({"active": false})).await.ok(200);
    sign_in(&gate, &fake, claims).await.refused(409, "oidc_name_taken");
    let same_mail = json!({"preferred_username": "other", "email": "fred@example.com"});
    let session = browser(&sign_in(&gate, &fake, same_mail).await).get(&gate, "/session").await.ok(200);
    assert_eq!((&session["user"], &session["role"]), (&json!("other"), &json!("user")));
    for bad in [json!(null), json!(""), json!("a:b"), json!("data-folder"), json!(7), json!(gate.admin)] {
        let claims = json!({"sub": "s-9", "preferred_username": bad});
        let reply = sign_in(&gate, &fake, claims).await;
        assert!([400, 403].contains(&reply.status.as_u16()), "{reply:?}");
    }
}

#[tokio::test]
async fn an_admin_connects_somebody_who_was_here_before() {
    let (gate, fake) = stage(|_| {}).await;
    gate.post("/users", &gate.admin, json!({"name": "Fred", "role": "admin"})).await.ok(201);
    gate.post("/users", &gate.admin, json!({"name": "wilma", "role": "user"})).await.ok(201);
    sign_in(&gate, &fake, json!({})).await.refused(409, "oidc_name_taken");
    let wish = json!({"issuer": fake.url, "subject": "s-1"});
    gate.post("/users/Fred/identities", &gate.admin, wish.clone()).await.ok(204);
    for name in ["Fred", "wilma"] {
        let reply = gate.post(&format!("/users/{name}/identities"), &gate.admin, wish.clone()).await;
        reply.refused(409, "identity_taken");
    }
    for (field, bad) in [("issuer", ""), ("subject", "a\nb")] {
        let mut wish = wish.clone();
        wish[field] = json!(bad);
        gate.post("/users/Fred/identities", &gate.admin, wish).await.wrong(field);
    }
    let connected = browser(&sign_in(&gate, &fake, json!({})).await);
    assert_eq!(connected.get(&gate, "/session").await.ok(200)["user"], "Fred");
    assert_eq!(user(&gate, "Fred").await["role"], "admin", "no groups were said to bring roles");
    let shown = gate.get("/users/Fred/identities", &gate.admin).await.ok(200);
    assert_eq!(
        shown,
        json!({"identities": [{"issuer": fake.url, "subject": "s-1", "created_at": "2026-11-22T09:00:00Z"}]})
    );
    let issuer = url::form_urlencoded::byte_serialize(fake.url.as_bytes()).collect::<String>();
    let query = format!("issuer={issuer}&subject=s-1");
    gate.delete(&format!("/users/wilma/identities?{query}"), &gate.admin).await.refused(404, "not_found");
    gate.delete(&format!("/users/Fred/identities?{query}"), &gate.admin).await.ok(204);
    connected.get(&gate, "/session").await.refused(401, "session_ended");
    sign_in(&gate, &fake, json!({})).await.refused(409, "oidc_name_taken");
}

#[tokio::test]
async fn groups_bring_roles_at_every_sign_in_and_the_last_admin_stays_one() {
    let (gate, fake) = stage(by_groups).await;
    let with = |groups: &[&str]| json!({"groups": groups});
    for (groups, role) in [
        (&["ops", "staff"][..], "token_manager"),
        (&["root", "ops"], "admin"),
        (&["staff"], "user"),
        (&["root"], "admin"),
    ] {
        browser(&sign_in(&gate, &fake, with(groups)).await);
        let shown = user(&gate, "fred").await;
        assert_eq!((&shown["role"], shown["groups"].as_array().unwrap().len()), (&json!(role), groups.len()));
    }
    let session = browser(&sign_in(&gate, &fake, with(&["root"])).await);
    gate.patch("/users/admin", &gate.admin, json!({"role": "user"})).await.ok(200);
    browser(&sign_in(&gate, &fake, with(&["staff"])).await);
    assert_eq!(session.get(&gate, "/users/fred").await.ok(200)["role"], "admin", "nobody else is one");
}

#[tokio::test]
async fn only_people_of_stated_groups_are_let_in() {
    let narrow = |settings: &mut Settings| {
        by_groups(settings);
        settings.default_role = None;
    };
    let (gate, fake) = stage(narrow).await;
    sign_in(&gate, &fake, json!({"groups": ["staff"]})).await.refused(403, "oidc_not_admitted");
    gate.get("/users/fred", &gate.admin).await.refused(404, "not_found");
    browser(&sign_in(&gate, &fake, json!({"groups": ["ops"]})).await);
    sign_in(&gate, &fake, json!({"groups": []})).await.refused(403, "oidc_not_admitted");
    gate.patch("/users/fred", &gate.admin, json!({"active": false})).await.ok(200);
    sign_in(&gate, &fake, json!({"groups": ["ops"]})).await.refused(403, "oidc_not_admitted");
    assert_eq!(user(&gate, "fred").await["active"], false);
}

#[tokio::test]
async fn what_the_id_token_lacks_is_asked_for_and_must_be_about_the_same_person() {
    let (gate, fake) = stage(by_groups).await;
    let bare = || json!({"preferred_username": null});
    fake.plan(|plan| {
        plan.userinfo = Some(json!({"sub": "s-2", "preferred_username": "mallory", "groups": ["root"]}))
    });
    sign_in(&gate, &fake, bare()).await.refused(403, "oidc_refused");
    fake.plan(|plan| {
        plan.userinfo = Some(json!({"sub": "s-1", "preferred_username": "fred", "groups": ["ops"]}))
    });
    browser(&sign_in(&gate, &fake, bare()).await);
    assert_eq!(user(&gate, "fred").await["role"], "token_manager");
}

#[tokio::test]
async fn an_id_token_that_cannot_be_believed_lets_nobody_in() {
    let (gate, fake) = stage(|_| {}).await;
    let start = crate::support::START;
    let before = gate.version().await;
    for (claims, signed) in [
        (json!({"nonce": "x"}), Signed::Well),
        (json!({"nonce": null}), Signed::Well),
        (json!({"iss": "https://evil.example"}), Signed::Well),
        (json!({"iss": null}), Signed::Well),
        (json!({"aud": "another"}), Signed::Well),
        (json!({"aud": ["another"]}), Signed::Well),
        (json!({"aud": [CLIENT, "another"]}), Signed::Well),
        (json!({"aud": null}), Signed::Well),
        (json!({"exp": start}), Signed::Well),
        (json!({"exp": start - 1}), Signed::Well),
        (json!({"exp": null}), Signed::Well),
        (json!({"sub": null}), Signed::Well),
        (json!({"sub": ""}), Signed::Well),
        (json!({}), Signed::None),
        (json!({}), Signed::BySecret),
        (json!({}), Signed::ByAnother),
        (json!({}), Signed::Broken),
    ] {
        fake.plan(|plan| plan.signed = signed);
        gate.pass(0);
        let reply = sign_in(&gate, &fake, claims.clone()).await;
        let (status, code, _) = reply.problem();
        assert_eq!((status, code.as_str()), (403, "oidc_refused"), "{claims}");
        assert!(reply.headers.get("set-cookie").is_none(), "{claims}");
    }
    fake.plan(|plan| (plan.signed, plan.without_id_token) = (Signed::Well, true));
    sign_in(&gate, &fake, json!({})).await.refused(403, "oidc_refused");
    fake.plan(|plan| plan.without_id_token = false);
    gate.get("/users/fred", &gate.admin).await.refused(404, "not_found");
    assert_eq!(gate.version().await, before);
    let told = gate.get("/audit?action=sign_in.failed", &gate.admin).await.ok(200);
    assert_eq!(told["items"].as_array().unwrap().len(), 1, "{told}");
    browser(&sign_in(&gate, &fake, json!({"exp": start + 1})).await);
}

#[tokio::test]
async fn an_answer_counts_once_in_the_browser_that_asked_and_not_for_long() {
    let (gate, fake) = stage(|_| {}).await;
    let begun = begin(&gate).await;
    fake.plan(|plan| {
        plan.nonce = begun.query["nonce"].clone();
        plan.challenge = begun.query["code_challenge"].clone();
    });
    let other = begin(&gate).await;
    let state = &begun.query["state"];
    let unknown = async |query: String, cookie: &str| {
        let reply = get(&gate, &format!("/oidc/callback?{query}"), cookie).await;
        reply.refused(403, "oidc_state_unknown");
    };
    unknown(format!("code=c&state={state}"), "").await;
    unknown(format!("code=c&state={state}"), &other.cookie).await;
    unknown(format!("code=c&state={}", other.query["state"]), &begun.cookie).await;
    unknown("code=c&state=".to_owned(), &begun.cookie).await;
    unknown("code=c".to_owned(), &begun.cookie).await;
    let refused = async |query: String, begun: &Begun| {
        let reply = get(&gate, &format!("/oidc/callback?{query}"), &begun.cookie).await;
        reply.refused(403, "oidc_refused");
    };
    refused(format!("state={state}"), &begun).await;
    refused(format!("error=access_denied&state={state}"), &begun).await;
    refused(format!("code=c&state={state}&iss=https://evil.example"), &begun).await;
    refused(format!("code=c&state={}", other.query["state"]), &other).await;
    let issuer = url::form_urlencoded::byte_serialize(fake.url.as_bytes()).collect::<String>();
    let good = format!("code=c&state={state}&session_state=x&iss={issuer}");
    browser(&get(&gate, &format!("/oidc/callback?{good}"), &begun.cookie).await);
    refused(format!("code=c&state={state}"), &begun).await;
    gate.pass(600);
    unknown(format!("code=d&state={state}"), &begun.cookie).await;
}

#[tokio::test]
async fn a_provider_that_is_away_or_another_is_no_provider() {
    let (mut gate, fake) = stage(|_| {}).await;
    let with = |issuer: &str| Arc::new(Provider::new(settings(issuer), None).unwrap());
    gate.sign_in_with(with("http://127.0.0.1:1"));
    get(&gate, "/oidc/start", "").await.refused(502, "oidc_unavailable");
    gate.sign_in_with(with(&format!("{}/", fake.url)));
    get(&gate, "/oidc/start", "").await.refused(502, "oidc_unavailable");
    gate.sign_in_with(with("http://example.invalid"));
    get(&gate, "/oidc/start", "").await.refused(502, "oidc_unavailable");
    let plain = Gate::start().await;
    get(&plain, "/oidc/start", "").await.refused(404, "not_found");
}
