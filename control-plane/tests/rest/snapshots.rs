//! Each snapshot follows the one before it by what has changed: whatever that was, it is the one that a look at the whole
//! database gives.

use serde_json::{Value, json};

use crate::support::{Gate, id, secret};

/// What is delivered; the tokens in the order in which REST shows them.
async fn delivered(gate: &Gate) -> Value {
    gate.caught_up().await;
    let mut delivered = gate.delivered();
    let tokens = delivered["tokens"].as_array_mut().unwrap();
    tokens.sort_by_key(|token| token["id"].as_str().unwrap().to_owned());
    delivered
}

/// After `what`: how many tokens are delivered, and that they are the database's.
#[track_caller]
fn agree(what: &str, delivered: &Value, database: &Value) -> usize {
    assert_eq!(delivered, database, "after {what}");
    delivered["tokens"].as_array().unwrap().len()
}

async fn tokens(gate: &Gate, what: &str) -> usize {
    let (delivered, database) = (delivered(gate).await, gate.get("/snapshot", &gate.admin).await.ok(200));
    agree(what, &delivered, &database)
}

fn path(token: &Value) -> String {
    format!("/tokens/{}", id(token))
}

#[tokio::test]
async fn it_is_what_the_database_says_after_every_kind_of_change() {
    let mut gate = Gate::start().await;
    gate.settings(json!({"max_validity": "never"})).await;
    let lasting = json!({"description": "x", "valid_for": "never", "control_plane": true});
    gate.admin = secret(&gate.token(&gate.admin, lasting).await);
    let admin = gate.admin.clone();
    let read_only = json!([{"methods": ["GET"]}]);
    gate.settings(json!({"scopes": {"read_only": read_only, "ci": read_only}})).await;
    for name in ["amy", "bob"] {
        gate.person(name, "user").await;
    }
    let first = tokens(&gate, "the first tokens").await;
    let make = async |user: &str, more: Value| {
        let mut wish = json!({"description": "x", "user": user, "valid_for": "P1Y"});
        wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        gate.token(&admin, wish).await
    };
    let (plain, scoped) = (make("amy", json!({})).await, make("amy", json!({"scope": "ci"})).await);
    let listed = make("bob", json!({"allowed_ips": ["10.0.0.0/8"], "valid_for": "P6M"})).await;
    assert_eq!(tokens(&gate, "creations").await, first + 3);

    gate.patch(&path(&plain), &admin, json!({"enabled": false})).await.ok(200);
    tokens(&gate, "disabling").await;
    gate.patch(&path(&plain), &admin, json!({"enabled": true})).await.ok(200);
    tokens(&gate, "enabling").await;
    gate.patch(&path(&listed), &admin, json!({"allowed_ips": ["10.1.0.0/16"]})).await.ok(200);
    tokens(&gate, "narrowing").await;
    let kept = gate.post(&format!("{}/rotate", path(&plain)), &admin, json!({"grace": "PT1H"})).await.ok(201);
    assert_eq!(tokens(&gate, "a rotation with grace").await, first + 4);
    gate.post(&format!("{}/rotate", path(&listed)), &admin, json!({})).await.ok(201);
    assert_eq!(tokens(&gate, "a rotation at once").await, first + 4);
    gate.delete(&path(&kept), &admin).await;
    assert_eq!(tokens(&gate, "a revocation of both ends of a chain").await, first + 2);

    for patch in [json!({"active": false}), json!({"active": true}), json!({"role": "token_manager"})] {
        gate.patch("/users/bob", &admin, patch.clone()).await.ok(200);
        tokens(&gate, &patch.to_string()).await;
    }
    let strict = json!({"only_admins_create_tokens": true, "users_may_use_tokens": false});
    gate.settings(strict).await;
    tokens(&gate, "settings that tokens depend on").await;
    gate.patch("/users/bob", &admin, json!({"role": "admin"})).await.ok(200);
    tokens(&gate, "a role that settings admit").await;
    gate.settings(json!({"users_may_use_tokens": true, "only_admins_create_tokens": false})).await;
    gate.settings(json!({"allowed_ips": ["10.0.0.0/8"], "password_auth": true})).await;
    tokens(&gate, "settings that tokens do not depend on").await;
    gate.settings(json!({"scopes": {"ci": [{"methods": ["POST"]}], "more": read_only}})).await;
    tokens(&gate, "scopes").await;

    // The scoped token of a year has ended, and goes with its scope.
    gate.pass(370 * 24 * 60 * 60);
    gate.person("late", "user").await;
    let before = tokens(&gate, "an expiry").await;
    gate.patch("/settings", &admin, json!({"scopes": {"ci": null}})).await.ok(200);
    assert!(tokens(&gate, "a scope that an expired token had").await < before, "{scoped}");
    // What ended more than thirty days ago leaves with the next change.
    gate.pass(31 * 24 * 60 * 60);
    gate.person("later", "user").await;
    let left = tokens(&gate, "thirty days").await;
    assert!(left < before, "{left} of {before}");
    gate.delete("/users/bob/tokens", &gate.admin).await.ok(200);
    tokens(&gate, "a revocation of all of a user's").await;
}
