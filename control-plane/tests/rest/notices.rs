//! Tokens that end soon.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{DAY, Gate, id};

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["token_id"].as_str().unwrap()).collect()
}

async fn make(gate: &Gate, user: &str, days: i64) -> Value {
    let wish = json!({"description": format!("{days} days"), "user": user, "valid_for": format!("P{days}D")});
    gate.token(&gate.admin, wish).await
}

/// A server whose first admin has no token that ends soon.
async fn stage() -> Gate {
    let mut gate = Gate::start().await;
    gate.settings(json!({"max_validity": "never", "custom_validity": true})).await;
    let wish = json!({"description": "x", "control_plane": true, "valid_for": "never"});
    let token = gate.token(&gate.admin, wish).await;
    gate.delete(&format!("/tokens/{}", first_id(&gate).await), &gate.admin).await.ok(204);
    gate.admin = crate::support::secret(&token);
    gate
}

async fn first_id(gate: &Gate) -> String {
    gate.get("/whoami", &gate.admin).await.ok(200)["token"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn they_are_told_with_what_to_do_the_next_one_first() {
    let gate = stage().await;
    let fred = gate.person("fred", "user").await;
    let [late, month, week, day] = [31, 30, 7, 1].map(|days| make(&gate, "fred", days));
    let (late, month, week, day) = (late.await, month.await, week.await, day.await);
    let told = gate.get("/notices", &fred).await.ok(200);
    assert_eq!(ids(&told), [id(&day), id(&week), id(&month)]);
    assert_eq!(
        told["items"][1],
        json!({"token_id": id(&week), "user": "fred", "description": "7 days", "hint": week["hint"],
               "expires_at": "2026-11-29T09:00:00Z", "within_days": 7, "last_used_at": null,
               "what_to_do": format!("No use of it was ever reported: if nothing needs it, let it end or revoke it \
                                      (DELETE /api/v1/tokens/{}).", id(&week))})
    );
    for (days, found) in [(1, vec![&day]), (7, vec![&day, &week]), (30, vec![&day, &week, &month])] {
        let told = gate.get(&format!("/notices?within_days={days}"), &fred).await.ok(200);
        assert_eq!(ids(&told), found.iter().map(|token| id(token)).collect::<Vec<_>>(), "{days}");
    }
    gate.pass(DAY);
    let told = gate.get("/notices", &fred).await.ok(200);
    assert_eq!(ids(&told), [id(&week), id(&month), id(&late)], "what has ended is no notice");
    assert_eq!(told["items"][2]["within_days"], 30);
}

#[tokio::test]
async fn what_no_longer_works_or_was_replaced_is_not_told() {
    let gate = stage().await;
    gate.person("fred", "user").await;
    gate.person("gone", "user").await;
    let [revoked, disabled, rotated] = [3, 4, 5].map(|days| make(&gate, "fred", days));
    let (revoked, disabled, rotated) = (revoked.await, disabled.await, rotated.await);
    make(&gate, "gone", 5).await;
    gate.delete(&format!("/tokens/{}", id(&revoked)), &gate.admin).await.ok(204);
    gate.patch(&format!("/tokens/{}", id(&disabled)), &gate.admin, json!({"enabled": false})).await.ok(200);
    let path = format!("/tokens/{}/rotate", id(&rotated));
    let successor = gate.post(&path, &gate.admin, json!({"grace": "P1D"})).await.ok(201);
    gate.patch("/users/gone", &gate.admin, json!({"active": false})).await.ok(200);
    assert_eq!(ids(&gate.get("/notices", &gate.admin).await.ok(200)), [id(&successor)]);
}

#[tokio::test]
async fn managers_see_those_of_everyone_but_admins_page_by_page() {
    let gate = stage().await;
    let mona = gate.person("mona", "token_manager").await;
    let fred = gate.person("fred", "user").await;
    let freds = [make(&gate, "fred", 5).await, make(&gate, "fred", 6).await];
    let admins = make(&gate, "admin", 7).await;
    let [first, second] = [id(&freds[0]), id(&freds[1])];
    let page = gate.get("/notices?limit=1", &mona).await.ok(200);
    assert_eq!(ids(&page), [first.as_str()]);
    let cursor = page["next_cursor"].as_str().unwrap();
    gate.pass(60);
    let rest = gate.get(&format!("/notices?limit=1&cursor={cursor}"), &mona).await.ok(200);
    assert_eq!((ids(&rest), &rest["next_cursor"]), (vec![second.as_str()], &Value::Null));
    assert_eq!(ids(&gate.get("/notices?user=admin", &gate.admin).await.ok(200)), [id(&admins)]);
    let both = gate.get("/notices?user=admin&user=fred", &gate.admin).await.ok(200);
    assert_eq!(both["items"].as_array().unwrap().len(), 3);
    gate.get(&format!("/notices?within_days=7&cursor={cursor}"), &mona).await.wrong("cursor");
    gate.get(&format!("/tokens?cursor={cursor}"), &mona).await.wrong("cursor");
    gate.get("/notices?user=nobody", &mona).await.refused(404, "not_found");
    for (query, field) in [
        ("within_days=2", "within_days"),
        ("within_days=7&within_days=7", "within_days"),
        ("limit=0", "limit"),
        ("colour=red", "colour"),
        ("user=a:b", "user"),
    ] {
        gate.get(&format!("/notices?{query}"), &gate.admin).await.wrong(field);
    }

    // Who may not make a token is told whom to ask, once there was a use.
    gate.sql("UPDATE token_uses SET used_at = 1795338000").await;
    let advice = async |caller: &str| {
        let told = gate.get("/notices?user=fred&limit=1", caller).await.ok(200);
        told["items"][0]["what_to_do"].as_str().unwrap().to_owned()
    };
    assert!(advice(&fred).await.starts_with("Make a new token"));
    gate.settings(json!({"only_admins_create_tokens": true})).await;
    assert!(advice(&fred).await.starts_with("Ask an admin"));
    assert!(advice(&gate.admin).await.starts_with("Make a new token"));
}

#[tokio::test]
async fn they_are_read_along_the_index_of_what_ends() {
    let gate = stage().await;
    let count = "SELECT count(*) FROM tokens t
                 WHERE coalesce(expires_at, 9223372036854775807) > 1 AND coalesce(expires_at, 9223372036854775807) <= 2
                   AND revoked_at IS NULL AND disabled_at IS NULL AND successor IS NULL
                   AND EXISTS (SELECT 1 FROM users u WHERE u.id = t.user_id AND u.active AND u.suspended_at IS NULL)";
    let plan = gate.plan(count).await;
    assert!(plan.contains("tokens_by_expiry (<expr>>? AND <expr><?)"), "{plan}");
    let due = "SELECT id FROM users
               WHERE suspended_at IS NULL AND active AND NOT exempt_from_suspension
                 AND coalesce(last_sign_in_at, created_at) <= 5 AND (last_sign_in_at IS NOT NULL OR 3 <= 5)
               ORDER BY coalesce(last_sign_in_at, created_at), id LIMIT 1";
    let plan = gate.plan(due).await;
    assert!(plan.contains("users_to_suspend") && !plan.contains("TEMP B-TREE"), "{plan}");
}

#[tokio::test]
async fn metrics_count_them() {
    let gate = stage().await;
    for days in [31, 30, 6, 5, 1] {
        make(&gate, "admin", days).await;
    }
    let text = gate.call(Method::GET, "/metrics", &gate.admin, None).await.text;
    for line in [
        "gatepass_tokens_expiring{within=\"1d\"} 1.0",
        "gatepass_tokens_expiring{within=\"7d\"} 3.0",
        "gatepass_tokens_expiring{within=\"30d\"} 4.0",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
