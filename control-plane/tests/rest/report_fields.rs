//! The bounds of a report: what is outside them is refused whole, with the field's name.

use gatepass_control_plane::dataplane::USAGE_PATH;
use serde_json::{Value, json};

use crate::reporter::{Reporter, report, used};
use crate::support::{Gate, START};

#[tokio::test]
async fn a_thousand_uses_are_taken_and_not_one_more() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    let uses = |count: usize| (0..count).map(|n| used(&format!("t{n}"), START)).collect::<Vec<_>>();
    let reply = reporter.post(&report(&gate, 1, 1, json!(uses(1000))).await).await;
    assert_eq!(reply.ok(200), json!({"accepted": 0, "unknown": 1000}));
    reporter.post(&report(&gate, 1, 2, json!(uses(1001))).await).await.wrong("uses");
}

#[tokio::test]
async fn a_wrong_field_is_named_and_its_value_not_repeated() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    let (long, name) = ("x".repeat(513), "y".repeat(65));
    let other_use = |field: &str, value: Value| {
        let mut entry = used("t1", START);
        entry[field] = value;
        json!([used("t0", START), entry])
    };
    let too_many: serde_json::Map<_, _> =
        (0..65).map(|n| (format!("refuse.{}", "a".repeat(n + 1)), json!(1))).collect();
    for (field, value, named) in [
        ("version", json!(2), "version"),
        ("version", json!(null), "version"),
        ("surprise", json!(1), "surprise"),
        ("node", json!(["gate-1", "edge"]), "node"),
        ("node", json!({"id": "a"}), "node.cluster"),
        ("node", json!({"id": "a", "cluster": "b", "zone": "c"}), "node.zone"),
        ("node", json!({"id": &long, "cluster": "b"}), "node.id"),
        ("node", json!({"id": "a", "cluster": "b\n"}), "node.cluster"),
        ("instance", json!(&long), "instance"),
        ("instance", json!("a\u{7f}"), "instance"),
        ("worker", json!("0123456789abcdeg"), "worker"),
        ("worker", json!("0123456789ABCDEF"), "worker"),
        ("worker", json!("0123456789abcde"), "worker"),
        ("worker", json!(12), "worker"),
        ("module_version", json!(""), "module_version"),
        ("module_version", json!("0.1 beta"), "module_version"),
        ("module_version", json!(&name), "module_version"),
        ("sequence", json!(0), "sequence"),
        ("sequence", json!(-1), "sequence"),
        ("sequence", json!(1.5), "sequence"),
        ("sequence", json!(u64::MAX), "sequence"),
        ("time", json!(253_402_300_800_u64), "time"),
        ("time", json!("now"), "time"),
        ("epoch", json!("a b"), "epoch"),
        ("epoch", json!(&name), "epoch"),
        ("epoch", json!(null), "epoch"),
        ("revision", json!(7), "revision"),
        ("revision", json!("07"), "revision"),
        ("revision", json!("+7"), "revision"),
        ("revision", json!(""), "revision"),
        ("revision", json!("18446744073709551616"), "revision"),
        ("tokens", json!(u64::MAX), "tokens"),
        ("decisions", json!([]), "decisions"),
        ("decisions", json!({"allow.": 1}), "decisions"),
        ("decisions", json!({"deny.token": 1}), "decisions"),
        ("decisions", json!({"allow.Token": 1}), "decisions"),
        ("decisions", json!({format!("allow.{}", "a".repeat(43)): 1}), "decisions"),
        ("decisions", json!({"allow.token": -1}), "decisions.allow.token"),
        ("decisions", json!({"allow.token": u64::MAX}), "decisions.allow.token"),
        ("decisions", Value::Object(too_many), "decisions"),
        ("stale_revisions", json!(-1), "stale_revisions"),
        ("dropped_uses", json!(u64::MAX), "dropped_uses"),
        ("uses", json!({}), "uses"),
        ("uses", json!([["t1", 1, START]]), "uses[0]"),
        ("uses", json!([used("t1", START), used("t1", START)]), "uses[1].id"),
        ("uses", other_use("id", json!("a b")), "uses[1].id"),
        ("uses", other_use("id", json!(&name)), "uses[1].id"),
        ("uses", other_use("count", json!(0)), "uses[1].count"),
        ("uses", other_use("count", json!(u64::MAX)), "uses[1].count"),
        ("uses", other_use("last_used_at", json!(-1)), "uses[1].last_used_at"),
        ("uses", other_use("last_used_at", json!(u64::MAX)), "uses[1].last_used_at"),
        ("uses", other_use("ip", json!("10.0.0.1:80")), "uses[1].ip"),
        ("uses", other_use("ip", json!(null)), "uses[1].ip"),
        ("uses", other_use("user_agent", json!("x".repeat(257))), "uses[1].user_agent"),
        ("uses", other_use("path", json!("/")), "uses[1].path"),
    ] {
        let mut wrong = report(&gate, 1, 1, json!([])).await;
        wrong[field] = value.clone();
        let reply = reporter.post(&wrong).await;
        reply.wrong(named);
        assert!(!reply.text.contains("xxxx") && !reply.text.contains("yyyy"), "{reply:?}");
    }
    for missing in ["version", "node", "worker", "instance", "module_version", "sequence", "time", "tokens"] {
        let mut wrong = report(&gate, 1, 1, json!([])).await;
        wrong.as_object_mut().unwrap().remove(missing);
        reporter.post(&wrong).await.wrong(missing);
    }
    let bearer = format!("Bearer {}", reporter.key);
    let text = report(&gate, 1, 1, json!([])).await.to_string();
    let twice = text.replace("\"allow.token\":3", "\"allow.token\":3,\"allow.token\":4");
    assert_ne!(text, twice);
    let send = async |body: String| {
        reporter.send("POST", USAGE_PATH, &[("authorization", &bearer)], body.as_bytes()).await
    };
    send(twice).await.wrong("decisions");
    assert_eq!(send("[]".to_owned()).await.problem().0, 400);
    assert_eq!(send(format!("{text}{text}")).await.problem().0, 400);
    assert_eq!(gate.get("/fleet", &gate.admin).await.ok(200)["workers"], 0, "nothing was taken");
}
