//! `/overview`: how many tokens there are, and how the proxies decide.

use serde_json::{Value, json};

use crate::reporter::{Reporter, report, used};
use crate::support::{DAY, Gate, START, id};

/// As an admin sees it whose token outlives the first start's.
async fn overview(gate: &Gate, boss: &str, span: &str) -> Value {
    gate.get(&format!("/overview?requests={span}"), boss).await.ok(200)
}

/// A report that tells of these decisions.
async fn decided(gate: &Gate, worker: u64, sequence: u64, decisions: Value) -> Value {
    let mut report = report(gate, worker, sequence, json!([])).await;
    report["decisions"] = decisions;
    report
}

fn totals(overview: &Value) -> Value {
    let requests = &overview["requests"];
    json!([requests["allowed"], requests["refused"], requests["decisions"]])
}

#[tokio::test]
async fn managers_get_the_tokens_of_all_but_admins_and_admins_everything() {
    let gate = Gate::start().await;
    let mona = gate.person("mona", "token_manager").await;
    let fred = gate.person("fred", "user").await;
    gate.token(&fred, json!({"description": "x", "valid_for": "P6M"})).await;
    let counts = |active: u64| {
        json!({"active": active, "disabled": 0, "expired": 0, "revoked": 0, "never_used": active,
               "expiring_within_7_days": 0, "expiring_within_30_days": 0})
    };
    let seen = gate.get("/overview", &mona).await.ok(200);
    assert_eq!((&seen["tokens"], &seen["requests"]), (&counts(3), &Value::Null));
    assert_eq!(seen["at"], "2026-11-22T09:00:00Z");
    let all = gate.get("/overview", &gate.admin).await.ok(200);
    // The first start's token ends within a day.
    let mut expected = counts(4);
    (expected["expiring_within_7_days"], expected["expiring_within_30_days"]) = (json!(1), json!(1));
    assert_eq!(all["tokens"], expected);
    assert!(all["requests"].is_object());
}

#[tokio::test]
async fn the_counts_of_tokens_are_those_of_the_lists() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    gate.settings(json!({"custom_validity": true})).await;
    let boss = gate.person("boss", "admin").await;
    let mut ids = Vec::new();
    for days in [1, 7, 8, 30, 31, 60] {
        let wish = json!({"description": "x", "valid_for": format!("P{days}D")});
        ids.push(id(&gate.token(&boss, wish).await));
    }
    gate.patch(&format!("/tokens/{}", ids[1]), &boss, json!({"enabled": false})).await.ok(200);
    gate.delete(&format!("/tokens/{}", ids[2]), &boss).await;
    reporter.post(&report(&gate, 1, 1, json!([used(&ids[3], START)])).await).await.ok(200);
    let listed = async |query: &str| {
        let page = gate.get(&format!("/tokens?limit=200&{query}"), &boss).await.ok(200);
        page["items"].as_array().unwrap().len()
    };
    for passed in [0, DAY, 6 * DAY, DAY, 30 * DAY] {
        gate.pass(passed);
        let tokens = gate.get("/overview", &boss).await.ok(200)["tokens"].clone();
        for (name, query) in [
            ("active", "state=active"),
            ("disabled", "state=disabled"),
            ("expired", "state=expired"),
            ("revoked", "state=revoked"),
            ("never_used", "state=active&last_used=never"),
            ("expiring_within_7_days", "state=active&expires=within_7_days"),
            ("expiring_within_30_days", "state=active&expires=within_30_days"),
        ] {
            assert_eq!(tokens[name], listed(query).await, "{name} after {passed}");
        }
    }
}

#[tokio::test]
async fn requests_are_counted_once_however_often_they_are_reported() {
    let gate = Gate::start().await;
    let boss = gate.person("boss", "admin").await;
    let reporter = Reporter::start(&gate).await;
    let first = decided(&gate, 1, 1, json!({"allow.token": 3, "refuse.token_expired": 1})).await;
    let expected = json!([3, 1, {"allow.token": 3, "refuse.token_expired": 1}]);
    for _ in 0..2 {
        reporter.post(&first).await.ok(200);
        assert_eq!(
            totals(&overview(&gate, &boss, "last_hour").await),
            expected,
            "the same again says nothing new"
        );
    }
    // The report between was lost: the next has all.
    reporter
        .post(&decided(&gate, 1, 3, json!({"allow.token": 10, "refuse.token_expired": 1})).await)
        .await
        .ok(200);
    // Another worker has counts of its own, and an old report says nothing.
    reporter.post(&decided(&gate, 2, 1, json!({"allow.token": 5})).await).await.ok(200);
    reporter.post(&first).await.ok(200);
    assert_eq!(
        totals(&overview(&gate, &boss, "last_hour").await),
        json!([15, 1, {"allow.token": 15, "refuse.token_expired": 1}])
    );
}

