//! Several servers of one PostgreSQL.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use gatepass_control_plane::app::Storage;
use gatepass_control_plane::audit;
use gatepass_control_plane::store::place::DatabaseUrl;
use gatepass_control_plane::store::{Store, StoreError, Transaction};
use gatepass_control_plane::suspension;
use gatepass_control_plane::webhooks::sending::{note_due, send_due};
use serde_json::json;
use tempfile::TempDir;

use crate::postgres::Postgres;
use crate::support::{DAY, Gate, id, private_folder, secret};
use crate::webhook_receiver::{Receiver, outgoing};

/// A database and a key for several servers.
struct Shared {
    server: Postgres,
    storage: Storage,
    url: String,
    folder: TempDir,
}

impl Shared {
    async fn new() -> Self {
        let server = Postgres::start();
        let url = server.database().await;
        let folder = private_folder();
        let key = folder.path().join("shared.key");
        write_key(&key, &[7; 32]);
        let storage = Storage { database: Some(DatabaseUrl::new(url.clone())), audit_key: Some(key) };
        Self { server, storage, url, folder }
    }

    /// A replica with a folder of its own.
    async fn replica(&self) -> Gate {
        self.replica_in(private_folder()).await
    }

    async fn replica_in(&self, folder: TempDir) -> Gate {
        Gate::start_with(folder, &self.storage).await.unwrap()
    }
}

