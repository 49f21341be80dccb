//! Entries of sources, as those see them who look after a gate: in explanations, the overview, metrics and posts.

use serde_json::{Value, json};

use crate::metrics::values;
use crate::sources::{Ci, document, entry};
use crate::support::{DAY, Gate};
use crate::webhook_receiver::Receiver;
use crate::webhooks::{add, deliveries, stage, tell};

async fn explained(gate: &Gate, by: &str, question: Value) -> Vec<Value> {
    let mut question = question;
    (question["address"], question["path"]) = (json!("192.0.2.1"), json!("/rest/a"));
    gate.post("/explain", by, question).await.ok(200)["cases"].as_array().unwrap().clone()
}

#[tokio::test]
async fn it_is_said_why_an_entry_is_refused_and_that_a_push_changes_it() {
    let ci = Ci::start().await;
    let admin = &ci.gate.admin;
    let with = |id: &str, n: u64, field: &str, value: Value| {
        let mut entry = entry(id, n, "fred");
        entry[field] = value;
        entry
    };
    let all = [
        entry("good", 1, "fred"),
        with("off", 2, "disabled", json!(true)),
        with("bound", 3, "allowed_ips", json!(["10.0.0.0/8"])),
        with("short", 4, "expires_at", json!("2026-11-22T09:00:05Z")),
        with("reads", 5, "scope", json!("read_only")),
    ];
    ci.push("", &all).await.ok(200);
    ci.gate.pass(5);
    let ask =
        async |id: &str| explained(&ci.gate, admin, json!({"token": id, "method": "POST"})).await[0].clone();
    for (id, decision, rule, who, part) in [
        ("good", "allow.token", "token", "service", "access log"),
        (
            "off",
            "refuse.token_disabled",
            "token_disabled",
            "source",
            "document of the source ci with the entry off",
        ),
        ("bound", "refuse.ip_not_allowed", "token_ips", "source", "allowed_ips of the entry bound"),
        ("short", "refuse.token_expired", "token_expiry", "source", "later expires_at of the entry short"),
        ("reads", "refuse.scope_exceeded", "token_scope", "source", "another scope of the entry reads"),
    ] {
        let said = ask(&format!("ci.{id}")).await;
        let got = ["decision", "rule", "who"].map(|name| said[name].as_str().unwrap());
        assert_eq!(got, [decision, rule, who], "{id}");
        assert!(said["change"].as_str().unwrap().contains(part), "{said}");
        assert_eq!(said["token"], Value::Null, "it is nobody's to manage");
        let entry = &said["entry"];
        let got = ["source", "id", "token_id", "user"].map(|name| entry[name].as_str().unwrap());
        assert_eq!(got, ["ci", id, &format!("ci.{id}"), "fred"]);
    }
    let nobody = json!({"token": "ci.none", "address": "192.0.2.1", "path": "/"});
    ci.gate.post("/explain", admin, nobody).await.refused(404, "not_found");
    // With all that a user has, and by Basic.
    let of_fred = explained(&ci.gate, admin, json!({"user": "fred"})).await;
    let entries = of_fred.iter().filter(|case| case["entry"].is_object()).count();
    assert_eq!((entries, of_fred.len()), (5, 8), "five entries, a password, another token and nothing");
    let basic = explained(&ci.gate, admin, json!({"token": "ci.good", "basic_user": "anna"})).await;
    assert_eq!((&basic[0]["rule"], &basic[0]["who"]), (&json!("unknown_token"), &json!("client")));
    // Who has become more since.
    ci.gate.patch("/users/fred", admin, json!({"role": "token_manager"})).await.ok(200);
    let said = ask("ci.good").await;
    assert_eq!(said["decision"], "refuse.use_not_allowed");
    assert_eq!(
        (&said["rule"], &said["who"], &said["setting"]),
        (&json!("owner_role"), &json!("admin"), &Value::Null)
    );
}

#[tokio::test]
async fn people_see_entries_of_their_own_name_and_no_others() {
    let gate = Gate::start().await;
    let (fred, anna, mona) = (
        gate.person("fred", "user").await,
        gate.person("anna", "user").await,
        gate.person("mona", "token_manager").await,
    );
    gate.post("/sources", &gate.admin, json!({"name": "ci", "users": ["fred"]})).await.ok(201);
    gate.put("/sources/ci/snapshot", &gate.admin, document(&[entry("a", 1, "fred")])).await.ok(200);
    let question = json!({"token": "ci.a", "address": "192.0.2.1", "path": "/"});
    for by in [&fred, &mona] {
        gate.post("/explain", by, question.clone()).await.ok(200);
    }
    gate.post("/explain", &anna, question).await.refused(404, "not_found");
}