#[tokio::test]
async fn who_was_forgotten_begins_anew() {
    let gate = Gate::start().await;
    let boss = gate.person("boss", "admin").await;
    let reporter = Reporter::start(&gate).await;
    reporter.post(&decided(&gate, 1, 1, json!({"allow.token": 3})).await).await.ok(200);
    gate.pass(DAY + 1);
    // What of these was counted before is not known any more.
    reporter.post(&decided(&gate, 1, 2, json!({"allow.token": 9})).await).await.ok(200);
    reporter.post(&decided(&gate, 1, 3, json!({"allow.token": 11})).await).await.ok(200);
    assert_eq!(totals(&overview(&gate, &boss, "last_7_days").await), json!([5, 0, {"allow.token": 5}]));
}

#[tokio::test]
async fn names_that_no_filter_has_take_no_room() {
    let gate = Gate::start().await;
    let boss = gate.person("boss", "admin").await;
    let reporter = Reporter::start(&gate).await;
    let odd = json!({"allow.everything": 1, "allow.something": 2, "refuse.everyone": 4});
    reporter.post(&decided(&gate, 1, 1, odd).await).await.ok(200);
    let shown = overview(&gate, &boss, "last_hour").await;
    assert_eq!(totals(&shown), json!([3, 4, {"allow.other": 3, "refuse.other": 4}]));
}

#[tokio::test]
async fn requests_stand_in_the_step_in_which_they_were_reported() {
    let gate = Gate::start().await;
    let boss = gate.person("boss", "admin").await;
    let reporter = Reporter::start(&gate).await;
    let post = async |sequence: u64, count: u64| {
        reporter.post(&decided(&gate, 1, sequence, json!({"allow.token": count})).await).await.ok(200);
    };
    post(1, 1).await;
    gate.pass(59);
    post(2, 3).await;
    gate.pass(1);
    post(3, 7).await;
    let filled = |overview: &Value| -> Vec<Value> {
        let steps = overview["requests"]["steps"].as_array().unwrap().iter();
        let filled = steps.filter(|step| step["decisions"] != json!({}));
        filled.map(|step| json!([step["at"], step["decisions"]["allow.token"]])).collect()
    };
    let hour = overview(&gate, &boss, "last_hour").await;
    let minutes = [json!(["2026-11-22T09:00:00Z", 3]), json!(["2026-11-22T09:01:00Z", 4])];
    assert_eq!(filled(&hour), minutes);
    for (span, seconds, steps) in [
        ("last_hour", 60, 60),
        ("last_24_hours", 900, 96),
        ("last_7_days", 3 * 3600, 56),
        ("last_30_days", 12 * 3600, 60),
        ("last_90_days", DAY, 90),
    ] {
        let shown = overview(&gate, &boss, span).await;
        let requests = &shown["requests"];
        assert_eq!(requests["step_seconds"], seconds, "{span}");
        assert_eq!(requests["steps"].as_array().unwrap().len(), steps, "{span}");
        assert_eq!(totals(&shown), json!([7, 0, {"allow.token": 7}]), "{span}");
    }
    // A day later minutes are hours, and what a worker says that was forgotten meanwhile is the beginning of a new count.
    gate.pass(2 * DAY);
    post(4, 8).await;
    post(5, 9).await;
    assert_eq!(totals(&overview(&gate, &boss, "last_7_days").await), json!([8, 0, {"allow.token": 8}]));
    gate.pass(91 * DAY);
    reporter.post(&decided(&gate, 2, 1, json!({"allow.token": 1})).await).await.ok(200);
    assert_eq!(totals(&overview(&gate, &boss, "last_90_days").await), json!([1, 0, {"allow.token": 1}]));
}

#[tokio::test]
async fn the_span_is_one_of_a_few() {
    let gate = Gate::start().await;
    assert_eq!(gate.get("/overview", &gate.admin).await.ok(200)["requests"]["span"], "last_24_hours");
    gate.get("/overview?requests=last_year", &gate.admin).await.wrong("requests");
    gate.get("/overview?colour=red", &gate.admin).await.wrong("colour");
}
