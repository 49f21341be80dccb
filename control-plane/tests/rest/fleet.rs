//! `/fleet`: who enforces what.

use gatepass_control_plane::delivery::ecds;
use serde_json::{Value, json};

use crate::reporter::{Reporter, report};
use crate::support::Gate;

#[tokio::test]
async fn only_admins_see_the_fleet() {
    let gate = Gate::start().await;
    for role in ["user", "token_manager"] {
        let person = gate.person(role, role).await;
        gate.get("/fleet", &person).await.refused(403, "admin_required");
    }
    let weak = gate.token(&gate.admin, json!({"description": "x"})).await;
    gate.get("/fleet", weak["token"].as_str().unwrap()).await.refused(403, "control_plane_required");
    gate.get("/fleet", "").await.refused(401, "credentials_missing");
    gate.get("/fleet", &gate.admin).await.ok(200);
}

#[tokio::test]
async fn live_on_how_many_of_how_many() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    let totals = async || {
        let fleet = gate.get("/fleet", &gate.admin).await.ok(200);
        json!([fleet["up_to_date"], fleet["workers"], fleet["silent"]])
    };
    assert_eq!(totals().await, json!([0, 0, 0]));
    for worker in 1..=3 {
        reporter.post(&report(&gate, worker, 1, json!([])).await).await.ok(200);
    }
    assert_eq!(totals().await, json!([3, 3, 0]));
    gate.token(&gate.admin, json!({"description": "x"})).await;
    assert_eq!(totals().await, json!([0, 3, 0]), "nobody has said that it has the change");
    reporter.post(&report(&gate, 1, 2, json!([])).await).await.ok(200);
    assert_eq!(totals().await, json!([1, 3, 0]));
    gate.pass(150);
    assert_eq!(totals().await, json!([1, 3, 0]));
    reporter.post(&report(&gate, 2, 2, json!([])).await).await.ok(200);
    gate.pass(1);
    assert_eq!(totals().await, json!([1, 1, 2]), "who is silent may be gone, and counts apart");
}

#[tokio::test]
async fn each_worker_is_shown_with_what_it_said() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    let old = report(&gate, 2, 1, json!([])).await;
    gate.token(&gate.admin, json!({"description": "x"})).await;
    gate.token(&gate.admin, json!({"description": "y"})).await;
    let version = gate.version().await;
    let mut other_epoch = report(&gate, 3, 1, json!([])).await;
    other_epoch["epoch"] = json!("before");
    let mut nothing = report(&gate, 4, 1, json!([])).await;
    for field in ["epoch", "revision", "tokens", "decisions", "uses", "stale_revisions", "dropped_uses"] {
        nothing.as_object_mut().unwrap().remove(field);
    }
    let mut elsewhere = report(&gate, 1, 1, json!([])).await;
    elsewhere["node"] = json!({"id": "gate-0", "cluster": "edge"});
    (elsewhere["stale_revisions"], elsewhere["dropped_uses"]) = (json!(2), json!(3));
    let mut second = report(&gate, 9, 1, json!([])).await;
    second["instance"] = json!("a/b");
    for report in [&old, &other_epoch, &nothing, &second, &elsewhere] {
        reporter.post(report).await.ok(200);
        gate.pass(1);
    }
    let fleet = gate.get("/fleet", &gate.admin).await.ok(200);
    assert_eq!(fleet, gate.get("/fleet", &gate.admin).await.ok(200), "in a stable order");
    assert_eq!(fleet["epoch"], version.epoch);
    assert_eq!(fleet["revision"], version.revision.to_string());
    assert_eq!(fleet["max_workers"], 10_000);
    let places: Vec<Value> = fleet["proxies"].as_array().unwrap().iter().map(|p| p["node"].clone()).collect();
    assert_eq!(places, ["gate-0", "gate-1"]);
    assert_eq!(
        fleet["proxies"][0],
        json!({"node": "gate-0", "cluster": "edge", "instances": [{"instance": "gatepass/gatepass", "workers": [{
            "worker": "0000000000000001", "module_version": "0.1.0",
            "epoch": version.epoch, "revision": version.revision.to_string(), "tokens": 1,
            "up_to_date": true, "revisions_behind": 0, "silent": false,
            "first_seen_at": "2026-11-22T09:00:04Z", "last_report_at": "2026-11-22T09:00:04Z",
            "decisions": {"allow.token": 3, "refuse.token_expired": 1}, "stale_revisions": 2, "dropped_uses": 3,
        }]}]})
    );
    let instances = &fleet["proxies"][1]["instances"];
    assert_eq!(
        (&instances[0]["instance"], &instances[1]["instance"]),
        (&json!("a/b"), &json!("gatepass/gatepass"))
    );
    let shown: Vec<Value> = instances[1]["workers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|worker| {
            json!([worker["worker"], worker["epoch"], worker["up_to_date"], worker["revisions_behind"]])
        })
        .collect();
    assert_eq!(
        shown,
        [
            json!(["0000000000000002", version.epoch, false, 2]),
            json!(["0000000000000003", "before", false, null]),
            json!(["0000000000000004", null, false, null]),
        ]
    );
    assert_eq!(instances[1]["workers"][2]["decisions"], json!({}));
}

#[tokio::test]
async fn the_filter_is_told_where_to_report() {
    let gate = Gate::start().await;
    let expected = json!({"cluster": "gatepass", "path": "/dataplane/v1/usage", "interval_ms": 10_000});
    assert_eq!(gate.delivered()["report"], expected);
    assert_eq!(gate.get("/snapshot", &gate.admin).await.ok(200)["report"], expected);
    let plugin = ecds::plugin(&std::fs::read(gate.ecds_file()).unwrap()).unwrap();
    let variables = plugin.vm_config.unwrap().environment_variables.unwrap();
    assert_eq!(variables.host_env_keys, ["GATEPASS_REPORT_KEY"]);
}
