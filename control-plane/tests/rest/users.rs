use serde_json::json;

use crate::support::{Gate, secret};

#[tokio::test]
async fn users_are_added_shown_and_listed() {
    let gate = Gate::start().await;
    let new = json!({"name": "fred", "role": "user", "display_name": "Fred F.", "email": "fred@example.com"});
    let shown = json!({"name": "fred", "role": "user", "active": true, "display_name": "Fred F.",
                       "email": "fred@example.com", "groups": [],
                       "has_password": false, "last_sign_in_at": null, "failed_sign_ins": 0, "created_at": "2026-11-22T09:00:00Z",
                       "suspended_at": null, "exempt_from_suspension": false});
    assert_eq!(gate.post("/users", &gate.admin, new).await.ok(201), shown);
    assert_eq!(gate.get("/users/fred", &gate.admin).await.ok(200), shown);
    gate.post("/users", &gate.admin, json!({"name": "Ärzte & co", "role": "user"})).await.ok(201);
    gate.get("/users/%C3%84rzte%20&%20co", &gate.admin).await.ok(200);
    gate.get("/users/FRED", &gate.admin).await.refused(404, "not_found");

    let page = gate.get("/users?limit=2", &gate.admin).await.ok(200);
    assert_eq!((&page["items"][0]["name"], &page["items"][1]["name"]), (&json!("admin"), &json!("fred")));
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = gate.get(&format!("/users?cursor={cursor}"), &gate.admin).await.ok(200);
    assert_eq!((&rest["items"][0]["name"], &rest["next_cursor"]), (&json!("Ärzte & co"), &json!(null)));
}

#[tokio::test]
async fn names_are_unique_under_case_folding_and_never_used_again() {
    let gate = Gate::start().await;
    gate.person("Jörg", "user").await;
    gate.patch("/users/J%C3%B6rg", &gate.admin, json!({"active": false})).await.ok(200);
    for same in ["Jörg", "JÖRG", "jo\u{308}rg"] {
        let reply = gate.post("/users", &gate.admin, json!({"name": same, "role": "user"})).await;
        reply.refused(409, "user_exists");
    }
    for bad in ["", " a", "a:b", "a\u{7f}", "data-folder", gate.admin.as_str()] {
        gate.post("/users", &gate.admin, json!({"name": bad, "role": "user"})).await.wrong("name");
    }
    gate.post("/users", &gate.admin, json!({"name": "x", "role": "root"})).await.wrong("role");
    gate.post("/users", &gate.admin, json!({"name": "x"})).await.wrong("role");
    gate.post("/users", &gate.admin, json!({"name": "x", "role": "user", "email": ""})).await.wrong("email");
}

#[tokio::test]
async fn a_deactivated_users_tokens_stop_and_come_back() {
    let gate = Gate::start().await;
    gate.person("fred", "user").await;
    let made = gate.token(&gate.admin, json!({"description": "x", "user": "fred"})).await;
    let refusal = || gate.delivered_token(made["id"].as_str().unwrap()).unwrap()["refuse"].clone();
    assert_eq!(refusal(), json!(null));
    gate.patch("/users/fred", &gate.admin, json!({"active": false})).await.ok(200);
    assert_eq!(refusal(), "user_inactive");
    gate.get("/whoami", &secret(&made)).await.refused(401, "user_inactive");
    gate.patch("/users/fred", &gate.admin, json!({"active": true})).await.ok(200);
    assert_eq!(refusal(), json!(null));
    gate.get("/whoami", &secret(&made)).await.ok(200);
}

#[tokio::test]
async fn the_last_active_admin_stays_one() {
    let gate = Gate::start().await;
    for patch in [json!({"role": "user"}), json!({"active": false}), json!({"role": "token_manager"})] {
        let before = gate.state().await;
        gate.patch("/users/admin", &gate.admin, patch).await.refused(409, "last_admin");
        assert_eq!(gate.state().await, before);
    }
    gate.person("anna", "admin").await;
    gate.patch("/users/anna", &gate.admin, json!({"active": false})).await.ok(200);
    gate.patch("/users/admin", &gate.admin, json!({"role": "user"})).await.refused(409, "last_admin");
    gate.patch("/users/anna", &gate.admin, json!({"active": true})).await.ok(200);
    gate.patch("/users/admin", &gate.admin, json!({"role": "user"})).await.ok(200);
    gate.get("/users", &gate.admin).await.refused(403, "admin_required");
}

#[tokio::test]
async fn a_patch_changes_what_it_gives_and_nothing_else() {
    let gate = Gate::start().await;
    let new = json!({"name": "fred", "role": "user", "display_name": "Fred", "email": "a@example.com"});
    gate.post("/users", &gate.admin, new).await.ok(201);
    let before = gate.version().await;
    let shown = gate.patch("/users/fred", &gate.admin, json!({"email": null})).await.ok(200);
    assert_eq!((&shown["display_name"], &shown["email"]), (&json!("Fred"), &json!(null)));
    assert_eq!(gate.version().await, before, "the filter does not see it");
    let audit = gate.get("/audit?limit=1", &gate.admin).await.ok(200);
    let entry = &audit["items"][0];
    assert_eq!((&entry["action"], &entry["target"]), (&json!("user.updated"), &json!("user:fred")));
    assert_eq!(
        (&entry["before"]["email"], &entry["after"]["email"]),
        (&json!("a@example.com"), &json!(null))
    );

    let state = gate.state().await;
    gate.patch("/users/fred", &gate.admin, json!({"role": "user"})).await.ok(200);
    assert_eq!(gate.state().await, state, "what changes nothing leaves no trace");
    gate.patch("/users/fred", &gate.admin, json!({"role": null})).await.wrong("role");
    gate.patch("/users/fred", &gate.admin, json!({"name": "x"})).await.wrong("name");
    gate.patch("/users/nobody", &gate.admin, json!({})).await.refused(404, "not_found");
}
