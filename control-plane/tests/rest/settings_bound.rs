use serde_json::{Value, json};

use crate::support::{DAY, Gate, id, secret};

/// Three tokens of fred, one of them the one that he manages with, and one of the admin's that does not expire.
async fn with_long_lived_tokens() -> (Gate, String, [Value; 3]) {
    let gate = Gate::start().await;
    gate.settings(json!({"max_validity": "never"})).await;
    let keeper = json!({"description": "keeper", "control_plane": true, "valid_for": "never"});
    let keeper = secret(&gate.token(&gate.admin, keeper).await);
    gate.person("fred", "user").await;
    let wish = |valid_for: &str| json!({"description": valid_for, "user": "fred", "valid_for": valid_for});
    let never = gate.token(&keeper, wish("never")).await;
    gate.pass(200 * DAY);
    let two_years = gate.token(&keeper, wish("P2Y")).await;
    let short = gate.token(&keeper, wish("P6M")).await;
    (gate, keeper, [never, two_years, short])
}

#[tokio::test]
async fn the_bound_is_applied_to_tokens_that_there_are_only_on_request() {
    let (gate, keeper, [never, two_years, short]) = with_long_lived_tokens().await;
    let reply = gate.patch("/settings", &keeper, json!({"max_validity": "P6M"})).await.ok(200);
    assert_eq!(reply["existing_tokens"], json!({"ended": 0, "shortened": 0}));
    let expiry = async |token: &Value| {
        let shown = gate.get(&format!("/tokens/{}", id(token)), &gate.admin).await;
        if shown.status == 401 { Value::Null } else { shown.json()["expires_at"].clone() }
    };
    let apply = json!({"apply_max_validity_to_existing": true});
    let reply = gate.patch("/settings", &keeper, apply.clone()).await;
    let revision = reply.header("gatepass-revision").to_owned();
    let reply = reply.ok(200);
    // Ended: the one that never ended, the keeper itself and fred's managing one; they are older than six months.
    assert_eq!(reply["existing_tokens"], json!({"ended": 3, "shortened": 1}), "{reply}");
    assert!(reply.get("apply_max_validity_to_existing").is_none(), "it is no setting");
    assert!(!revision.is_empty());
    gate.get("/whoami", &keeper).await.refused(401, "token_expired");
    assert_eq!(expiry(&never).await, Value::Null, "the first start's token has long ended");
    let delivered = |token: &Value| gate.delivered_token(&id(token)).unwrap()["expires_at"].clone();
    let now = crate::support::START + 200 * DAY;
    assert_eq!(delivered(&never), now, "it ends now, and is known as expired for a while");
    // 2027-06-10T09:00 and six months.
    assert_eq!(delivered(&two_years), now + 183 * DAY);
    assert_eq!(delivered(&short), now + 183 * DAY, "as it was");
}

#[tokio::test]
async fn each_token_that_the_bound_cuts_has_its_own_audit_entry() {
    let (gate, keeper, [never, two_years, _]) = with_long_lived_tokens().await;
    let last = json!({"description": "another", "control_plane": true});
    let admin = secret(&gate.token(&keeper, last).await);
    let patch = json!({"max_validity": "P6M", "apply_max_validity_to_existing": true});
    gate.patch("/settings", &keeper, patch).await.ok(200);
    let entries = gate.get("/audit?limit=6", &admin).await.ok(200)["items"].as_array().unwrap().clone();
    let actions: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions[..5], ["token.updated"; 5]);
    assert_eq!(actions[5], "settings.updated");
    assert_eq!(entries[5]["after"], json!({"max_validity": "P6M"}));
    let of = |token: &Value| {
        let target = format!("token:{} user:fred", id(token));
        entries.iter().find(|entry| entry["target"] == target).unwrap().clone()
    };
    let ended = of(&never);
    assert_eq!((&ended["before"]["expires_at"], &ended["before"]["state"]), (&Value::Null, &json!("active")));
    assert_eq!(ended["after"]["expires_at"], "2027-06-10T09:00:00Z");
    assert_eq!((&ended["after"]["state"], &ended["actor"]), (&json!("expired"), &json!("admin")));
    let cut = of(&two_years);
    assert_eq!(
        (&cut["before"]["expires_at"], &cut["after"]["expires_at"]),
        (&json!("2029-06-10T09:00:00Z"), &json!("2027-12-10T09:00:00Z"))
    );
    assert_eq!(cut["after"]["state"], "active");
}

#[tokio::test]
async fn a_bound_that_cannot_be_audited_cuts_nothing() {
    let (gate, keeper, _) = with_long_lived_tokens().await;
    let before = (gate.version().await, gate.get("/tokens", &keeper).await.json());
    gate.sql(
        "CREATE TRIGGER full BEFORE INSERT ON audit WHEN (SELECT count(*) FROM audit WHERE action = 'token.updated') > 1
         BEGIN SELECT RAISE(ABORT, 'full'); END",
    )
    .await;
    let patch = json!({"max_validity": "P6M", "apply_max_validity_to_existing": true});
    gate.patch("/settings", &keeper, patch.clone()).await.refused(500, "internal");
    gate.sql("DROP TRIGGER full").await;
    assert_eq!((gate.version().await, gate.get("/tokens", &keeper).await.json()), before);
    assert_eq!(gate.get("/settings", &keeper).await.json()["max_validity"], "never");
    let stale = json!({"apply_max_validity_to_existing": "yes"});
    gate.patch("/settings", &keeper, stale).await.wrong("apply_max_validity_to_existing");
}

#[tokio::test]
async fn more_tokens_than_a_page_are_cut_all() {
    let gate = Gate::start().await;
    gate.settings(json!({"max_validity": "P2Y", "max_tokens_per_user": 10_000})).await;
    gate.person("fred", "user").await;
    let first =
        gate.token(&gate.admin, json!({"description": "x", "user": "fred", "valid_for": "P2Y"})).await;
    gate.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
         INSERT INTO tokens (id, sha256, user_id, creator, description, description_key, created_at, expires_at, scope,
                             allowed_ips, prefix, hint, control_plane, revoked_at, revoked_by)
         SELECT printf('00%08d', i), randomblob(32), user_id, creator, description, description_key, created_at, expires_at, scope,
                allowed_ips, prefix, hint, control_plane, revoked_at, revoked_by
         FROM tokens, n WHERE description = 'x'",
    )
    .await;
    let patch = json!({"max_validity": "P6M", "apply_max_validity_to_existing": true});
    let preview = gate.post("/settings/preview", &gate.admin, patch.clone()).await.ok(200);
    assert_eq!(preview["tokens_shortened"]["tokens"], 1202, "{preview}");
    let reply = gate.patch("/settings", &gate.admin, patch).await.ok(200);
    assert_eq!(reply["existing_tokens"], json!({"ended": 0, "shortened": 1202}), "fred's managing one too");
    assert_eq!(gate.delivered_token(&id(&first)).unwrap()["expires_at"], 1_795_338_000 + 181 * DAY);
    let store = gate.context.store.as_ref();
    let whole = gatepass_control_plane::audit::verify(store, &gate.context.audit_key, None, |_| {}).await;
    assert!(whole.unwrap().unwrap().seq > 1200);
}
