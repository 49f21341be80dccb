//! The largest push that is allowed, in both databases.

use std::time::{Duration, Instant};

use gatepass_control_plane::app::Storage;
use gatepass_control_plane::domain::source::MAX_ENTRIES;
use gatepass_control_plane::store::place::DatabaseUrl;
use serde_json::{Value, json};

use crate::postgres::Postgres;
use crate::sources::{digest, document};
use crate::support::{Gate, private_folder};

#[tokio::test]
#[ignore = "takes minutes where nothing is optimised"]
async fn the_largest_push_is_done_in_sqlite() {
    largest(Gate::start().await, "SQLite").await;
}

#[tokio::test]
#[ignore = "takes minutes where nothing is optimised"]
async fn the_largest_push_is_done_in_postgres() {
    let folder = private_folder();
    let key = folder.path().join("audit.key");
    crate::replicas::write_key(&key, &[7; 32]);
    let url = Postgres::shared().database().await;
    let storage = Storage { database: Some(DatabaseUrl::new(url)), audit_key: Some(key) };
    largest(Gate::start_with(folder, &storage).await.unwrap(), "PostgreSQL").await;
}

#[expect(clippy::disallowed_methods, reason = "for whoever runs it; nothing is decided by it")]
/// All of them new, all replaced, one changed, none, all removed but one: each is done whole. How long each takes is printed.
async fn largest(gate: Gate, database: &str) {
    gate.post("/users", &gate.admin, json!({"name": "fred", "role": "user"})).await.ok(201);
    let source = json!({"name": "ci", "users": ["fred"], "max_entries": MAX_ENTRIES});
    gate.post("/sources", &gate.admin, source).await.ok(201);
    let of = |first: u64, count: u32| -> Vec<Value> {
        let entry = |n: u32| {
            json!({"id": format!("job-{n}"), "sha256": digest(first + u64::from(n)), "user": "fred",
                   "description": "deploys from the main branch", "allowed_ips": if n.is_multiple_of(2) { vec!["10.20.0.0/16"] } else { vec![] }})
        };
        (0..count).map(entry).collect()
    };
    let replaced = of(1_000_000, MAX_ENTRIES);
    let mut one = replaced.clone();
    one[7]["description"] = "now".into();
    let all = u64::from(MAX_ENTRIES);
    for (what, entries, counts) in [
        ("all new", of(0, MAX_ENTRIES), [all, 0, 0]),
        ("all replaced", replaced, [0, all, 0]),
        ("one changed", one.clone(), [0, 1, 0]),
        ("none changed", one.clone(), [0, 0, 0]),
        ("all but one removed", one[..1].to_vec(), [0, 0, all - 1]),
    ] {
        let body = document(&entries);
        let began = Instant::now();
        let report = gate.put("/sources/ci/snapshot?allow_removals=true", &gate.admin, body).await.ok(200);
        let took: Duration = began.elapsed();
        eprintln!("{database}, {MAX_ENTRIES} entries, {what}: {:.2} s", took.as_secs_f64());
        let counted = ["added", "changed", "removed"].map(|group| report[group]["count"].as_u64().unwrap());
        assert_eq!(counted, counts, "{what}");
    }
    gate.caught_up().await;
    let published = gate.delivered()["tokens"].as_array().unwrap().len();
    assert_eq!(published, 2, "the admin's and the one that is left");
}