#[tokio::test]
async fn the_overview_and_metrics_count_entries_apart_by_their_source() {
    let ci = Ci::start().await;
    let admin = &ci.gate.admin;
    ci.gate.post("/sources", admin, json!({"name": "other", "user_prefix": "ci-"})).await.ok(201);
    let tokens = ci.gate.get("/overview", admin).await.ok(200)["tokens"].clone();
    let with = |id: &str, n: u64, end: &str| {
        let mut entry = entry(id, n, "fred");
        entry["expires_at"] = end.into();
        entry
    };
    let mut off = entry("off", 5, "fred");
    off["disabled"] = true.into();
    let all = [
        entry("a", 1, "fred"),
        with("ends", 2, "2026-11-22T09:00:05Z"),
        with("soon", 3, "2026-11-23T09:00:00Z"),
        with("later", 4, "2026-12-20T09:00:00Z"),
        off,
    ];
    ci.push("", &all).await.ok(200);
    ci.gate.pass(5);
    let overview = ci.gate.get("/overview", admin).await.ok(200);
    assert_eq!(overview["tokens"], tokens, "they are not among the tokens");
    let counts = |source: &str, [active, disabled, expired, week, month]: [u64; 5]| {
        json!({"source": source, "active": active, "disabled": disabled, "expired": expired,
               "expiring_within_7_days": week, "expiring_within_30_days": month})
    };
    assert_eq!(overview["entries"], json!([counts("ci", [3, 1, 1, 1, 2]), counts("other", [0; 5])]));
    let told = values(&ci.gate).await;
    for (name, value) in [
        ("gatepass_source_entries{source=\"ci\",state=\"active\"}", 3.0),
        ("gatepass_source_entries{source=\"ci\",state=\"disabled\"}", 1.0),
        ("gatepass_source_entries{source=\"ci\",state=\"expired\"}", 1.0),
        ("gatepass_source_entries{source=\"other\",state=\"active\"}", 0.0),
        ("gatepass_source_entries_expiring{source=\"ci\",within=\"1d\"}", 1.0),
        ("gatepass_source_entries_expiring{source=\"ci\",within=\"30d\"}", 2.0),
    ] {
        assert_eq!(told.get(name), Some(&value), "{name}: {told:?}");
    }
}

#[tokio::test]
async fn endpoints_are_told_of_entries_once_a_stage_and_again_when_the_end_was_put_off() {
    let gate = stage().await;
    let receiver = Receiver::start(None).await;
    let webhook = add(&gate, &receiver.url("/hook")).await;
    gate.post("/sources", &gate.admin, json!({"name": "ci", "users": ["fred"]})).await.ok(201);
    let push = async |n: u64, end: &str| {
        let mut pushed = entry("deploy", n, "fred");
        pushed["expires_at"] = end.into();
        let body = document(&[pushed, entry("other", 9, "fred")]);
        gate.put("/sources/ci/snapshot", &gate.admin, body).await.ok(200);
    };
    let told = async || -> Vec<Value> {
        tell(&gate.context).await;
        tell(&gate.context).await;
        receiver.take().iter().map(|post| post.json()["data"].clone()).collect()
    };
    push(1, "2027-01-31T09:00:00Z").await;
    assert!(told().await.is_empty());
    gate.pass(40 * DAY);
    let expected = json!({"token_id": "ci.deploy", "source": "ci", "user": "fred", "description": "", "hint": "",
                          "expires_at": "2027-01-31T09:00:00Z", "within_days": 30});
    assert_eq!(told().await, [expected]);
    assert!(told().await.is_empty(), "once");
    // Put off: what was said was of another end.
    push(1, "2027-03-31T09:00:00Z").await;
    assert!(told().await.is_empty());
    gate.pass(60 * DAY);
    let again = told().await;
    assert_eq!((again.len(), &again[0]["expires_at"]), (1, &json!("2027-03-31T09:00:00Z")));
    // Another secret of the same id has an end of its own.
    push(2, "2027-05-31T09:00:00Z").await;
    gate.pass(61 * DAY);
    assert_eq!(told().await.len(), 1);
    // What has gone when its turn comes is not told of.
    gate.pass(23 * DAY);
    gatepass_control_plane::webhooks::sending::note_due(&gate.context).await.unwrap();
    gate.put("/sources/ci/snapshot", &gate.admin, document(&[entry("other", 9, "fred")])).await.ok(200);
    assert!(told().await.is_empty());
    let last = &deliveries(&gate, &webhook).await[0];
    assert_eq!(
        (&last["state"], &last["problem"], &last["token_id"]),
        (&json!("dropped"), &json!("revoked"), &json!("ci.deploy"))
    );
}
