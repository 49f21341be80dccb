//! People: groups, lists, passwords.

use gatepass_control_plane::password;
use serde_json::{Value, json};

use crate::support::{Gate, secret};

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap()).collect()
}

async fn hash_of(gate: &Gate, name: &str) -> Option<String> {
    let mut tx = gate.context.store.read().await.unwrap();
    let user = tx.user(name).await.unwrap().unwrap();
    tx.password_hash(user.id).await.unwrap()
}

#[tokio::test]
async fn people_are_in_groups() {
    let gate = Gate::start().await;
    let new = json!({"name": "fred", "role": "user", "groups": ["ops", "dev", "ops"]});
    assert_eq!(gate.post("/users", &gate.admin, new).await.ok(201)["groups"], json!(["dev", "ops"]));
    let before = gate.version().await;
    let changed = gate.patch("/users/fred", &gate.admin, json!({"groups": ["team blue"]})).await;
    assert_eq!(changed.ok(200)["groups"], json!(["team blue"]));
    assert_eq!(gate.version().await, before, "the filter sees no groups");
    let audit = gate.get("/audit?target=user:fred&limit=1", &gate.admin).await.ok(200);
    assert_eq!(audit["items"][0]["before"]["groups"], json!(["dev", "ops"]));
    assert_eq!(audit["items"][0]["after"]["groups"], json!(["team blue"]));
    let many: Vec<_> = (0..65).map(|number| number.to_string()).collect();
    for bad in [json!(null), json!("a"), json!({}), json!([5])] {
        let reply = gate.patch("/users/fred", &gate.admin, json!({"groups": bad})).await;
        assert_eq!(reply.status, 400, "{reply:?}");
        assert!(reply.json()["field"].as_str().unwrap().starts_with("groups"), "{reply:?}");
    }
    for bad in [json!([""]), json!(["a;b"]), json!([" a"]), json!([gate.admin]), json!(many)] {
        gate.patch("/users/fred", &gate.admin, json!({"groups": bad})).await.wrong("groups");
        let new = json!({"name": "other", "role": "user", "groups": bad});
        gate.post("/users", &gate.admin, new).await.wrong("groups");
    }
}

