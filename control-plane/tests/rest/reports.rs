//! What the control plane makes of a report.

use serde_json::{Value, json};

use crate::reporter::{Reporter, report, used};
use crate::support::{DAY, Gate, START, id, secret};

async fn last_used(gate: &Gate, id: &str) -> Value {
    gate.get(&format!("/tokens/{id}"), &gate.admin).await.ok(200)["last_used"].clone()
}

#[tokio::test]
async fn a_use_is_shown_to_whoever_may_see_the_token() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    let fred = gate.person("fred", "user").await;
    let wilma = gate.person("wilma", "user").await;
    let token = id(&gate.token(&fred, json!({"description": "x"})).await);
    let path = format!("/tokens/{token}");
    assert_eq!(gate.get(&path, &fred).await.ok(200)["last_used"], Value::Null);

    let reply = reporter.post(&report(&gate, 1, 1, json!([used(&token, START - 5)])).await).await;
    assert_eq!(reply.ok(200), json!({"accepted": 1, "unknown": 0}));
    let expected = json!({"at": "2026-11-22T08:59:55Z", "ip": "10.0.0.1", "user_agent": "curl/8.0"});
    assert_eq!(gate.get(&path, &fred).await.ok(200)["last_used"], expected, "the owner");
    let listed = gate.get("/tokens?user=fred", &gate.admin).await.ok(200);
    let mut listed = listed["items"].as_array().unwrap().iter();
    assert_eq!(listed.find(|shown| shown["id"] == token).unwrap()["last_used"], expected, "an admin");
    gate.get(&path, &wilma).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_use_makes_no_revision_no_snapshot_and_no_audit_entry() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    let token = id(&gate.token(&gate.admin, json!({"description": "x"})).await);
    let (before, file) = (gate.state().await, std::fs::read(gate.ecds_file()).unwrap());
    reporter.post(&report(&gate, 1, 1, json!([used(&token, START)])).await).await.ok(200);
    assert_ne!(last_used(&gate, &token).await, Value::Null);
    assert_eq!(gate.state().await, before);
    assert_eq!(std::fs::read(gate.ecds_file()).unwrap(), file);
    gate.delete(&format!("/tokens/{token}"), &gate.admin).await;
    let audit = gate.get("/audit", &gate.admin).await.ok(200).to_string();
    assert!(!audit.contains("curl/8.0") && !audit.contains("last_used"), "{audit}");
}

#[tokio::test]
async fn the_last_use_moves_only_forward_and_never_past_now() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    let token = id(&gate.token(&gate.admin, json!({"description": "x"})).await);
    for (sequence, at, shown) in [
        (1, START - 10, "2026-11-22T08:59:50Z"),
        (2, START - 11, "2026-11-22T08:59:50Z"),
        (3, START - 9, "2026-11-22T08:59:51Z"),
        (4, START + 3600, "2026-11-22T09:00:00Z"),
        (5, 253_402_300_799, "2026-11-22T09:00:00Z"),
    ] {
        reporter.post(&report(&gate, 1, sequence, json!([used(&token, at)])).await).await.ok(200);
        assert_eq!(last_used(&gate, &token).await["at"], shown, "{at}");
    }
    gate.pass(5);
    reporter.post(&report(&gate, 1, 6, json!([used(&token, START + 3)])).await).await.ok(200);
    assert_eq!(last_used(&gate, &token).await["at"], "2026-11-22T09:00:03Z", "a clock ahead bars nothing");
}

#[tokio::test]
async fn what_the_proxy_could_not_read_is_null_and_mapped_addresses_are_ipv4() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    let token = id(&gate.token(&gate.admin, json!({"description": "x"})).await);
    let bare = json!({"id": token, "count": 1, "last_used_at": 1});
    reporter.post(&report(&gate, 1, 1, json!([bare])).await).await.ok(200);
    let shown = json!({"at": "1970-01-01T00:00:01Z", "ip": null, "user_agent": null});
    assert_eq!(last_used(&gate, &token).await, shown);
    let odd = json!({"id": token, "count": 9, "last_used_at": 2, "ip": "::ffff:10.0.0.9",
                     "user_agent": "a\tb\u{0}c\u{85}"});
    reporter.post(&report(&gate, 1, 2, json!([odd])).await).await.ok(200);
    let shown =
        json!({"at": "1970-01-01T00:00:02Z", "ip": "10.0.0.9", "user_agent": "a\u{fffd}b\u{fffd}c\u{fffd}"});
    assert_eq!(last_used(&gate, &token).await, shown, "one odd client does not spoil a report");
}

#[tokio::test]
async fn a_token_in_a_user_agent_is_not_kept() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    let made = gate.token(&gate.admin, json!({"description": "x"})).await;
    let mut leaked = used(&id(&made), START);
    leaked["user_agent"] = json!(format!("job {}", secret(&made)));
    reporter.post(&report(&gate, 1, 1, json!([leaked])).await).await.ok(200);
    assert_eq!(last_used(&gate, &id(&made)).await["user_agent"], Value::Null);
}

