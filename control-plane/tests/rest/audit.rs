use gatepass_control_plane::audit::{check_end, verify};
use gatepass_control_plane::context::Context;
use gatepass_control_plane::domain::audit::{AuditKey, Break, Head};
use gatepass_control_plane::way_back;
use serde_json::{Value, json};

use crate::support::{Gate, id};

async fn head(gate: &Gate) -> Head {
    gate.context.store.read().await.unwrap().audit_head().await.unwrap()
}

async fn verified(gate: &Gate, expected: Option<Head>) -> Result<Head, Break> {
    verify(gate.context.store.as_ref(), &gate.context.audit_key, expected, |_| {}).await.unwrap()
}

#[tokio::test]
async fn who_did_what_to_whom_when_and_from_where() {
    let gate = Gate::start().await;
    gate.person("fred", "user").await;
    let made = gate.token(&gate.admin, json!({"description": "x", "user": "fred"})).await;
    gate.settings(json!({"password_auth": true})).await;
    let page = gate.get("/audit", &gate.admin).await.ok(200);
    let entries = page["items"].as_array().unwrap();
    let column = |name: &str| entries.iter().map(|entry| entry[name].clone()).collect::<Vec<Value>>();
    assert_eq!(column("seq"), [6, 5, 4, 3, 2, 1].map(Value::from));
    assert_eq!(
        column("action"),
        [
            "settings.updated",
            "token.created",
            "token.created",
            "user.created",
            "token.created",
            "user.created"
        ]
    );
    assert_eq!(column("actor"), ["admin", "admin", "admin", "admin", "first-start", "first-start"]);
    assert_eq!(entries[1]["target"], format!("token:{} user:fred", id(&made)));
    assert_eq!((&entries[1]["ip"], &entries[1]["at"]), (&json!("127.0.0.1"), &json!("2026-11-22T09:00:00Z")));
    assert_eq!(entries[1]["actor_token_id"], gate.get("/whoami", &gate.admin).await.json()["token"]["id"]);
    assert_eq!((&entries[1]["before"], &entries[1]["after"]["description"]), (&json!(null), &json!("x")));
    assert_eq!(entries[0]["before"], json!({"password_auth": false}));
    assert_eq!(entries[0]["after"], json!({"password_auth": true}));

    let page = gate.get("/audit?limit=4", &gate.admin).await.ok(200);
    let rest = format!("/audit?cursor={}", page["next_cursor"].as_str().unwrap());
    let rest = gate.get(&rest, &gate.admin).await.ok(200);
    assert_eq!((&rest["items"][0]["seq"], &rest["next_cursor"]), (&json!(2), &json!(null)));
}

#[tokio::test]
async fn a_change_whose_entry_cannot_be_written_does_not_happen() {
    let gate = Gate::start().await;
    gate.person("fred", "user").await;
    let before = gate.state().await;
    let file = std::fs::read(gate.ecds_file()).unwrap();
    gate.sql("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END").await;
    gate.post("/tokens", &gate.admin, json!({"description": "x"})).await.refused(500, "internal");
    gate.post("/users", &gate.admin, json!({"name": "wilma", "role": "user"})).await.refused(500, "internal");
    gate.patch("/users/fred", &gate.admin, json!({"active": false})).await.refused(500, "internal");
    gate.patch("/settings", &gate.admin, json!({"password_auth": true})).await.refused(500, "internal");
    gate.delete("/users/fred/tokens", &gate.admin).await.refused(500, "internal");
    gate.sql("DROP TRIGGER full").await;
    assert_eq!(gate.state().await, before);
    assert_eq!(
        gate.get("/tokens?state=active", &gate.admin).await.json()["items"].as_array().unwrap().len(),
        2
    );
    gate.get("/users/wilma", &gate.admin).await.refused(404, "not_found");
    assert_eq!(std::fs::read(gate.ecds_file()).unwrap(), file);
}

#[tokio::test]
async fn the_chain_verifies_and_tampering_shows() {
    let gate = Gate::start().await;
    gate.person("fred", "user").await;
    let early = head(&gate).await;
    gate.person("wilma", "user").await;
    let last = head(&gate).await;
    assert_eq!(verified(&gate, None).await, Ok(last));
    assert_eq!(verified(&gate, Some(early)).await, Ok(last));
    assert_eq!(verified(&gate, Some(last)).await, Ok(last));

    gate.sql("DROP TRIGGER audit_is_not_deleted; DROP TRIGGER audit_is_not_updated").await;
    gate.sql("DELETE FROM audit WHERE seq = 6").await;
    assert!(verified(&gate, None).await.is_ok(), "only the head shows a cut tail");
    assert_eq!(verified(&gate, Some(last)).await, Err(Break::Cut(5)));
    gate.sql("UPDATE audit SET actor = 'wilma' WHERE seq = 4").await;
    assert_eq!(verified(&gate, None).await, Err(Break::Forged(4)));
    gate.sql("DELETE FROM audit WHERE seq = 2").await;
    assert_eq!(verified(&gate, None).await, Err(Break::Gap(3)));
    gate.sql("DELETE FROM audit").await;
    assert_eq!(verified(&gate, Some(last)).await, Err(Break::Emptied));
    assert_eq!(verified(&gate, None).await, Err(Break::Emptied), "there are users");
}

#[tokio::test]
async fn an_entry_before_the_first_shows() {
    let gate = Gate::start().await;
    gate.sql(
        "PRAGMA ignore_check_constraints = ON;
         INSERT INTO audit SELECT -5, at, 'mallory', NULL, NULL, action, target, detail, prev_mac, mac FROM audit
         WHERE seq = 1",
    )
    .await;
    assert_eq!(verified(&gate, None).await, Err(Break::Gap(-5)));
}

#[tokio::test]
async fn nothing_is_appended_under_another_key() {
    let gate = Gate::start().await;
    let state = gate.state().await;
    let foreign = Context { audit_key: AuditKey::new([9; 32]), delivery: None, ..gate.context.clone() };
    assert!(way_back::recover(&foreign, "admin").await.is_err());
    assert_eq!(gate.state().await, state);
    assert!(!gate.context.folder.recovery_token().exists());
    let end = check_end(foreign.store.as_ref(), &foreign.audit_key).await;
    assert!(end.unwrap_err().to_string().contains("audit.key"), "a server does not start with it");
}

#[tokio::test]
async fn another_chain_of_the_same_length_shows() {
    let gate = Gate::start().await;
    let head = Head { mac: [1; 32], ..head(&gate).await };
    assert_eq!(verified(&gate, Some(head)).await, Err(Break::Replaced(2)));
}
