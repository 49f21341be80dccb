//! Sources: what bounds them, and what a source cannot do to others however much it pushes.

use gatepass_control_plane::password::Password;
use gatepass_control_plane::way_back;
use serde_json::{Value, json};

use crate::sources::{Ci, document, entry};
use crate::support::{DAY, Reply, secret};

#[tokio::test]
async fn a_source_pushes_so_often_a_minute_and_an_admin_is_not_bound() {
    let ci = Ci::start().await;
    ci.gate.post("/sources", &ci.gate.admin, json!({"name": "other", "users": ["fred"]})).await.ok(201);
    let other = ci.gate.post("/sources/other/push-tokens", &ci.gate.admin, json!({})).await.ok(201);
    let second = ci.gate.post("/sources/ci/push-tokens", &ci.gate.admin, json!({})).await.ok(201);
    for number in 0..30 {
        let reply =
            ci.push(if number % 2 == 0 { "?dry_run=true" } else { "" }, &[entry("a", 1, "fred")]).await;
        assert_eq!(reply.status, 200, "{number}");
    }
    let before = ci.gate.state().await;
    let refused = ci.push("", &[entry("a", 2, "fred")]).await;
    assert_eq!(refused.refused(429, "rate_limited").header("retry-after"), "2");
    let by = async |token: &str, source: &str| -> Reply {
        ci.gate.put(&format!("/sources/{source}/snapshot"), token, document(&[entry("a", 3, "fred")])).await
    };
    by(&secret(&second), "ci").await.refused(429, "rate_limited");
    assert_eq!(ci.gate.state().await, before);
    ci.gate.get("/sources/ci/snapshot", &ci.push).await.ok(200);
    by(&secret(&other), "other").await.ok(200);
    by(&ci.gate.admin, "ci").await.refused(409, "digest_taken");
    let document = document(&[entry("a", 4, "fred")]);
    ci.gate.put("/sources/ci/snapshot", &ci.gate.admin, document).await.ok(200);
    ci.gate.pass(2);
    ci.push("", &[entry("a", 1, "fred")]).await.ok(200);
    ci.push("", &[entry("a", 1, "fred")]).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn a_long_document_counts_as_several_pushes() {
    let ci = Ci::start().await;
    ci.gate.patch("/sources/ci", &ci.gate.admin, json!({"max_entries": 5000})).await.ok(200);
    let long: Vec<Value> = (0..5000).map(|n| entry(&format!("e{n}"), n, "fred")).collect();
    ci.push("?dry_run=true", &long).await.ok(200);
    ci.push("", &long).await.ok(200);
    for number in 0..27 {
        let reply = ci.push("?dry_run=true", &[entry("a", 9000, "fred")]).await;
        assert_eq!(reply.status, 200, "{number}");
    }
    ci.push("?dry_run=true", &[]).await.refused(429, "rate_limited");
    ci.gate.pass(2);
    ci.push("", &long).await.refused(429, "rate_limited");
    ci.gate.pass(4);
    assert_eq!(ci.push("", &long).await.ok(200)["unchanged"], 5000);
}

#[tokio::test]
async fn a_source_changes_so_many_entries_an_hour() {
    let ci = Ci::start().await;
    ci.gate.patch("/sources/ci", &ci.gate.admin, json!({"max_entries": 600})).await.ok(200);
    let all =
        |from: u64| -> Vec<Value> { (0..600).map(|n| entry(&format!("e{n}"), from + n, "fred")).collect() };
    ci.push("", &all(1000)).await.ok(200);
    ci.push("", &all(2000)).await.ok(200);
    let before = (ci.gate.state().await, ci.in_force().await);
    let refused = ci.push("", &all(3000)).await;
    assert_eq!(refused.refused(429, "rate_limited").header("retry-after"), "1800");
    assert_eq!((ci.gate.state().await, ci.in_force().await), before);
    assert_eq!(ci.push("?dry_run=true", &all(3000)).await.ok(200)["changed"]["count"], 600);
    assert_eq!(ci.push("", &all(2000)).await.ok(200)["unchanged"], 600, "what changes nothing is free");
    ci.gate.put("/sources/ci/snapshot", &ci.gate.admin, document(&all(4000))).await.ok(200);
    ci.gate.pass(1800);
    ci.push("", &all(3000)).await.ok(200);
    ci.push("?allow_removals=true", &[entry("e0", 3000, "fred")]).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn a_secret_does_not_become_younger_by_going_and_coming_back() {
    let ci = Ci::start().await;
    ci.gate.settings(json!({"max_validity": "P6M"})).await;
    let both = [entry("a", 1, "fred"), entry("b", 2, "fred")];
    ci.push("", &both).await.ok(200);
    let of_a = async || -> Value { ci.in_force().await["items"][0].clone() };
    let first = of_a().await;
    assert_eq!(first["expires_at"], "2027-05-22T09:00:00Z");
    ci.gate.pass(100 * DAY);
    // Under another id.
    ci.push("?allow_removals=true", &[entry("a2", 1, "fred"), entry("b", 2, "fred")]).await.ok(200);
    let renamed = of_a().await;
    assert_eq!(
        (&renamed["created_at"], &renamed["expires_at"]),
        (&first["created_at"], &first["expires_at"])
    );
    // Gone and back.
    ci.push("", &both[1..]).await.ok(200);
    let mut longer = entry("a", 1, "fred");
    longer["expires_at"] = "2027-06-01T00:00:00Z".into();
    let reply = ci.push("", &[longer, both[1].clone()]).await;
    assert!(
        reply.wrong("entries[0].expires_at").text.contains("at most 2027-05-22T09:00:00Z"),
        "{}",
        reply.text
    );
    ci.push("", &both).await.ok(200);
    let back = of_a().await;
    assert_eq!((&back["created_at"], &back["expires_at"]), (&first["created_at"], &first["expires_at"]));
    ci.push("", &both[1..]).await.ok(200);
    // A bound that has passed has passed.
    ci.gate.pass(100 * DAY);
    let reply = ci.push("", &both).await;
    let told = "pushed first at 2026-11-22T09:00:00Z";
    assert!(reply.wrong("entries[0].expires_at").text.contains(told), "{}", reply.text);
    ci.push("", &[entry("a", 3, "fred"), both[1].clone()]).await.ok(200);
}

#[tokio::test]
async fn one_source_leaves_addresses_to_others() {
    let ci = Ci::start().await;
    ci.gate.patch("/sources/ci", &ci.gate.admin, json!({"max_entries": 1000})).await.ok(200);
    let with = |count: u64| -> Vec<Value> {
        let lists = (0..count).map(|n| {
            let mut entry = entry(&format!("e{n}"), n, "fred");
            entry["allowed_ips"] = (0..64).map(|i| format!("10.{}.{}.{i}", n / 256, n % 256)).collect();
            entry
        });
        lists.collect()
    };
    let reply = ci.push("?dry_run=true", &with(782)).await;
    assert!(reply.wrong("entries").text.contains("50048"), "{}", reply.text);
    ci.push("", &with(781)).await.ok(200);
}

#[tokio::test]
async fn entries_by_a_prefix_end_when_their_user_becomes_a_person() {
    let ci = Ci::start().await;
    let admin = ci.gate.admin.clone();
    for name in ["ci-c", "ci-d"] {
        ci.gate.post("/users", &admin, json!({"name": name, "role": "user"})).await.ok(201);
    }
    ci.gate.patch("/sources/ci", &admin, json!({"users": ["fred", "ci-d"]})).await.ok(200);
    let all: Vec<Value> = [("a", "ci-a"), ("b", "ci-b"), ("c", "ci-c"), ("d", "ci-d"), ("f", "fred")]
        .iter()
        .zip(1..)
        .map(|((id, user), n)| entry(id, n, user))
        .collect();
    ci.push("", &all).await.ok(200);
    let read = ci.gate.get("/sources/ci/snapshot", &ci.push).await;
    let password = json!({"password": "correct horse battery"});
    // By a password, by an identity, and by whoever has the data folder.
    ci.gate.put("/users/ci-a/password", &admin, password.clone()).await;
    assert_eq!(ci.ids().await, ["b", "c", "d", "f"]);
    ci.push_if(read.header("etag"), &all).await.refused(412, "stale");
    let identity = json!({"issuer": "https://id.example.com", "subject": "b"});
    assert_eq!(ci.gate.post("/users/ci-b/identities", &admin, identity).await.status.as_u16() / 100, 2);
    assert_eq!(ci.ids().await, ["c", "d", "f"]);
    let password_of_c = Password::parse("correct horse battery").unwrap();
    way_back::set_password(&ci.gate.context, "ci-c", &password_of_c).await.unwrap();
    assert_eq!(ci.ids().await, ["d", "f"]);
    // Whom an admin has named exactly keeps them.
    for name in ["ci-d", "fred"] {
        ci.gate.put(&format!("/users/{name}/password"), &admin, password.clone()).await;
    }
    assert_eq!(ci.ids().await, ["d", "f"]);
    assert_eq!(ci.delivered().await.len(), 2);
    let ended = ci.gate.get("/audit?action=token.revoked", &admin).await.ok(200);
    let ended: Vec<(&Value, &Value)> =
        ended["items"].as_array().unwrap().iter().map(|item| (&item["actor"], &item["target"])).collect();
    let expected = [
        (&json!("data-folder"), &json!("token:ci.c user:ci-c")),
        (&json!("admin"), &json!("token:ci.b user:ci-b")),
        (&json!("admin"), &json!("token:ci.a user:ci-a")),
    ];
    assert_eq!(ended, expected);
    ci.push("", &all).await.wrong("entries[0].user");
}
