use axum::http::StatusCode;
use serde_json::json;

use crate::support::{DAY, Gate, id, secret};

#[tokio::test]
async fn a_new_token_shows_its_secret_once_and_opens_the_gate() {
    let gate = Gate::start().await;
    gate.person("fred", "user").await;
    let wish = json!({"description": "nightly build", "user": "fred", "valid_for": "P6M",
                      "scope": "read_only", "allowed_ips": ["10.0.0.0-10.0.0.3"]});
    let reply = gate.post("/tokens", &gate.admin, wish).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("location"), format!("/api/v1/tokens/{}", id(&reply.json())));
    assert_eq!(reply.header("gatepass-revision"), gate.version().await.revision.to_string());
    let made = reply.ok(201);
    let token = secret(&made);
    assert!(token.starts_with("gp_") && token.len() == 41);
    let mut shown = json!({
        "id": id(&made), "user": "fred", "creator": "admin", "description": "nightly build",
        "created_at": "2026-11-22T09:00:00Z", "expires_at": "2027-05-22T09:00:00Z", "scope": "read_only",
        "allowed_ips": ["10.0.0.0/30"], "control_plane": false, "state": "active", "hint": &token[37..],
        "disabled_at": null, "disabled_by": null, "predecessor": null, "successor": null, "revoked_at": null,
        "revoked_by": null, "last_used": null,
    });
    assert_eq!(gate.get(&format!("/tokens/{}", id(&made)), &gate.admin).await.ok(200), shown);
    shown["token"] = json!(token);
    assert_eq!(made, shown);

    let delivered = gate.delivered_token(&id(&made)).unwrap();
    let digest = gatepass::token::parse(token.as_bytes(), &[gatepass::token::Prefix::default()]).unwrap();
    assert_eq!(
        delivered,
        json!({"id": id(&made), "sha256": digest.to_string(), "user": "fred", "expires_at": 1_810_976_400,
               "scope": "read_only", "allowed_ips": ["10.0.0.0/30"]})
    );
}

#[tokio::test]
async fn neither_secret_nor_digest_is_in_any_list_and_no_secret_in_any_file() {
    let gate = Gate::start().await;
    let made = gate.token(&gate.admin, json!({"description": "x"})).await;
    let token = secret(&made);
    let digest = gatepass::token::parse(token.as_bytes(), &[gatepass::token::Prefix::default()]).unwrap();
    gate.delete(&format!("/tokens/{}", id(&made)), &gate.admin).await;
    for path in ["/tokens", "/audit", "/whoami", "/users", "/settings"] {
        let text = gate.get(path, &gate.admin).await.text;
        assert!(!text.contains(&token) && !text.contains(&digest.to_string()), "{path}");
    }
    let mut folders = vec![gate.context.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = std::fs::read(entry.path()).unwrap();
            let found = bytes.windows(token.len()).any(|part| part == token.as_bytes());
            assert!(!found, "{:?}", entry.path());
        }
    }
}

#[tokio::test]
async fn a_revoked_token_leaves_the_snapshot_and_stays_in_the_list() {
    let gate = Gate::start().await;
    let made = gate.token(&gate.admin, json!({"description": "x", "control_plane": true})).await;
    let path = format!("/tokens/{}", id(&made));
    assert!(gate.delivered_token(&id(&made)).is_some());
    gate.get("/whoami", &secret(&made)).await.ok(200);

    let reply = gate.delete(&path, &gate.admin).await;
    assert_eq!((reply.status, reply.text.as_str()), (StatusCode::NO_CONTENT, ""));
    assert_eq!(reply.header("gatepass-revision"), gate.version().await.revision.to_string());
    assert!(gate.delivered_token(&id(&made)).is_none());
    gate.get("/whoami", &secret(&made)).await.refused(401, "credentials_unknown");
    let shown = gate.get(&path, &gate.admin).await.ok(200);
    assert_eq!((&shown["state"], &shown["revoked_by"]), (&json!("revoked"), &json!("admin")));
    assert_eq!(shown["revoked_at"], "2026-11-22T09:00:00Z");

    let before = gate.state().await;
    gate.delete(&path, &gate.admin).await.ok(204);
    assert_eq!(gate.state().await, before, "revoking again changes nothing");
    gate.delete("/tokens/01NOSUCH", &gate.admin).await.refused(404, "not_found");
}

#[tokio::test]
async fn all_tokens_of_a_user_end_at_once_with_an_audit_entry_each() {
    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    gate.token(&fred, json!({"description": "a"})).await;
    let expired = gate.token(&gate.admin, json!({"description": "b", "user": "fred"})).await;
    assert_eq!(gate.delete("/users/fred/tokens", &gate.admin).await.ok(200), json!({"revoked": 3}));
    assert_eq!(gate.delete("/users/fred/tokens", &gate.admin).await.ok(200), json!({"revoked": 0}));
    gate.get("/whoami", &fred).await.refused(401, "credentials_unknown");
    assert!(gate.delivered_token(&id(&expired)).is_none());
    let audit = gate.get("/audit?limit=3", &gate.admin).await.ok(200);
    for entry in audit["items"].as_array().unwrap() {
        assert_eq!((&entry["action"], &entry["actor"]), (&json!("token.revoked"), &json!("admin")));
        assert_eq!(
            (&entry["before"]["state"], &entry["after"]["state"]),
            (&json!("active"), &json!("revoked"))
        );
    }
    gate.delete("/users/nobody/tokens", &gate.admin).await.refused(404, "not_found");
}

