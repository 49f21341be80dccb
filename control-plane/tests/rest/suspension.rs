//! Tokens of people who have not signed in for long.

use gatepass_control_plane::{suspension, way_back};
use serde_json::{Value, json};

use crate::support::{DAY, Gate, id, secret};

/// A server with an admin who outlives the first start's token and is never suspended.
async fn stage() -> (Gate, String) {
    let mut gate = Gate::start().await;
    gate.settings(json!({"max_validity": "never"})).await;
    let new = json!({"name": "boss", "role": "admin", "exempt_from_suspension": true});
    gate.post("/users", &gate.admin, new).await.ok(201);
    let wish = json!({"description": "x", "user": "boss", "control_plane": true, "valid_for": "never"});
    let boss = secret(&gate.token(&gate.admin, wish).await);
    gate.admin = boss.clone();
    (gate, boss)
}

async fn add(gate: &Gate, name: &str, more: Value) -> Value {
    let mut new = json!({"name": name, "role": "user"});
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    gate.post("/users", &gate.admin, new).await.ok(201);
    let wish = json!({"description": "of the tests", "user": name, "valid_for": "never"});
    gate.token(&gate.admin, wish).await
}

async fn sign_in(gate: &Gate, name: &str) {
    let password = json!({"password": "correct horse"});
    gate.put(&format!("/users/{name}/password"), &gate.admin, password).await.ok(204);
    gate.post("/session", "", json!({"user": name, "password": "correct horse"})).await.ok(200);
}

async fn entries(gate: &Gate, action: &str) -> Vec<Value> {
    let audit = gate.get(&format!("/audit?action={action}"), &gate.admin).await.ok(200);
    audit["items"].as_array().unwrap().clone()
}

fn works(gate: &Gate, token: &Value) -> bool {
    match gate.delivered_token(&id(token)).unwrap().get("refuse") {
        None | Some(Value::Null) => true,
        Some(code) => {
            assert_eq!(code, "user_inactive");
            false
        }
    }
}

#[tokio::test]
async fn tokens_stop_after_the_days_and_come_back_with_the_next_sign_in() {
    let (gate, boss) = stage().await;
    let fred = add(&gate, "fred", json!({})).await;
    let mary = add(&gate, "mary", json!({})).await;
    let robot = add(&gate, "robot", json!({"exempt_from_suspension": true})).await;
    sign_in(&gate, "mary").await;
    gate.settings(json!({"suspend_after_days": 30})).await;
    suspension::keep_up(&gate.context).await.unwrap();
    assert!(works(&gate, &fred) && works(&gate, &mary));

    gate.pass(30 * DAY - 1);
    let before = gate.version().await;
    suspension::keep_up(&gate.context).await.unwrap();
    assert_eq!(gate.version().await, before, "not a second too early");
    gate.pass(1);
    suspension::keep_up(&gate.context).await.unwrap();
    assert_eq!([&fred, &mary, &robot].map(|token| works(&gate, token)), [false, false, true]);
    gate.get("/whoami", &secret(&fred)).await.refused(401, "user_inactive");
    gate.get("/whoami", &secret(&robot)).await.ok(200);
    let shown = gate.get("/users/fred", &boss).await.ok(200);
    assert_eq!((&shown["active"], &shown["suspended_at"]), (&json!(true), &json!("2026-12-22T09:00:00Z")));
    let after = gate.version().await;
    suspension::keep_up(&gate.context).await.unwrap();
    assert_eq!(gate.version().await, after, "once");

    sign_in(&gate, "mary").await;
    assert_eq!([&fred, &mary].map(|token| works(&gate, token)), [false, true]);
    gate.get("/whoami", &secret(&mary)).await.ok(200);
    suspension::keep_up(&gate.context).await.unwrap();
    assert!(works(&gate, &mary), "for the next thirty days");
    let suspended = entries(&gate, "user.suspended").await;
    let who: Vec<_> = suspended.iter().map(|entry| (&entry["actor"], &entry["target"])).collect();
    // The first admin never signed in either.
    let server = json!("server:suspension");
    let targets = [json!("user:mary"), json!("user:fred"), json!("user:admin")];
    assert_eq!(who.len(), 3, "{suspended:#?}");
    assert!(targets.iter().all(|target| who.contains(&(&server, target))), "{suspended:#?}");
    let resumed = entries(&gate, "user.resumed").await;
    assert_eq!(resumed.len(), 1);
    assert_eq!((&resumed[0]["actor"], &resumed[0]["target"]), (&json!("mary"), &json!("user:mary")));
}

