use serde_json::{Value, json};

use crate::support::{DAY, Gate, id, secret};

fn path(token: &Value) -> String {
    format!("/tokens/{}", id(token))
}

#[tokio::test]
async fn a_disabled_token_is_refused_here_and_at_the_gate_until_it_is_enabled() {
    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    let made = gate.token(&fred, json!({"description": "x"})).await;
    assert_eq!(gate.delivered_token(&id(&made)).unwrap()["refuse"], json!(null));

    let reply = gate.patch(&path(&made), &fred, json!({"enabled": false})).await;
    assert_eq!(reply.header("gatepass-revision"), gate.version().await.revision.to_string());
    let shown = reply.ok(200);
    assert_eq!((&shown["state"], &shown["disabled_by"]), (&json!("disabled"), &json!("fred")));
    assert_eq!(shown["disabled_at"], "2026-11-22T09:00:00Z");
    assert_eq!(gate.delivered_token(&id(&made)).unwrap()["refuse"], "token_disabled");
    gate.get("/whoami", &secret(&made)).await.refused(401, "token_disabled");

    let shown = gate.patch(&path(&made), &fred, json!({"enabled": true})).await.ok(200);
    assert_eq!((&shown["state"], &shown["disabled_by"]), (&json!("active"), &json!(null)));
    assert_eq!(gate.delivered_token(&id(&made)).unwrap()["refuse"], json!(null));
    gate.get("/whoami", &secret(&made)).await.ok(200);

    let audit = gate.get("/audit?limit=2", &gate.admin).await.ok(200);
    let states: Vec<_> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            assert_eq!((&entry["action"], &entry["actor"]), (&json!("token.updated"), &json!("fred")));
            assert_eq!(entry["target"], format!("token:{} user:fred", id(&made)));
            (entry["before"]["state"].clone(), entry["after"]["state"].clone())
        })
        .collect();
    let (active, disabled) = (json!("active"), json!("disabled"));
    assert_eq!(states, [(disabled.clone(), active.clone()), (active, disabled)]);

    let before = gate.state().await;
    gate.patch(&path(&made), &fred, json!({"enabled": true})).await.ok(200);
    gate.patch(&path(&made), &fred, json!({})).await.ok(200);
    assert_eq!(gate.state().await, before, "what changes nothing leaves no trace");
}

#[tokio::test]
async fn what_a_manager_or_an_admin_disabled_the_owner_does_not_enable() {
    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    let mary = gate.person("mary", "token_manager").await;
    let anna = gate.person("anna", "admin").await;
    let freds = gate.token(&fred, json!({"description": "x"})).await;
    let set = async |token: &Value, by: &str, enabled: bool| {
        gate.patch(&path(token), by, json!({"enabled": enabled})).await
    };
    for other in [&mary, &gate.admin] {
        set(&freds, other, false).await.ok(200);
        set(&freds, &fred, true).await.refused(403, "disabled_by_other");
        let before = gate.state().await;
        set(&freds, &fred, false).await.ok(200);
        assert_eq!(gate.state().await, before, "the owner cannot take it over");
        set(&freds, &fred, true).await.refused(403, "disabled_by_other");
        set(&freds, &mary, true).await.ok(200);
    }
    set(&freds, &fred, false).await.ok(200);
    assert_eq!(set(&freds, &mary, false).await.ok(200)["disabled_by"], "mary", "taken over from the owner");
    assert_eq!(set(&freds, &gate.admin, false).await.ok(200)["disabled_by"], "mary", "and left there");
    set(&freds, &fred, true).await.refused(403, "disabled_by_other");

    let marys = gate.token(&mary, json!({"description": "x"})).await;
    set(&marys, &gate.admin, false).await.ok(200);
    set(&marys, &mary, true).await.refused(403, "disabled_by_other");
    let admins = gate.token(&gate.admin, json!({"description": "x"})).await;
    set(&admins, &anna, false).await.ok(200);
    set(&admins, &gate.admin, true).await.refused(403, "disabled_by_other");
    set(&admins, &anna, true).await.ok(200);
}

#[tokio::test]
async fn who_may_change_which_tokens() {
    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    let wilma = gate.person("wilma", "user").await;
    let mary = gate.person("mary", "token_manager").await;
    let weak = secret(&gate.token(&fred, json!({"description": "weak"})).await);
    let weak_managers = secret(&gate.token(&mary, json!({"description": "weak"})).await);
    let weak_admins = secret(&gate.token(&gate.admin, json!({"description": "weak"})).await);
    let freds = gate.token(&fred, json!({"description": "x"})).await;
    let admins = gate.token(&gate.admin, json!({"description": "x"})).await;
    let before = gate.state().await;
    for patch in [json!({"enabled": false}), json!({"description": "y"}), json!({})] {
        gate.patch(&path(&freds), &wilma, patch.clone()).await.refused(404, "not_found");
        for weak in [&weak, &weak_managers, &weak_admins] {
            gate.patch(&path(&freds), weak, patch.clone()).await.refused(403, "control_plane_required");
        }
        gate.patch(&path(&admins), &mary, patch.clone()).await.refused(404, "not_found");
        gate.patch("/tokens/01NOSUCH", &gate.admin, patch.clone()).await.refused(404, "not_found");
        gate.patch(&path(&freds), "", patch).await.refused(401, "credentials_missing");
    }
    assert_eq!(gate.state().await, before);
    for (by, description) in [(&fred, "by its owner"), (&mary, "by a manager"), (&gate.admin, "by an admin")]
    {
        let patch = json!({"description": description});
        assert_eq!(gate.patch(&path(&freds), by, patch).await.ok(200)["description"], description);
    }
}