pub fn write_key(path: &Path, key: &[u8]) {
    std::fs::write(path, key).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_token_that_one_replica_made_is_found_disabled_and_rotated_by_another() {
    let shared = Shared::new().await;
    let first = shared.replica().await;
    let second = shared.replica().await;
    let made = first.token(&first.admin, json!({"description": "Nightly Straße"})).await;
    let path = format!("/tokens/{}", id(&made));
    let found = second.get("/tokens?description=STRASSE&state=active", &first.admin).await.ok(200);
    assert_eq!(found["items"][0]["id"], id(&made));
    second.patch(&path, &first.admin, json!({"enabled": false})).await.ok(200);
    first.get("/whoami", &secret(&made)).await.refused(401, "token_disabled");
    assert_eq!(second.delivered_token(&id(&made)).unwrap()["refuse"], "token_disabled");
    second.patch(&path, &first.admin, json!({"enabled": true})).await.ok(200);
    let new = second.post(&format!("{path}/rotate"), &first.admin, json!({"grace": "PT1H"})).await.ok(201);
    first.get("/whoami", &secret(&made)).await.ok(200);
    first.delete(&path, &first.admin).await.ok(204);
    second.get("/whoami", &secret(&new)).await.refused(401, "credentials_unknown");
}

#[tokio::test]
async fn what_postgres_takes_no_text_of_is_wrong_and_no_failure() {
    let shared = Shared::new().await;
    let gate = shared.replica().await;
    for path in ["/users/a%00", "/tokens/%00", "/tokens?creator=%00", "/audit?actor=%00"] {
        gate.get(path, &gate.admin).await.refused(400, "invalid");
    }
    gate.post("/tokens", &gate.admin, json!({"description": "x", "user": "a\u{0}"})).await.wrong("user");
    gate.post("/tokens", &gate.admin, json!({"description": "x", "scope": "a\u{0}"})).await.wrong("scope");
    gate.get("/whoami", &gate.admin).await.ok(200);
}

#[tokio::test]
async fn a_second_replica_begins_no_epoch_and_delivers_the_same() {
    let shared = Shared::new().await;
    let first = shared.replica().await;
    let version = first.version().await;
    let second = shared.replica().await;
    assert_eq!(second.version().await, version);
    assert_eq!(second.delivered(), first.delivered());
    let folder = first.crash().await;
    let first = shared.replica_in(folder).await;
    assert_eq!(first.version().await, version, "nor does a restart");
}

#[tokio::test]
async fn a_token_revoked_at_one_replica_is_gone_from_the_others_file() {
    let shared = Shared::new().await;
    let (first, second) = (shared.replica().await, shared.replica().await);
    let made = first.token(&first.admin, json!({"description": "x"})).await;
    second.until(|| second.delivered_token(&id(&made)).is_some()).await;
    second.get("/whoami", &secret(&made)).await.ok(200);
    first.delete(&format!("/tokens/{}", id(&made)), &first.admin).await.ok(204);
    second.get("/whoami", &secret(&made)).await.refused(401, "credentials_unknown");
    second.until(|| second.delivered_token(&id(&made)).is_none()).await;
    assert_eq!(second.delivered()["revision"], first.version().await.revision.to_string());
}

#[tokio::test]
async fn changes_through_several_replicas_make_one_chain_and_one_order() {
    let shared = Shared::new().await;
    let (first, second) = (shared.replica().await, shared.replica().await);
    let before = first.version().await;
    let make = async |gate: &Gate| {
        for _ in 0..10 {
            gate.token(&first.admin, json!({"description": "x"})).await;
        }
    };
    tokio::join!(make(&first), make(&second), make(&first), make(&second));
    let after = second.version().await;
    // Changes that come at once share a revision; those of two replicas never do.
    let raised = after.revision - before.revision;
    assert!(after.epoch == before.epoch && (20..=40).contains(&raised), "{after:?} after {before:?}");
    let (store, key) = (second.context.store.as_ref(), &second.context.audit_key);
    let head = audit::verify(store, key, None, |_| {}).await.unwrap().unwrap();
    assert!(head.seq >= 40);
    let newest = after.revision.to_string();
    for gate in [&first, &second] {
        gate.until(|| gate.delivered()["revision"] == newest).await;
    }
    assert_eq!(first.delivered(), second.delivered());
    assert_eq!(first.delivered()["tokens"].as_array().unwrap().len(), 41);
}

/// A database that tells nobody of changes.
struct Deaf(Arc<dyn Store>);

#[async_trait]
impl Store for Deaf {
    async fn read(&self) -> Result<Box<dyn Transaction>, StoreError> {
        self.0.read().await
    }

    async fn write(&self) -> Result<Box<dyn Transaction>, StoreError> {
        self.0.write().await
    }

    async fn changed(&self) {
        std::future::pending().await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

#[tokio::test]
async fn a_change_arrives_also_when_its_notification_is_lost() {
    let shared = Shared::new().await;
    let first = shared.replica().await;
    let deaf = |store| -> Arc<dyn Store> { Arc::new(Deaf(store)) };
    let second = Gate::start_over(private_folder(), &shared.storage, deaf).await.unwrap();
    let made = first.token(&first.admin, json!({"description": "x"})).await;
    second.until(|| second.delivered_token(&id(&made)).is_some()).await;
}

#[tokio::test]
async fn a_replica_with_another_audit_key_does_not_start() {
    let shared = Shared::new().await;
    let _first = shared.replica().await;
    let refusal = async |storage: &Storage| {
        let refused = Gate::start_with(private_folder(), storage).await;
        refused.err().unwrap().to_string()
    };
    let other = shared.folder.path().join("other.key");
    write_key(&other, &[8; 32]);
    let with = |key: Option<&Path>| Storage { audit_key: key.map(Path::to_owned), ..shared.storage.clone() };
    let said = refusal(&with(Some(&other))).await;
    assert!(said.contains("that of the other servers"), "{said}");
    let said = refusal(&with(None)).await;
    assert!(said.contains("is missing") && said.contains("--audit-key-file"), "{said}");
    let said = refusal(&with(Some(&shared.folder.path().join("none")))).await;
    assert!(said.contains("head -c 32 /dev/urandom"), "{said}");
    write_key(&other, &[7; 31]);
    let said = refusal(&with(Some(&other))).await;
    assert!(said.contains("32 bytes"), "{said}");
    write_key(&other, format!("{}\n", "07".repeat(32)).as_bytes());
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o604)).unwrap();
    let said = refusal(&with(Some(&other))).await;
    assert!(said.contains("chmod o-rwx"), "{said}");
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o640)).unwrap();
    // The same key, written in hex.
    Gate::start_with(private_folder(), &with(Some(&other))).await.unwrap();
}

