use std::time::Duration;

use gatepass_control_plane::domain::groups::Groups;
use gatepass_control_plane::domain::settings::Settings;
use gatepass_control_plane::domain::user::{Role, User};
use gatepass_control_plane::store::place::DatabaseUrl;
use gatepass_control_plane::store::postgres::PostgresStore;
use gatepass_control_plane::store::{Continuity, Store as _, StoreError, Version};

use sqlx::{Connection as _, PgConnection};

use crate::contract;
use crate::server::Postgres;

async fn open(url: &str) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(&DatabaseUrl::new(url).server()?).await
}

/// A store in a new database at revision 0, and the database's URL.
async fn set_up(server: &Postgres) -> (PostgresStore, String) {
    let url = server.database().await;
    let store = open(&url).await.unwrap();
    let mut tx = store.write().await.unwrap();
    tx.initialise("a1", &Settings::default()).await.unwrap();
    tx.commit().await.unwrap();
    (store, url)
}

fn user(name: &str) -> User {
    let (display_name, email) = (None, None);
    let (role, groups) = (Role::User, Groups::default());
    User {
        id: 0,
        name: name.to_owned(),
        role,
        active: true,
        display_name,
        email,
        groups,
        has_password: false,
        created_at: 7,
        last_sign_in_at: None,
        failed_sign_ins: 0,
        suspended_at: None,
        exempt_from_suspension: false,
    }
}

async fn revision(store: &PostgresStore) -> u64 {
    store.read().await.unwrap().version().await.unwrap().unwrap().revision
}

#[tokio::test]
async fn postgres_keeps_the_contract() {
    let url = Postgres::shared().database().await;
    let store = open(&url).await.unwrap();
    contract::contract(&store).await;
    store.close().await;
    assert!(store.read().await.is_err(), "closed");
    contract::committed_is_durable(&open(&url).await.unwrap()).await;
}

#[tokio::test]
async fn postgres_refuses_a_newer_schema() {
    let (store, url) = set_up(Postgres::shared()).await;
    store.close().await;
    Postgres::sql(&url, contract::NEWER).await;
    assert!(matches!(open(&url).await, Err(StoreError::Newer)));
}

#[tokio::test]
async fn replicas_that_start_at_once_make_one_schema() {
    let url = Postgres::shared().database().await;
    let (a, b, c) = tokio::join!(open(&url), open(&url), open(&url));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
}

#[tokio::test]
async fn writers_of_two_replicas_take_turns_and_lose_nothing() {
    let (a, url) = set_up(Postgres::shared()).await;
    let b = open(&url).await.unwrap();
    let raise = async |store: &PostgresStore| {
        for _ in 0..50 {
            let mut tx = store.write().await.unwrap();
            let before = tx.version().await.unwrap().unwrap().revision;
            assert_eq!(tx.raise_revision().await.unwrap(), before + 1, "nobody came between");
            tx.commit().await.unwrap();
        }
    };
    tokio::join!(raise(&a), raise(&b), raise(&a), raise(&b));
    assert_eq!((revision(&a).await, revision(&b).await), (200, 200));
}

#[tokio::test]
async fn a_dropped_transaction_leaves_the_way_free_and_changes_nothing() {
    let (a, url) = set_up(Postgres::shared()).await;
    let b = open(&url).await.unwrap();
    let mut tx = a.write().await.unwrap();
    tx.raise_revision().await.unwrap();
    drop(tx);
    drop(b.write().await.unwrap());
    assert_eq!(revision(&b).await, 0);
}

#[tokio::test]
async fn a_transaction_that_failed_cannot_be_committed() {
    let (store, _) = set_up(Postgres::shared()).await;
    let mut tx = store.write().await.unwrap();
    tx.insert_user(&user("fred"), None).await.unwrap();
    assert!(tx.insert_user(&user("fred"), None).await.is_err());
    // PostgreSQL would answer a rollback, and the driver would call it a success.
    assert!(matches!(tx.commit().await, Err(StoreError::Failed)));
    assert!(!store.read().await.unwrap().has_users().await.unwrap());
}

#[tokio::test]
async fn audit_entries_stay_as_they_are() {
    let (_store, url) = set_up(Postgres::shared()).await;
    let mut db = PgConnection::connect(&url).await.unwrap();
    let add = "INSERT INTO audit VALUES (1, 0, 'a', NULL, NULL, 'b', 'c', '{}', '', '')";
    sqlx::raw_sql(add).execute(&mut db).await.unwrap();
    for change in ["UPDATE audit SET at = 1", "DELETE FROM audit", "TRUNCATE audit"] {
        let refused = sqlx::raw_sql(change).execute(&mut db).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{change}: {refused}");
    }
}