#[tokio::test]
async fn edits_narrow_what_the_gate_admits() {
    let gate = Gate::start().await;
    gate.settings(json!({"scopes": {"read_only": [{"methods": ["GET", "HEAD"]}],
                                    "get": [{"methods": ["GET"], "paths": ["/rest/"]}]}}))
        .await;
    let made = gate.token(&gate.admin, json!({"description": "x", "control_plane": true})).await;
    let patch = json!({"description": "narrow", "expires_at": "2026-12-01T00:00:00Z", "scope": "read_only",
                       "allowed_ips": ["10.0.0.0/8", "2001:db8::/32"], "control_plane": false});
    let shown = gate.patch(&path(&made), &gate.admin, patch).await.ok(200);
    assert_eq!((&shown["description"], &shown["control_plane"]), (&json!("narrow"), &json!(false)));
    let delivered = gate.delivered_token(&id(&made)).unwrap();
    assert_eq!(delivered["expires_at"], 1_796_083_200);
    assert_eq!(delivered["scope"], "read_only");
    assert_eq!(delivered["allowed_ips"], json!(["10.0.0.0/8", "2001:db8::/32"]));

    let before = gate.state().await;
    for (patch, field) in [
        (json!({"allowed_ips": []}), "allowed_ips"),
        (json!({"allowed_ips": ["11.0.0.1"]}), "allowed_ips"),
        (json!({"allowed_ips": ["2001:db9::1"]}), "allowed_ips"),
        (json!({"allowed_ips": null}), "allowed_ips"),
        (json!({"scope": null}), "scope"),
        (json!({"scope": "nowhere"}), "scope"),
        (json!({"expires_at": null}), "expires_at"),
        (json!({"expires_at": "2026-12-01T00:00:01Z"}), "expires_at"),
        (json!({"expires_at": "2026-11-22T09:00:00Z"}), "expires_at"),
        (json!({"control_plane": true}), "control_plane"),
        (json!({"description": format!("see {}", gate.admin)}), "description"),
        (json!({"enabled": null}), "enabled"),
        (json!({"user": "fred"}), "user"),
        (json!({"enabled": false, "scope": null}), "scope"),
    ] {
        gate.patch(&path(&made), &gate.admin, patch).await.wrong(field);
    }
    assert_eq!(gate.state().await, before);
    let further = json!({"scope": "get", "allowed_ips": ["10.1.0.0-10.1.0.255"], "enabled": false});
    let shown = gate.patch(&path(&made), &gate.admin, further).await.ok(200);
    assert_eq!((&shown["scope"], &shown["allowed_ips"]), (&json!("get"), &json!(["10.1.0.0/24"])));
    assert_eq!(shown["state"], "disabled");
}

#[tokio::test]
async fn what_has_ended_is_not_changed() {
    let gate = Gate::start().await;
    gate.settings(json!({"custom_validity": true})).await;
    let keeper = secret(&gate.token(&gate.admin, json!({"description": "x", "control_plane": true})).await);
    let expired = gate.token(&keeper, json!({"description": "x", "valid_for": "P1D"})).await;
    let revoked = gate.token(&keeper, json!({"description": "x"})).await;
    gate.delete(&path(&revoked), &keeper).await.ok(204);
    gate.pass(DAY);
    for token in [&expired, &revoked] {
        for patch in [json!({"enabled": false}), json!({"enabled": true}), json!({"description": "y"})] {
            gate.patch(&path(token), &keeper, patch).await.refused(409, "token_ended");
        }
        gate.post(&format!("{}/rotate", path(token)), &keeper, json!({})).await.refused(409, "token_ended");
    }
}

#[tokio::test]
async fn a_description_makes_no_revision() {
    let gate = Gate::start().await;
    let made = gate.token(&gate.admin, json!({"description": "x"})).await;
    let before = gate.version().await;
    gate.patch(&path(&made), &gate.admin, json!({"description": "y"})).await.ok(200);
    assert_eq!(gate.version().await, before);
}

#[tokio::test]
async fn a_disabled_token_leaves_its_place_and_needs_one_to_come_back() {
    let gate = Gate::start().await;
    gate.settings(json!({"max_tokens_per_user": 2})).await;
    let first = gate.token(&gate.admin, json!({"description": "first"})).await;
    let wish = json!({"description": "another"});
    gate.post("/tokens", &gate.admin, wish.clone()).await.refused(409, "too_many_tokens");
    gate.patch(&path(&first), &gate.admin, json!({"enabled": false})).await.ok(200);
    let another = gate.token(&gate.admin, wish).await;
    gate.patch(&path(&first), &gate.admin, json!({"enabled": true})).await.refused(409, "too_many_tokens");
    gate.delete(&path(&another), &gate.admin).await.ok(204);
    gate.patch(&path(&first), &gate.admin, json!({"enabled": true})).await.ok(200);
}

#[tokio::test]
async fn a_disabled_token_keeps_its_scope_in_the_settings() {
    let gate = Gate::start().await;
    let with = json!({"scopes": {"read_only": [{"methods": ["GET"]}], "ci": [{"methods": ["POST"]}]}});
    gate.settings(with).await;
    let made = gate.token(&gate.admin, json!({"description": "x", "scope": "ci"})).await;
    gate.patch(&path(&made), &gate.admin, json!({"enabled": false})).await.ok(200);
    gate.patch("/settings", &gate.admin, json!({"scopes": {"ci": null}})).await.refused(409, "scope_in_use");
}
