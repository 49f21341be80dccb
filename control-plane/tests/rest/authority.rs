use axum::body::Body;
use axum::http::{Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{DAY, Gate, Reply, id, secret};

fn wish(user: &str) -> Value {
    json!({"description": "x", "user": user})
}

#[tokio::test]
async fn users_manage_their_own_tokens_and_nobody_elses() {
    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    gate.person("wilma", "user").await;
    let own = gate.token(&fred, json!({"description": "own"})).await;
    let others = gate.token(&gate.admin, wish("wilma")).await;
    let others_path = format!("/tokens/{}", id(&others));
    gate.post("/tokens", &fred, wish("wilma")).await.refused(403, "not_owner");
    gate.post("/tokens", &fred, wish("nobody")).await.refused(403, "not_owner");
    gate.get("/tokens?user=wilma", &fred).await.refused(403, "not_owner");
    gate.get(&others_path, &fred).await.refused(404, "not_found");
    gate.delete(&others_path, &fred).await.refused(404, "not_found");
    gate.delete("/users/wilma/tokens", &fred).await.refused(403, "not_owner");
    gate.delete("/users/nobody/tokens", &fred).await.refused(403, "not_owner");
    let list = gate.get("/tokens", &fred).await.ok(200);
    assert!(list["items"].as_array().unwrap().iter().all(|token| token["user"] == "fred"));
    gate.delete(&format!("/tokens/{}", id(&own)), &fred).await.ok(204);
    assert_eq!(gate.delete("/users/fred/tokens", &fred).await.ok(200), json!({"revoked": 1}));
}

#[tokio::test]
async fn managers_manage_the_tokens_of_everyone_but_admins() {
    let gate = Gate::start().await;
    let manager = gate.person("mary", "token_manager").await;
    gate.person("fred", "user").await;
    gate.person("other", "token_manager").await;
    let admins = gate.token(&gate.admin, json!({"description": "admin's"})).await;
    let admins_path = format!("/tokens/{}", id(&admins));
    for user in ["fred", "other", "mary"] {
        let made = gate.token(&manager, wish(user)).await;
        assert_eq!((&made["user"], &made["creator"]), (&json!(user), &json!("mary")));
        gate.get(&format!("/tokens/{}", id(&made)), &manager).await.ok(200);
        gate.delete(&format!("/tokens/{}", id(&made)), &manager).await.ok(204);
    }
    gate.post("/tokens", &manager, wish("admin")).await.refused(403, "target_is_admin");
    gate.get(&admins_path, &manager).await.refused(404, "not_found");
    gate.delete(&admins_path, &manager).await.refused(404, "not_found");
    gate.delete("/users/admin/tokens", &manager).await.refused(403, "target_is_admin");
    gate.get("/tokens?user=admin", &manager).await.refused(403, "target_is_admin");
    let list = gate.get("/tokens", &manager).await.ok(200);
    assert!(list["items"].as_array().unwrap().iter().all(|token| token["user"] != "admin"));
    assert_eq!(gate.delete("/users/fred/tokens", &manager).await.ok(200), json!({"revoked": 1}));
    for (path, body) in [("/users", json!({"name": "x", "role": "user"}))] {
        gate.post(path, &manager, body).await.refused(403, "admin_required");
    }
    for path in ["/settings", "/users", "/users/fred", "/audit", "/snapshot"] {
        gate.get(path, &manager).await.refused(403, "admin_required");
    }
    gate.patch("/settings", &manager, json!({})).await.refused(403, "admin_required");
    gate.post("/settings/preview", &manager, json!({})).await.refused(403, "admin_required");
    gate.patch("/users/mary", &manager, json!({"role": "admin"})).await.refused(403, "admin_required");
}

#[tokio::test]
async fn a_token_without_control_plane_reads_its_owners_and_does_nothing_else() {
    let gate = Gate::start().await;
    gate.person("fred", "user").await;
    let made = gate.token(&gate.admin, json!({"description": "weak"})).await;
    let (weak, path) = (secret(&made), format!("/tokens/{}", id(&made)));
    assert_eq!(gate.get("/whoami", &weak).await.ok(200)["user"], "admin");
    gate.get(&path, &weak).await.ok(200);
    let list = gate.get("/tokens", &weak).await.ok(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 2, "the admin's own, not fred's: {list}");
    let fred = gate.get("/tokens?user=fred", &gate.admin).await.ok(200);
    gate.get(&format!("/tokens/{}", id(&fred["items"][0])), &weak).await.refused(404, "not_found");

    let before = gate.state().await;
    let required = |reply: Reply| {
        reply.refused(403, "control_plane_required");
    };
    required(gate.get("/tokens?user=fred", &weak).await);
    required(gate.post("/tokens", &weak, json!({"description": "x"})).await);
    required(gate.post("/tokens", &weak, wish("fred")).await);
    required(gate.delete(&path, &weak).await);
    required(gate.delete("/users/admin/tokens", &weak).await);
    required(gate.post("/users", &weak, json!({"name": "x", "role": "user"})).await);
    required(gate.patch("/users/fred", &weak, json!({"active": false})).await);
    required(gate.patch("/settings", &weak, json!({"password_auth": true})).await);
    required(gate.post("/settings/preview", &weak, json!({"password_auth": true})).await);
    for path in ["/users", "/users/fred", "/settings", "/audit", "/snapshot"] {
        required(gate.get(path, &weak).await);
    }
    assert_eq!(gate.state().await, before);
}

#[tokio::test]
async fn only_an_admin_makes_a_token_that_may_manage() {
    let gate = Gate::start().await;
    for (name, role) in [("fred", "user"), ("mary", "token_manager")] {
        let token = gate.person(name, role).await;
        let wish = json!({"description": "x", "control_plane": true});
        gate.post("/tokens", &token, wish).await.refused(403, "control_plane_not_allowed");
    }
}

#[tokio::test]
async fn what_a_token_makes_for_its_owner_is_no_wider_than_itself() {
    let gate = Gate::start().await;
    gate.settings(json!({"scopes": {"read_only": [{"methods": ["GET"]}], "ci": [{"methods": ["POST"]}]}}))
        .await;
    let narrow = json!({"description": "narrow", "control_plane": true, "scope": "ci",
                        "allowed_ips": ["127.0.0.0/8", "10.0.0.0/8"]});
    let narrow = secret(&gate.token(&gate.admin, narrow).await);
    let made = gate.token(&narrow, json!({"description": "inherits"})).await;
    assert_eq!(made["scope"], "ci");
    assert_eq!(made["allowed_ips"], json!(["10.0.0.0/8", "127.0.0.0/8"]));
    let made =
        gate.token(&narrow, json!({"description": "narrower", "allowed_ips": ["10.1.0.0-10.1.0.7"]})).await;
    assert_eq!(made["allowed_ips"], json!(["10.1.0.0/29"]));
    for (field, value, code) in [
        ("scope", json!("read_only"), "scope_wider"),
        ("allowed_ips", json!([]), "ips_wider"),
        ("allowed_ips", json!(["10.0.0.0/7"]), "ips_wider"),
        ("allowed_ips", json!(["10.0.0.1", "192.0.2.1"]), "ips_wider"),
    ] {
        let wish = json!({"description": "wider", field: value});
        gate.post("/tokens", &narrow, wish).await.refused(403, code);
    }
    gate.person("fred", "user").await;
    let made = gate.token(&narrow, wish("fred")).await;
    assert_eq!(
        (&made["scope"], &made["allowed_ips"]),
        (&json!(null), &json!([])),
        "others are not bound by it"
    );
    let managing = json!({"description": "detour", "user": "fred", "control_plane": true});
    let made = gate.token(&narrow, managing).await;
    assert_eq!(
        (&made["scope"], &made["allowed_ips"]),
        (&json!("ci"), &json!(["10.0.0.0/8", "127.0.0.0/8"])),
        "but for a token that may manage: it could make a wide one for the first owner"
    );
}

#[tokio::test]
async fn the_tokens_own_checks_hold_here_too() {
    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    let bound = json!({"description": "x", "user": "fred", "allowed_ips": ["10.0.0.1"]});
    let bound = secret(&gate.token(&gate.admin, bound).await);
    gate.get("/whoami", &bound).await.refused(401, "ip_not_allowed");
    let mapped = json!({"description": "x", "user": "fred", "allowed_ips": ["::ffff:127.0.0.1"]});
    let mapped = secret(&gate.token(&gate.admin, mapped).await);
    gate.get("/whoami", &mapped).await.ok(200);

    gate.patch("/users/fred", &gate.admin, json!({"active": false})).await.ok(200);
    gate.get("/whoami", &fred).await.refused(401, "user_inactive");
    gate.patch("/users/fred", &gate.admin, json!({"active": true})).await.ok(200);
    gate.settings(json!({"only_admins_create_tokens": true, "users_may_use_tokens": false})).await;
    gate.get("/whoami", &fred).await.refused(401, "use_not_allowed");
    gate.settings(json!({"users_may_use_tokens": true})).await;
    gate.post("/tokens", &fred, json!({"description": "x"})).await.refused(403, "creation_not_allowed");
    gate.settings(json!({"allowed_ips": ["10.0.0.0/8"]})).await;
    gate.get("/whoami", &fred).await.ok(200);
    gate.pass(DAY);
    gate.get("/whoami", &gate.admin).await.refused(401, "token_expired");
}

#[tokio::test]
async fn credentials_are_bearer_or_basic_with_the_owners_name() {
    let gate = Gate::start().await;
    let basic = async |user: &str, secret: &str| {
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")));
        let request = Request::builder().uri("/api/v1/whoami").header("host", "localhost");
        gate.send(request.header("authorization", value).body(Body::empty()).unwrap()).await
    };
    basic("admin", &gate.admin).await.ok(200);
    for (user, token) in [("Admin", gate.admin.as_str()), ("", gate.admin.as_str()), ("admin", "password")] {
        basic(user, token).await.refused(401, "credentials_unknown");
    }
    let unknown = "gp_0123456789ABCDEFGHIJKLMNOPQRSTUV0kO87M";
    let other = basic("fred", &gate.admin).await;
    assert_eq!(other.json(), basic("admin", unknown).await.json(), "who reads only the reply cannot tell");
    gate.get("/whoami", unknown).await.refused(401, "credentials_unknown");
    gate.get("/whoami", "").await.refused(401, "credentials_missing");
    gate.get("/whoami", "a b").await.refused(401, "authorization_malformed");
    let refused = gate.call(Method::POST, "/api/v1/tokens", "", Some(json!({"description": 5}))).await;
    assert_eq!(
        refused.refused(401, "credentials_missing").header("www-authenticate"),
        "Bearer realm=\"gatepass\""
    );
    assert_eq!(refused.headers.get_all("www-authenticate").iter().count(), 1);
}

#[tokio::test]
async fn authority_is_looked_at_again_in_the_changes_own_transaction() {
    use gatepass_control_plane::callers::authenticate;
    use gatepass_control_plane::error::{Error, Unauthenticated};
    use gatepass_control_plane::tokens::{self, NewToken};

    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    let here = Some(std::net::IpAddr::from([127, 0, 0, 1]));
    let caller = authenticate(&gate.context, fred.as_bytes(), None, here).await.unwrap();
    gate.delete("/users/fred/tokens", &gate.admin).await.ok(200);
    let wish = NewToken { description: "too late".to_owned(), ..NewToken::default() };
    let refused = tokens::create(&gate.context, &caller, wish).await.map(drop);
    assert!(matches!(refused, Err(Error::Unauthenticated(Unauthenticated::Unknown))), "{refused:?}");
}

#[tokio::test]
async fn a_bound_holds_when_many_ask_at_once() {
    let gate = Gate::start().await;
    gate.settings(json!({"max_tokens_per_user": 5})).await;
    let wish = json!({"description": "x"});
    let ask = || gate.post("/tokens", &gate.admin, wish.clone());
    let (a, b, c, d, e, f, g, h) = tokio::join!(ask(), ask(), ask(), ask(), ask(), ask(), ask(), ask());
    let made = [a, b, c, d, e, f, g, h].iter().filter(|reply| reply.status.as_u16() == 201).count();
    assert_eq!(made, 4, "and the first start's own");
    assert_eq!(gate.delivered()["tokens"].as_array().unwrap().len(), 5);
}
