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
    let foreign = Context { audit_key: AuditKey::new([9; 32]), ..gate.beside() };
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

/// Numbers of the entries that a query finds.
async fn found(gate: &Gate, query: &str) -> Vec<i64> {
    let page = gate.get(&format!("/audit?{query}"), &gate.admin).await.ok(200);
    page["items"].as_array().unwrap().iter().map(|entry| entry["seq"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn entries_are_found_by_actor_target_action_and_time() {
    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    let made = gate.token(&fred, json!({"description": "x"})).await;
    gate.pass(60);
    gate.delete(&format!("/tokens/{}", id(&made)), &gate.admin).await.ok(204);
    gate.settings(json!({"password_auth": true})).await;
    // 1, 2: the first start. 3, 4: fred and the managing token. 5: fred's own. 6: its end. 7: settings.
    let token = id(&made);
    for (query, entries) in [
        ("", vec![7, 6, 5, 4, 3, 2, 1]),
        ("actor=fred", vec![5]),
        ("actor=Fred", vec![]),
        ("actor=first-start", vec![2, 1]),
        ("action=token.created", vec![5, 4, 2]),
        ("action=epoch.started", vec![]),
        ("target=user%3Afred", vec![6, 5, 4, 3]),
        ("target=user:fre", vec![]),
        ("target=settings", vec![7]),
        (&format!("target=token:{token}"), vec![6, 5]),
        (&format!("target=token:{token}%20user:fred"), vec![6, 5]),
        (&format!("target=token:{token}+user:anna"), vec![]),
        ("from=2026-11-22T09:01:00Z", vec![7, 6]),
        ("until=2026-11-22T09:01:00Z", vec![5, 4, 3, 2, 1]),
        ("from=2026-11-22T09:01:00Z&until=2026-11-22T09:01:00Z", vec![]),
        ("from=2026-11-22T10:00:00%2B01:00&until=2026-11-22T09:00:01Z&action=user.created", vec![3, 1]),
        ("actor=admin&target=user:fred&action=token.revoked&from=2026-11-22T09:00:00Z", vec![6]),
    ] {
        assert_eq!(found(&gate, query).await, entries, "{query}");
    }
    let page = gate.get("/audit?target=user:fred&limit=2", &gate.admin).await.ok(200);
    // What is added meanwhile does not move what comes next.
    gate.token(&gate.admin, json!({"description": "x", "user": "fred"})).await;
    let next = page["next_cursor"].as_str().unwrap();
    assert_eq!(found(&gate, &format!("target=user:fred&limit=2&cursor={next}")).await, [4, 3]);
    for (query, field) in [
        ("actor=", "actor"),
        ("target=", "target"),
        ("action=token.create", "action"),
        ("from=yesterday", "from"),
        ("until=2026-11-22", "until"),
        ("from=2026-11-22T09:00:01Z&until=2026-11-22T09:00:00Z", "until"),
        ("format=xml", "format"),
        ("format=csv&limit=5", "limit"),
        ("format=jsonl&cursor=MQ", "cursor"),
        ("cursor=MQ%3D", "cursor"),
        ("since=1", "since"),
    ] {
        gate.get(&format!("/audit?{query}"), &gate.admin).await.wrong(field);
    }
}

#[tokio::test]
async fn filters_have_their_indexes() {
    use gatepass_control_plane::domain::audit::Action;
    let gate = Gate::start().await;
    for (condition, index) in [
        ("actor = 'a'", "audit_by_actor"),
        ("action = 'a'", "audit_by_action"),
        ("substr(target, 1, instr(target || ' user:', ' user:') - 1) = 'a'", "audit_by_subject"),
        ("substr(target, instr(target, ' user:') + 1) = 'a'", "audit_by_user"),
    ] {
        let plan =
            gate.plan(&format!("SELECT * FROM audit WHERE seq < 9 AND {condition} ORDER BY seq DESC")).await;
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{plan}");
    }
    for action in Action::ALL {
        assert_eq!(Action::from_name(action.as_str()), Some(*action));
        found(&gate, &format!("action={}", action.as_str())).await;
    }
}

#[tokio::test]
async fn a_start_with_a_new_epoch_is_an_entry() {
    let gate = Gate::start().await;
    let before = gate.version().await;
    let admin = gate.admin.clone();
    let folder = gate.crash().await;
    let gate = Gate::start_in(folder).await;
    let entries = gate.get("/audit?limit=1", &admin).await.ok(200);
    let entry = &entries["items"][0];
    assert_eq!((&entry["seq"], &entry["action"]), (&json!(3), &json!("epoch.started")));
    assert_eq!((&entry["actor"], &entry["target"]), (&json!("server:start"), &json!("epoch")));
    assert_eq!(entry["before"], json!({"epoch": before.epoch, "revision": before.revision.to_string()}));
    let after = gate.version().await;
    assert_eq!(entry["after"], json!({"epoch": after.epoch, "revision": after.revision.to_string()}));
    assert_ne!(before.epoch, after.epoch);
    assert_eq!(verified(&gate, None).await, Ok(head(&gate).await));
    gate.post("/users", &admin, json!({"name": "server:start", "role": "user"})).await.wrong("name");
}