#[tokio::test]
async fn unknown_tokens_are_left_out_and_counted_and_revoked_ones_are_known() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    let token = id(&gate.token(&gate.admin, json!({"description": "x"})).await);
    gate.delete(&format!("/tokens/{token}"), &gate.admin).await;
    let uses = json!([used("nobodys", START), used(&token, START), used("A-b_c.9", START)]);
    let reply = reporter.post(&report(&gate, 1, 1, uses).await).await;
    assert_eq!(reply.ok(200), json!({"accepted": 1, "unknown": 2}));
    assert_eq!(last_used(&gate, &token).await["at"], "2026-11-22T09:00:00Z");
}

#[tokio::test]
async fn a_report_that_was_taken_is_acknowledged_again_and_changes_nothing() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    let token = id(&gate.token(&gate.admin, json!({"description": "x"})).await);
    reporter.post(&report(&gate, 1, 7, json!([used(&token, START - 9)])).await).await.ok(200);
    let fleet = gate.get("/fleet", &gate.admin).await.ok(200);
    gate.pass(30);
    for sequence in [7, 6, 1] {
        let mut again = report(&gate, 1, sequence, json!([used(&token, START)])).await;
        again["dropped_uses"] = json!(5);
        assert_eq!(reporter.post(&again).await.ok(200), json!({"accepted": 0, "unknown": 0}));
    }
    assert_eq!(last_used(&gate, &token).await["at"], "2026-11-22T08:59:51Z");
    assert_eq!(gate.get("/fleet", &gate.admin).await.ok(200), fleet);
    // Another worker, another instance and another node count for themselves.
    reporter.post(&report(&gate, 2, 1, json!([used(&token, START)])).await).await.ok(200);
    assert_eq!(last_used(&gate, &token).await["at"], "2026-11-22T09:00:00Z");
    for (field, value) in [("instance", json!("x/y")), ("node", json!({"id": "gate-2", "cluster": "edge"}))] {
        let mut other = report(&gate, 1, 1, json!([])).await;
        other[field] = value;
        reporter.post(&other).await.ok(200);
    }
    assert_eq!(gate.get("/fleet", &gate.admin).await.ok(200)["workers"], 4);
}

#[tokio::test]
async fn a_revision_that_does_not_exist_yet_is_refused_with_the_whole_report() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    let token = id(&gate.token(&gate.admin, json!({"description": "x"})).await);
    let revision = gate.version().await.revision;
    let mut future = report(&gate, 1, 1, json!([used(&token, START)])).await;
    future["revision"] = json!((revision + 1).to_string());
    reporter.post(&future).await.wrong("revision");
    assert_eq!(last_used(&gate, &token).await, Value::Null);
    assert_eq!(gate.get("/fleet", &gate.admin).await.ok(200)["workers"], 0);
    // Another epoch has revisions of its own: a proxy may still have the configuration of an earlier start.
    future["epoch"] = json!("another");
    future["revision"] = json!(u64::MAX.to_string());
    reporter.post(&future).await.ok(200);
}

#[tokio::test]
async fn silent_workers_are_forgotten_after_a_day() {
    let gate = Gate::start().await;
    let admin = gate.token(&gate.admin, json!({"description": "x", "control_plane": true})).await;
    let reporter = Reporter::start(&gate).await;
    reporter.post(&report(&gate, 1, 9, json!([])).await).await.ok(200);
    gate.pass(DAY);
    let known = async || gate.get("/fleet", &secret(&admin)).await.ok(200);
    assert_eq!(known().await["silent"], 1);
    gate.pass(1);
    assert_eq!(known().await["silent"], 0, "also when nobody reports any more");
    reporter.post(&report(&gate, 1, 1, json!([])).await).await.ok(200);
    assert_eq!(
        known().await["proxies"][0]["instances"][0]["workers"][0]["first_seen_at"],
        "2026-11-23T09:00:01Z"
    );
}

#[tokio::test]
async fn at_most_ten_thousand_workers_are_kept_and_silent_ones_make_room() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    let token = id(&gate.token(&gate.admin, json!({"description": "x"})).await);
    // The first 2 have been silent for 151 s and 200 s, the others speak.
    gate.sql(
        "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 9999)
         INSERT INTO workers SELECT '', printf('%016x', n), '', '', '1', NULL, NULL, NULL, '{}', 0, 0, 1, 1,
           1795338000 - CASE n WHEN 0 THEN 151 WHEN 1 THEN 200 ELSE 150 END FROM n",
    )
    .await;
    let fleet = async || gate.get("/fleet", &gate.admin).await.ok(200);
    let totals = |fleet: &Value| (fleet["workers"].as_u64().unwrap(), fleet["silent"].as_u64().unwrap());
    assert_eq!(totals(&fleet().await), (9998, 2));
    for (worker, expected) in [(1_000_001, (9999, 1)), (1_000_002, (10_000, 0)), (1_000_003, (10_000, 0))] {
        let uses = json!([used(&token, START - 2_000_000 + worker)]);
        let reply = reporter.post(&report(&gate, worker.unsigned_abs(), 1, uses).await).await;
        assert_eq!(reply.ok(200)["accepted"], 1, "its uses count in any case");
        assert_eq!(totals(&fleet().await), expected, "{worker}");
    }
    assert_eq!(last_used(&gate, &token).await["at"], "2026-11-10T19:13:23Z");
    // Who is known goes on being shown.
    reporter.post(&report(&gate, 1_000_002, 2, json!([])).await).await.ok(200);
    assert_eq!(totals(&fleet().await), (10_000, 0));
}
