use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::support::{DAY, Gate, START, id, secret};

fn path(token: &Value) -> String {
    format!("/tokens/{}", id(token))
}

async fn rotate(gate: &Gate, token: &Value, by: &str, body: Value) -> crate::support::Reply {
    gate.post(&format!("{}/rotate", path(token)), by, body).await
}

#[tokio::test]
async fn a_successor_keeps_all_but_id_and_secret() {
    let gate = Gate::start().await;
    gate.person("fred", "user").await;
    let wish = json!({"description": "nightly", "user": "fred", "valid_for": "P6M", "scope": "read_only",
                      "allowed_ips": ["10.0.0.0/8"]});
    let old = gate.token(&gate.admin, wish).await;
    gate.pass(60);
    let reply = rotate(&gate, &old, &gate.admin, json!({})).await;
    assert_eq!(reply.header("location"), format!("/api/v1{}", path(&reply.json())));
    assert_eq!(reply.header("gatepass-revision"), gate.version().await.revision.to_string());
    let new = reply.ok(201);
    for same in ["user", "description", "expires_at", "scope", "allowed_ips", "control_plane"] {
        assert_eq!(new[same], old[same], "{same}");
    }
    assert!(id(&new) != id(&old) && secret(&new) != secret(&old) && new["created_at"] != old["created_at"]);
    assert_eq!((&new["predecessor"], &new["state"]), (&json!(id(&old)), &json!("active")));

    assert!(gate.delivered_token(&id(&old)).is_none(), "without a grace it ends at once");
    assert_eq!(gate.delivered_token(&id(&new)).unwrap()["expires_at"], gate_expiry(&new));
    let shown = gate.get(&path(&old), &gate.admin).await.ok(200);
    assert_eq!((&shown["state"], &shown["successor"]), (&json!("revoked"), &json!(id(&new))));
    assert_eq!(gate.get(&path(&new), &gate.admin).await.ok(200)["token"], json!(null), "shown once");

    let audit = gate.get("/audit?limit=2", &gate.admin).await.ok(200);
    let (rotated, created) = (&audit["items"][0], &audit["items"][1]);
    assert_eq!((&rotated["action"], &created["action"]), (&json!("token.rotated"), &json!("token.created")));
    assert_eq!(rotated["target"], format!("token:{} user:fred", id(&old)));
    assert_eq!(
        (&rotated["before"]["state"], &rotated["after"]["state"]),
        (&json!("active"), &json!("revoked"))
    );
    assert_eq!(rotated["after"]["successor"], id(&new));
    assert_eq!(created["after"]["predecessor"], id(&old));
    assert!(!audit.to_string().contains(&secret(&new)));
}