#[tokio::test]
async fn a_change_is_on_disk_before_it_is_answered_whatever_the_servers_default_is() {
    let (store, url) = set_up(Postgres::shared()).await;
    store.close().await;
    Postgres::sql(
        &url,
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
               EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database());
         END $$;
         CREATE TABLE seen (durable text, isolation text);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO seen VALUES (current_setting('synchronous_commit'), current_setting('transaction_isolation'));
             RETURN NEW; END $$;
         CREATE TRIGGER note AFTER UPDATE ON meta FOR EACH ROW EXECUTE FUNCTION note();",
    )
    .await;
    let store = open(&url).await.unwrap();
    let mut tx = store.write().await.unwrap();
    tx.raise_revision().await.unwrap();
    tx.commit().await.unwrap();
    let mut db = PgConnection::connect(&url).await.unwrap();
    let seen: Vec<(String, String)> = sqlx::query_as("SELECT * FROM seen").fetch_all(&mut db).await.unwrap();
    assert_eq!(seen, [("on".to_owned(), "read committed".to_owned())]);
}

#[tokio::test]
async fn one_replica_hears_of_anothers_change() {
    let (a, url) = set_up(Postgres::shared()).await;
    let b = open(&url).await.unwrap();
    // At first, since something may have happened before it listened.
    b.changed().await;
    let mut tx = a.write().await.unwrap();
    tx.raise_revision().await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(50), b.changed()).await;
    assert!(waiting.is_err(), "nothing has changed before the commit");
    tx.commit().await.unwrap();
    b.changed().await;
    assert_eq!(revision(&b).await, 1);
}

#[tokio::test]
async fn calls_fail_while_the_server_restarts_and_work_afterwards() {
    let server = Postgres::start();
    let (store, _) = set_up(&server).await;
    let mut under_way = store.write().await.unwrap();
    under_way.raise_revision().await.unwrap();
    let mut reading = store.read().await.unwrap();
    reading.version().await.unwrap();
    store.changed().await;
    server.crash_and_restart();
    assert!(reading.version().await.is_err(), "one state, which is gone");
    assert!(under_way.commit().await.is_err(), "never called a success");
    drop(reading);
    assert_eq!(revision(&store).await, 0);
    // Once it listens again.
    store.changed().await;
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.raise_revision().await.unwrap(), 1);
    tx.commit().await.unwrap();
    store.changed().await;
}

#[tokio::test]
async fn what_cannot_be_used_is_told_without_its_password() {
    let server = Postgres::shared();
    let url = server.url("nowhere").replace("&user", "&password=hunter2&user");
    let refused = open(&url).await.err().unwrap().to_string();
    assert!(refused.contains("\"nowhere\"") && refused.contains("does not exist"), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");
    let latin = server.url("latin");
    Postgres::sql(
        &server.url("postgres"),
        "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
    )
    .await;
    let refused = open(&latin).await.err().unwrap().to_string();
    assert!(refused.contains("LATIN1") && refused.contains("UTF8"), "{refused}");
}

async fn continuity(store: &PostgresStore) -> Continuity {
    store.read().await.unwrap().continuity().await.unwrap()
}

#[tokio::test]
async fn a_database_that_was_put_back_is_known_from_one_that_was_not() {
    let server = Postgres::start();
    let (store, url) = set_up(&server).await;
    assert_eq!(continuity(&store).await, Continuity::Same);
    assert_eq!(continuity(&open(&url).await.unwrap()).await, Continuity::Same, "a second replica");
    server.crash_and_restart();
    assert_eq!(continuity(&store).await, Continuity::Same, "a crash of the server");

    // As a dump does it: the tables are made anew, with what was in them.
    Postgres::sql(&url, "CREATE TABLE copy AS TABLE meta; TRUNCATE meta; INSERT INTO meta TABLE copy").await;
    assert_eq!(continuity(&store).await, Continuity::PutBack);
    let mut tx = store.write().await.unwrap();
    tx.replace_epoch("b2").await.unwrap();
    assert_eq!(tx.version().await.unwrap(), Some(Version { epoch: "b2".to_owned(), revision: 0 }));
    tx.commit().await.unwrap();
    assert_eq!(continuity(&store).await, Continuity::Same, "begun anew");

    // As a recovery from a backup does it, or the promotion of a standby: another timeline.
    server.recover();
    assert_eq!(continuity(&store).await, Continuity::PutBack);
}