#[tokio::test]
async fn a_database_that_went_back_gets_a_new_epoch_while_its_replicas_run() {
    let shared = Shared::new().await;
    let (first, second) = (shared.replica().await, shared.replica().await);
    let before = first.version().await;
    // A standby that lacked the last changes has taken over: nothing but the revision tells.
    first.token(&first.admin, json!({"description": "x"})).await;
    Postgres::sql(&shared.url, "UPDATE meta SET revision = revision - 1").await;
    first.until_epoch_leaves(&before.epoch).await;
    let after = first.version().await;
    for gate in [&first, &second] {
        gate.until(|| gate.delivered()["epoch"] == after.epoch).await;
    }
    assert_eq!(first.version().await, after, "one epoch, whoever was first to see it");
}

#[tokio::test]
async fn a_database_that_went_back_gets_a_new_epoch_at_the_next_start() {
    let shared = Shared::new().await;
    let gate = shared.replica().await;
    let old = gate.version().await;
    gate.token(&gate.admin, json!({"description": "x"})).await;
    let folder = gate.crash().await;
    Postgres::sql(&shared.url, "UPDATE meta SET revision = revision - 1").await;
    let gate = shared.replica_in(folder).await;
    let new = gate.version().await;
    assert_ne!(new.epoch, old.epoch, "behind what this server has delivered");

    // Put back to the time of an epoch that proxies have left.
    let folder = gate.crash().await;
    let back = format!("UPDATE meta SET epoch = '{}', revision = 1000", old.epoch);
    Postgres::sql(&shared.url, &back).await;
    let gate = shared.replica_in(folder).await;
    assert!(![&old.epoch, &new.epoch].contains(&&gate.version().await.epoch));
}

#[tokio::test]
async fn a_change_after_a_failover_is_in_a_new_epoch_and_delivered() {
    let shared = Shared::new().await;
    let gate = shared.replica().await;
    let before = gate.version().await;
    let made = gate.token(&gate.admin, json!({"description": "x"})).await;
    shared.server.recover();
    // The first calls may still meet sessions that are gone.
    gate.until_it_answers().await;
    gate.delete(&format!("/tokens/{}", id(&made)), &gate.admin).await.ok(204);
    let after = gate.version().await;
    assert_ne!(after.epoch, before.epoch);
    gate.until(|| gate.delivered()["epoch"] == after.epoch).await;
    gate.caught_up().await;
    assert!(gate.delivered_token(&id(&made)).is_none());
}

#[tokio::test]
async fn two_replicas_send_each_post_once_and_suspend_everybody_once() {
    let shared = Shared::new().await;
    let mut first = shared.replica().await;
    let mut second = shared.replica().await;
    first.posts_by(outgoing(&["127.0.0.0/8"], None));
    second.posts_by(outgoing(&["127.0.0.0/8"], None));
    let receiver = Receiver::start(None).await;
    let admin = first.admin.clone();
    first.settings(json!({"custom_validity": true, "suspend_after_days": 30})).await;
    first.post("/webhooks", &admin, json!({"url": receiver.url("/")})).await.ok(201);
    for number in 0..6 {
        let name = format!("user{number}");
        first.post("/users", &admin, json!({"name": name, "role": "user"})).await.ok(201);
        first.token(&admin, json!({"description": "x", "user": name, "valid_for": "P55D"})).await;
    }
    for gate in [&first, &second] {
        gate.pass(25 * DAY);
    }
    tokio::try_join!(note_due(&first.context), note_due(&second.context)).unwrap();
    for _ in 0..4 {
        tokio::try_join!(send_due(&first.context), send_due(&second.context)).unwrap();
    }
    let posts = receiver.take();
    let ids: BTreeSet<_> = posts.iter().map(|post| post.header("webhook-id")).collect();
    assert_eq!((posts.len(), ids.len()), (6, 6));
    for gate in [&first, &second] {
        gate.pass(5 * DAY);
    }
    tokio::try_join!(suspension::keep_up(&first.context), suspension::keep_up(&second.context)).unwrap();
    let entries = first.context.store.read().await.unwrap().audit_before(None, 200).await.unwrap();
    let suspended = entries.iter().filter(|entry| entry.draft.action == "user.suspended");
    assert_eq!(suspended.count(), 7, "six and the first admin");
    second.caught_up().await;
    let told = second.delivered();
    let tokens = told["tokens"].as_array().unwrap();
    let stopped = tokens.iter().filter(|token| token["refuse"] == "user_inactive");
    assert_eq!((stopped.count(), tokens.len()), (7, 7), "{told:#}");
}