fn gate_expiry(token: &Value) -> i64 {
    token["expires_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second()
}

#[tokio::test]
async fn a_grace_is_an_earlier_end_that_the_filter_enforces() {
    let gate = Gate::start().await;
    gate.settings(json!({"custom_validity": true, "max_validity": "never"})).await;
    for (valid_for, grace, seconds) in [
        ("never", "PT1H", 3600),
        ("P30D", "PT1H", 3600),
        ("P30D", "P7D", 7 * DAY),
        ("P1D", "P7D", DAY),
        ("P1D", "PT0S", 0),
    ] {
        let old = gate.token(&gate.admin, json!({"description": "x", "valid_for": valid_for})).await;
        let new = rotate(&gate, &old, &gate.admin, json!({"grace": grace})).await.ok(201);
        assert_eq!(new["expires_at"], old["expires_at"], "{valid_for} {grace}");
        let delivered = gate.delivered_token(&id(&old));
        let end = delivered.map(|token| token["expires_at"].as_i64().unwrap() - START);
        assert_eq!(end, Some(seconds).filter(|seconds| *seconds > 0), "{valid_for} {grace}");
    }
    let old = gate.token(&gate.admin, json!({"description": "x", "control_plane": true})).await;
    let new = rotate(&gate, &old, &gate.admin, json!({"grace": "PT1H"})).await.ok(201);
    gate.pass(3599);
    gate.get("/whoami", &secret(&old)).await.ok(200);
    gate.get("/whoami", &secret(&new)).await.ok(200);
    gate.pass(1);
    gate.get("/whoami", &secret(&old)).await.refused(401, "token_expired");
    gate.get("/whoami", &secret(&new)).await.ok(200);
    for bad in ["P8D", "PT168H1S", "P1M", "-PT1H", "1h", "PT0.5H", ""] {
        rotate(&gate, &new, &gate.admin, json!({"grace": bad})).await.wrong("grace");
    }
    rotate(&gate, &new, &gate.admin, json!({"grace": null})).await.wrong("grace");
    rotate(&gate, &new, &gate.admin, json!({"graze": "PT1H"})).await.wrong("graze");
}

#[tokio::test]
async fn revoking_one_of_a_chain_ends_it_all() {
    let gate = Gate::start().await;
    for revoked in 0..3 {
        let mut chain = vec![gate.token(&gate.admin, json!({"description": "x"})).await];
        for grace in ["PT1H", "PT1H"] {
            let last = chain.last().unwrap();
            chain.push(rotate(&gate, last, &gate.admin, json!({"grace": grace})).await.ok(201));
        }
        let other = gate.token(&gate.admin, json!({"description": "no part of it"})).await;
        gate.delete(&path(&chain[revoked]), &gate.admin).await.ok(204);
        for token in &chain {
            assert!(gate.delivered_token(&id(token)).is_none());
            assert_eq!(gate.get(&path(token), &gate.admin).await.ok(200)["state"], "revoked");
        }
        assert!(gate.delivered_token(&id(&other)).is_some());
        let audit = gate.get("/audit?limit=3", &gate.admin).await.ok(200);
        let entries = audit["items"].as_array().unwrap();
        assert!(entries.iter().all(|entry| entry["action"] == "token.revoked"), "one entry each: {audit}");
        let before = gate.state().await;
        gate.delete(&path(&chain[0]), &gate.admin).await.ok(204);
        assert_eq!(gate.state().await, before, "revoking again changes nothing");
    }
    let old = gate.token(&gate.admin, json!({"description": "x"})).await;
    let new = rotate(&gate, &old, &gate.admin, json!({})).await.ok(201);
    gate.delete(&path(&old), &gate.admin).await.ok(204);
    assert!(gate.delivered_token(&id(&new)).is_none(), "also by the name of one that has ended");
}

#[tokio::test]
async fn only_the_last_of_a_chain_that_works_is_rotated() {
    let gate = Gate::start().await;
    let old = gate.token(&gate.admin, json!({"description": "x"})).await;
    let new = rotate(&gate, &old, &gate.admin, json!({"grace": "PT1H"})).await.ok(201);
    let reply = rotate(&gate, &old, &gate.admin, json!({})).await;
    assert!(reply.refused(409, "token_rotated").text.contains(&id(&new)), "{reply:?}");
    gate.patch(&path(&new), &gate.admin, json!({"enabled": false})).await.ok(200);
    rotate(&gate, &new, &gate.admin, json!({})).await.refused(409, "target_disabled");
    gate.post("/tokens/01NOSUCH/rotate", &gate.admin, json!({})).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_rotation_is_a_creation_to_the_settings() {
    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    gate.settings(json!({"max_validity": "never"})).await;
    let own = gate.token(&fred, json!({"description": "x"})).await;
    let never = gate.token(&gate.admin, json!({"description": "x", "valid_for": "never"})).await;
    gate.settings(json!({"max_validity": "P6M", "only_admins_create_tokens": true})).await;
    let before = gate.state().await;
    rotate(&gate, &own, &fred, json!({})).await.refused(403, "creation_not_allowed");
    let reply = rotate(&gate, &never, &gate.admin, json!({})).await;
    assert!(reply.wrong("expires_at").text.contains("P6M"), "{reply:?}");
    assert_eq!(gate.state().await, before);
    gate.patch(&path(&never), &gate.admin, json!({"expires_at": "2027-05-22T09:00:00Z"})).await.ok(200);
    let new = rotate(&gate, &never, &gate.admin, json!({})).await.ok(201);
    assert_eq!(new["expires_at"], "2027-05-22T09:00:00Z");
}

#[tokio::test]
async fn during_a_grace_both_count() {
    let gate = Gate::start().await;
    gate.settings(json!({"max_tokens_per_user": 2})).await;
    let old = gate.token(&gate.admin, json!({"description": "x"})).await;
    rotate(&gate, &old, &gate.admin, json!({"grace": "PT1H"})).await.refused(409, "too_many_tokens");
    let new = rotate(&gate, &old, &gate.admin, json!({})).await.ok(201);
    gate.settings(json!({"max_tokens_per_user": 3})).await;
    rotate(&gate, &new, &gate.admin, json!({"grace": "PT1H"})).await.ok(201);
    gate.post("/tokens", &gate.admin, json!({"description": "x"})).await.refused(409, "too_many_tokens");
    gate.pass(3600);
    gate.post("/tokens", &gate.admin, json!({"description": "x"})).await.ok(201);
}

#[tokio::test]
async fn who_may_rotate_which_tokens() {
    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    let wilma = gate.person("wilma", "user").await;
    let mary = gate.person("mary", "token_manager").await;
    let weak = secret(&gate.token(&fred, json!({"description": "weak"})).await);
    let weak_managers = secret(&gate.token(&mary, json!({"description": "weak"})).await);
    let weak_admins = secret(&gate.token(&gate.admin, json!({"description": "weak"})).await);
    let freds = gate.token(&fred, json!({"description": "x"})).await;
    let admins = gate.token(&gate.admin, json!({"description": "x"})).await;
    let managing = json!({"user": "fred", "description": "x", "control_plane": true});
    let managing = gate.token(&gate.admin, managing).await;
    let before = gate.state().await;
    rotate(&gate, &freds, &wilma, json!({})).await.refused(404, "not_found");
    for weak in [&weak, &weak_managers, &weak_admins] {
        rotate(&gate, &freds, weak, json!({})).await.refused(403, "control_plane_required");
    }
    rotate(&gate, &freds, "", json!({})).await.refused(401, "credentials_missing");
    rotate(&gate, &admins, &mary, json!({})).await.refused(404, "not_found");
    for by in [&fred, &mary, &secret(&managing)] {
        rotate(&gate, &managing, by, json!({})).await.refused(403, "control_plane_not_allowed");
    }
    assert_eq!(gate.state().await, before);
    let second = rotate(&gate, &freds, &fred, json!({})).await.ok(201);
    assert_eq!((&second["user"], &second["creator"]), (&json!("fred"), &json!("fred")));
    let third = rotate(&gate, &second, &mary, json!({})).await.ok(201);
    assert_eq!((&third["user"], &third["creator"]), (&json!("fred"), &json!("mary")));
    rotate(&gate, &third, &gate.admin, json!({})).await.ok(201);
    rotate(&gate, &managing, &gate.admin, json!({})).await.ok(201);
}

/// Otherwise a narrow token would get a wide secret of its own owner's.
#[tokio::test]
async fn a_token_rotates_none_of_its_owners_that_is_wider_than_itself() {
    let gate = Gate::start().await;
    let narrow = json!({"description": "narrow", "control_plane": true, "scope": "read_only",
                        "allowed_ips": ["127.0.0.0/8"]});
    let narrow_token = gate.token(&gate.admin, narrow).await;
    let narrow = secret(&narrow_token);
    let wide = gate.token(&gate.admin, json!({"description": "wide"})).await;
    let elsewhere = json!({"description": "elsewhere", "scope": "read_only", "allowed_ips": ["10.0.0.1"]});
    let elsewhere = gate.token(&gate.admin, elsewhere).await;
    rotate(&gate, &wide, &narrow, json!({})).await.refused(403, "scope_wider");
    rotate(&gate, &elsewhere, &narrow, json!({})).await.refused(403, "ips_wider");
    gate.person("fred", "user").await;
    let others = gate.token(&gate.admin, json!({"user": "fred", "description": "wide"})).await;
    rotate(&gate, &others, &narrow, json!({})).await.ok(201);
    let itself = rotate(&gate, &narrow_token, &narrow, json!({})).await.ok(201);
    gate.get("/whoami", &narrow).await.refused(401, "credentials_unknown");
    gate.get("/whoami", &secret(&itself)).await.ok(200);
}

#[tokio::test]
async fn a_rotation_needs_no_body() {
    let gate = Gate::start().await;
    let old = gate.token(&gate.admin, json!({"description": "x"})).await;
    let bare = async |body: Body| {
        let request = Request::builder().method(Method::POST).uri(format!("/api/v1{}/rotate", path(&old)));
        let request =
            request.header("host", "localhost").header("authorization", format!("Bearer {}", gate.admin));
        gate.send(request.body(body).unwrap()).await
    };
    bare(Body::from("{}")).await.refused(415, "unsupported_media_type");
    bare(Body::empty()).await.ok(201);
}

#[tokio::test]
async fn with_an_idempotency_key_a_token_is_rotated_once_and_its_secret_shown_once() {
    let gate = Gate::start().await;
    let old = gate.token(&gate.admin, json!({"description": "x"})).await;
    let ask = async || {
        let request = Request::builder().method(Method::POST).uri(format!("/api/v1{}/rotate", path(&old)));
        let request = request.header("host", "localhost").header("idempotency-key", "\"once\"");
        let request = request.header("authorization", format!("Bearer {}", gate.admin));
        gate.send(request.body(Body::empty()).unwrap()).await
    };
    let new = ask().await.ok(201);
    let before = gate.state().await;
    let again = ask().await.ok(201);
    assert_eq!((&again["id"], &again["token"]), (&new["id"], &json!(null)));
    assert_eq!(gate.state().await, before);
}