#[tokio::test]
async fn only_what_had_not_ended_is_counted() {
    let gate = Gate::start().await;
    gate.settings(json!({"custom_validity": true})).await;
    gate.person("fred", "user").await;
    let wish = |valid_for: &str| json!({"description": "x", "user": "fred", "valid_for": valid_for});
    let expired = gate.token(&gate.admin, wish("P1D")).await;
    let disabled = gate.token(&gate.admin, wish("P2D")).await;
    let revoked = gate.token(&gate.admin, wish("P2D")).await;
    let managing = gate.token(&gate.admin, json!({"description": "x", "control_plane": true})).await;
    let managing = secret(&managing);
    let path = |token: &serde_json::Value| format!("/tokens/{}", id(token));
    gate.patch(&path(&disabled), &managing, json!({"enabled": false})).await.ok(200);
    gate.delete(&path(&revoked), &managing).await.ok(204);
    gate.pass(DAY);
    let reply = gate.delete("/users/fred/tokens", &managing).await.ok(200);
    assert_eq!(reply, json!({"revoked": 2}), "the managing one and the disabled one");
    for (token, state) in [(&expired, "expired"), (&disabled, "revoked"), (&revoked, "revoked")] {
        assert_eq!(gate.get(&path(token), &managing).await.ok(200)["state"], state);
    }
    gate.delete(&path(&expired), &managing).await.ok(204);
    assert_eq!(gate.get(&path(&expired), &managing).await.ok(200)["state"], "revoked", "by its own name");
}

#[tokio::test]
async fn a_token_ends_at_its_expiry_to_the_second() {
    let gate = Gate::start().await;
    gate.settings(json!({"custom_validity": true})).await;
    let made = gate.token(&gate.admin, json!({"description": "x", "valid_for": "P1D"})).await;
    let state = async || gate.get(&format!("/tokens/{}", id(&made)), &secret(&made)).await;
    gate.pass(DAY - 1);
    assert_eq!(state().await.ok(200)["state"], "active");
    gate.pass(1);
    state().await.refused(401, "token_expired");
}

#[tokio::test]
async fn an_expired_token_stays_known_to_the_filter_for_30_days() {
    let gate = Gate::start().await;
    gate.settings(json!({"custom_validity": true})).await;
    let keeper = gate.token(&gate.admin, json!({"description": "x", "control_plane": true})).await;
    let made = gate.token(&gate.admin, json!({"description": "x", "valid_for": "P1D"})).await;
    gate.pass(31 * DAY - 1);
    gate.token(&secret(&keeper), json!({"description": "a change"})).await;
    assert!(gate.delivered_token(&id(&made)).is_some());
    gate.pass(1);
    gate.token(&secret(&keeper), json!({"description": "another change"})).await;
    assert!(gate.delivered_token(&id(&made)).is_none());
}

#[tokio::test]
async fn validity_is_bounded_for_admins_too() {
    let gate = Gate::start().await;
    let wish = |valid_for: &str| json!({"description": "x", "valid_for": valid_for});
    let reply = gate.post("/tokens", &gate.admin, wish("P2Y")).await;
    assert!(reply.wrong("valid_for").text.contains("P1Y"), "{reply:?}");
    gate.post("/tokens", &gate.admin, wish("never")).await.wrong("valid_for");
    gate.post("/tokens", &gate.admin, wish("P30D")).await.wrong("valid_for");
    let date = json!({"description": "x", "expires_at": "2027-01-01T00:00:00Z"});
    gate.post("/tokens", &gate.admin, date.clone()).await.wrong("expires_at");
    gate.settings(json!({"custom_validity": true, "max_validity": "never"})).await;
    assert_eq!(gate.token(&gate.admin, date).await["expires_at"], "2027-01-01T00:00:00Z");
    assert_eq!(gate.token(&gate.admin, wish("never")).await["expires_at"], json!(null));
    let made = gate.token(&gate.admin, json!({"description": "x"})).await;
    assert_eq!(made["expires_at"], "2027-11-22T09:00:00Z", "a year without a wish");
}

#[tokio::test]
async fn fields_that_are_wrong_are_named() {
    let gate = Gate::start().await;
    let many: Vec<String> = (0..65).map(|n| format!("10.0.{n}.1")).collect();
    for (wish, field) in [
        (json!({}), "description"),
        (json!({"description": ""}), "description"),
        (json!({"description": "a\nb"}), "description"),
        (json!({"description": "a".repeat(256)}), "description"),
        (json!({"description": format!("see {}", gate.admin)}), "description"),
        (json!({"description": 5}), "description"),
        (json!({"description": "x", "user": "nobody"}), "user"),
        (json!({"description": "x", "scope": "nosuch"}), "scope"),
        (json!({"description": "x", "allowed_ips": ["10.0.0.1", "ten"]}), "allowed_ips[1]"),
        (json!({"description": "x", "allowed_ips": many}), "allowed_ips"),
        (json!({"description": "x", "control_plane": "yes"}), "control_plane"),
        (json!({"description": "x", "colour": 1}), "colour"),
        (json!([]), ""),
    ] {
        gate.post("/tokens", &gate.admin, wish).await.wrong(field);
    }
    let reply = gate.post("/tokens", &gate.admin, json!({"description": "x", "user": "nobody"})).await;
    assert!(reply.text.contains("POST /users"), "{reply:?}");
}

#[tokio::test]
async fn a_user_has_a_bounded_number_of_active_tokens() {
    let gate = Gate::start().await;
    gate.settings(json!({"max_tokens_per_user": 2})).await;
    let made = gate.token(&gate.admin, json!({"description": "second"})).await;
    let third = || gate.post("/tokens", &gate.admin, json!({"description": "third"}));
    third().await.refused(409, "too_many_tokens");
    gate.delete(&format!("/tokens/{}", id(&made)), &gate.admin).await;
    third().await.ok(201);
}