#[tokio::test]
async fn who_never_signed_in_has_the_time_since_the_setting_was_switched_on() {
    let (gate, _) = stage().await;
    let fred = add(&gate, "fred", json!({})).await;
    let mary = add(&gate, "mary", json!({})).await;
    sign_in(&gate, "mary").await;
    gate.pass(100 * DAY);
    let patch = json!({"suspend_after_days": 90});
    let there = gate.post("/settings/preview", &gate.admin, patch.clone()).await.ok(200);
    let group = &there["tokens_suspended"];
    assert_eq!(group["by_user"], json!([{"user": "mary", "tokens": 1}]), "{there:#}");
    assert_eq!((&group["tokens"], &group["first"][0]["id"]), (&json!(1), &json!(id(&mary))));
    gate.settings(patch).await;
    suspension::keep_up(&gate.context).await.unwrap();
    assert_eq!([&fred, &mary].map(|token| works(&gate, token)), [true, false], "whom the preview named");
    gate.pass(90 * DAY);
    suspension::keep_up(&gate.context).await.unwrap();
    assert!(!works(&gate, &fred));

    // Another number of days is no new beginning; switched off and on again it is one.
    let back = gate.post("/settings/preview", &gate.admin, json!({"suspend_after_days": 91})).await.ok(200);
    assert_eq!(back["tokens_working_again"]["by_user"], json!([{"user": "fred", "tokens": 1}]));
    gate.settings(json!({"suspend_after_days": 91})).await;
    assert_eq!([&fred, &mary].map(|token| works(&gate, token)), [true, false], "at once");
    let off = gate.post("/settings/preview", &gate.admin, json!({"suspend_after_days": null})).await.ok(200);
    assert_eq!(off["tokens_working_again"]["by_user"], json!([{"user": "mary", "tokens": 1}]));
    gate.settings(json!({"suspend_after_days": null})).await;
    assert!(works(&gate, &mary), "at once");
    assert_eq!(gate.get("/users/mary", &gate.admin).await.ok(200)["suspended_at"], Value::Null);
    gate.pass(DAY);
    gate.settings(json!({"suspend_after_days": 30})).await;
    suspension::keep_up(&gate.context).await.unwrap();
    assert_eq!([&fred, &mary].map(|token| works(&gate, token)), [true, false]);
}

#[tokio::test]
async fn an_admin_exempts_somebody_and_the_tokens_work_at_once() {
    let (gate, boss) = stage().await;
    let fred = add(&gate, "fred", json!({})).await;
    gate.settings(json!({"suspend_after_days": 30})).await;
    gate.pass(30 * DAY);
    suspension::keep_up(&gate.context).await.unwrap();
    assert!(!works(&gate, &fred));
    let patch = json!({"exempt_from_suspension": true});
    let shown = gate.patch("/users/fred", &boss, patch).await.ok(200);
    assert_eq!((&shown["exempt_from_suspension"], &shown["suspended_at"]), (&json!(true), &Value::Null));
    assert!(works(&gate, &fred));
    let updated = &entries(&gate, "user.updated").await[0];
    assert_eq!(updated["after"]["exempt_from_suspension"], true);
    gate.patch("/users/fred", &boss, json!({"exempt_from_suspension": false})).await.ok(200);
    suspension::keep_up(&gate.context).await.unwrap();
    assert!(!works(&gate, &fred));
    // Who is deactivated meanwhile stays suspended, and is not let in by signing in.
    gate.patch("/users/fred", &boss, json!({"active": false})).await.ok(200);
    suspension::keep_up(&gate.context).await.unwrap();
    gate.put("/users/fred/password", &boss, json!({"password": "correct horse"})).await.ok(204);
    let attempt = json!({"user": "fred", "password": "correct horse"});
    gate.post("/session", "", attempt).await.refused(401, "sign_in_refused");
    gate.patch("/users/fred", &boss, json!({"active": true})).await.ok(200);
    assert!(!works(&gate, &fred), "not by coming back, but by signing in");
    sign_in(&gate, "fred").await;
    assert!(works(&gate, &fred));
}

#[tokio::test]
async fn the_way_back_leads_in() {
    let (gate, _) = stage().await;
    gate.settings(json!({"suspend_after_days": 30})).await;
    gate.pass(40 * DAY);
    suspension::keep_up(&gate.context).await.unwrap();
    let file = way_back::recover(&gate.beside(), "admin").await.unwrap();
    let token = std::fs::read_to_string(file).unwrap();
    gate.get("/settings", token.trim()).await.ok(200);
    suspension::keep_up(&gate.context).await.unwrap();
    gate.get("/settings", token.trim()).await.ok(200);
}