#[tokio::test]
async fn a_list_is_searched_and_filtered_page_by_page() {
    let gate = Gate::start().await;
    for (name, role, more) in [
        ("anna", "user", json!({"groups": ["ops"], "display_name": "Anna Ärmel"})),
        ("bert", "token_manager", json!({"groups": ["ops", "dev"], "email": "B.Rogers@example.com"})),
        ("Jörg", "user", json!({})),
    ] {
        let mut new = json!({"name": name, "role": role});
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        gate.post("/users", &gate.admin, new).await.ok(201);
    }
    gate.patch("/users/anna", &gate.admin, json!({"active": false})).await.ok(200);
    for (query, found) in [
        ("", vec!["admin", "anna", "bert", "Jörg"]),
        ("?search=J%C3%96R", vec!["Jörg"]),
        ("?search=%C3%A4rm", vec!["anna"]),
        ("?search=rogers@", vec!["bert"]),
        ("?search=a", vec!["admin", "anna", "bert"]),
        ("?search=%25", vec![]),
        ("?group=ops", vec!["anna", "bert"]),
        ("?group=OPS", vec![]),
        ("?role=user", vec!["anna", "Jörg"]),
        ("?active=false", vec!["anna"]),
        ("?active=true&group=ops", vec!["bert"]),
    ] {
        let page = gate.get(&format!("/users{query}"), &gate.admin).await.ok(200);
        assert_eq!(names(&page), found, "{query}");
    }
    let page = gate.get("/users?search=a&limit=2", &gate.admin).await.ok(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = gate.get(&format!("/users?search=a&limit=2&cursor={cursor}"), &gate.admin).await.ok(200);
    assert_eq!((names(&page), names(&rest)), (vec!["admin", "anna"], vec!["bert"]));
    for (query, field) in [
        ("role=root", "role"),
        ("active=1", "active"),
        ("search=", "search"),
        ("search=%00", "search"),
        ("group=", "group"),
        ("colour=red", "colour"),
    ] {
        gate.get(&format!("/users?{query}"), &gate.admin).await.wrong(field);
    }
}

#[tokio::test]
async fn an_admin_gives_a_password_and_its_owner_changes_it() {
    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    let mary = gate.person("mary", "token_manager").await;
    let new = |password: &str| json!({"password": password});
    let change = |old: &str, password: &str| json!({"password": password, "old_password": old});
    let path = "/users/fred/password";
    assert_eq!(hash_of(&gate, "fred").await, None);
    gate.put(path, &fred, new("correct horse")).await.wrong("old_password");
    gate.put(path, &fred, change("", "correct horse")).await.wrong("old_password");
    gate.put(path, &mary, new("correct horse")).await.refused(403, "admin_required");
    gate.put("/users/mary/password", &fred, new("correct horse")).await.refused(403, "admin_required");
    gate.put("/users/nobody/password", &fred, new("correct horse")).await.refused(403, "admin_required");
    gate.put("/users/nobody/password", &gate.admin, new("correct horse")).await.refused(404, "not_found");
    for bad in ["too short", "eleven char", "with a line\nbreak"] {
        gate.put(path, &gate.admin, new(bad)).await.wrong("password");
    }

    let before = gate.version().await;
    gate.put(path, &gate.admin, new("correct horse")).await.ok(204);
    assert!(password::verify(&hash_of(&gate, "fred").await.unwrap(), "correct horse"));
    assert_eq!(gate.get("/users/fred", &gate.admin).await.ok(200)["has_password"], true);
    gate.put(path, &fred, change("wrong horse!", "battery staple")).await.wrong("old_password");
    gate.put(path, &fred, change("correct horse", "battery staple")).await.ok(204);
    assert!(password::verify(&hash_of(&gate, "fred").await.unwrap(), "battery staple"));
    assert_eq!(gate.version().await, before, "the filter sees no passwords");

    let audit = gate.get("/audit?target=user:fred&action=user.updated", &gate.admin).await.ok(200);
    let changes: Vec<_> = audit["items"].as_array().unwrap().iter().map(|entry| &entry["before"]).collect();
    assert_eq!(changes, [&json!({"password": "old"}), &json!({"password": null})]);
    for secret in ["correct", "battery", "argon2"] {
        assert!(!audit.to_string().contains(secret), "{audit}");
    }
}

#[tokio::test]
async fn an_admins_own_password_takes_the_old_one_and_removes_the_files_of_the_first_start() {
    let gate = Gate::start().await;
    let initial = std::fs::read_to_string(gate.context.folder.initial_password()).unwrap();
    let path = "/users/admin/password";
    gate.put(path, &gate.admin, json!({"password": "correct horse"})).await.wrong("old_password");
    assert!(gate.context.folder.initial_token().exists());
    let change = json!({"password": "correct horse", "old_password": initial.trim()});
    gate.put(path, &gate.admin, change).await.ok(204);
    assert!(
        !gate.context.folder.initial_token().exists() && !gate.context.folder.initial_password().exists()
    );
}

#[tokio::test]
async fn a_token_that_may_not_manage_changes_no_password() {
    let gate = Gate::start().await;
    let weak = secret(&gate.token(&gate.admin, json!({"description": "weak"})).await);
    for path in ["/users/admin/password", "/users/nobody/password"] {
        let change = json!({"password": "correct horse", "old_password": "x"});
        gate.put(path, &weak, change).await.refused(403, "control_plane_required");
    }
    gate.post("/users/import", &weak, json!({"users": []})).await.refused(403, "control_plane_required");
}

#[tokio::test]
async fn tokens_of_somebody_deactivated_stop_at_once_and_come_back() {
    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    let made = gate.token(&fred, json!({"description": "x"})).await;
    let refusal = || gate.delivered_token(made["id"].as_str().unwrap()).unwrap()["refuse"].clone();
    let reply = gate.patch("/users/fred", &gate.admin, json!({"active": false})).await;
    assert_eq!(refusal(), "user_inactive", "before the answer");
    assert_eq!(reply.header("gatepass-revision"), gate.delivered()["revision"]);
    gate.get("/whoami", &fred).await.refused(401, "user_inactive");
    gate.patch("/users/fred", &gate.admin, json!({"active": true})).await.ok(200);
    assert_eq!(refusal(), Value::Null);
    gate.get("/whoami", &fred).await.ok(200);
}
