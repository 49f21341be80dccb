//! What sessions, failed attempts to sign in and identities ask of every database.

use gatepass_control_plane::domain::session::{Method, Session};
use gatepass_control_plane::domain::sign_in::{Failures, NOBODY};
use gatepass_control_plane::domain::user::Identity;
use gatepass_control_plane::store::Store;

use crate::contract::refused;

fn session(number: u8, user_id: i64, created_at: i64) -> Session {
    let method = if number == 1 { Method::Oidc } else { Method::Password };
    let (id, secret_hash) = (format!("S{number}"), [number; 32]);
    Session { id, secret_hash, user_id, method, created_at, last_used_at: created_at }
}

pub async fn sessions(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    let fred = tx.user("Fred").await.unwrap().unwrap();
    let zoe = tx.user("zoe").await.unwrap().unwrap();
    assert_eq!(tx.user_by_id(fred.id).await.unwrap(), Some(fred.clone()));
    assert_eq!(tx.user_by_id(-1).await.unwrap(), None);
    let all = [session(1, fred.id, 100), session(2, fred.id, 200), session(3, zoe.id, 200)];
    for session in &all {
        tx.insert_session(session).await.unwrap();
        assert_eq!(tx.session(&session.secret_hash).await.unwrap().as_ref(), Some(session));
    }
    assert_eq!(tx.session(&[9; 32]).await.unwrap(), None);
    tx.touch_session("S1", 300).await.unwrap();
    assert_eq!(tx.session(&[1; 32]).await.unwrap(), Some(Session { last_used_at: 300, ..all[0].clone() }));
    assert_eq!(tx.remove_old_sessions(99, 199).await.unwrap(), 0);
    assert_eq!(tx.remove_old_sessions(0, 200).await.unwrap(), 2, "used last at that time");
    tx.insert_session(&all[1]).await.unwrap();
    tx.insert_session(&all[2]).await.unwrap();
    assert_eq!(tx.remove_old_sessions(100, 0).await.unwrap(), 1, "begun at that time");
    tx.insert_session(&all[0]).await.unwrap();
    assert_eq!(tx.trim_sessions(fred.id, 2).await.unwrap(), 0);
    assert_eq!(tx.trim_sessions(fred.id, 1).await.unwrap(), 1);
    assert_eq!(tx.session(&[1; 32]).await.unwrap(), None, "the oldest went");
    tx.insert_session(&all[0]).await.unwrap();
    assert_eq!(tx.remove_sessions_of(fred.id, Some("S2")).await.unwrap(), 1);
    assert_eq!(tx.remove_sessions_of(fred.id, None).await.unwrap(), 1);
    assert!(tx.remove_session("S3").await.unwrap());
    assert!(!tx.remove_session("S3").await.unwrap());
    tx.note_sign_in(fred.id, 77).await.unwrap();
    assert_eq!(tx.user("Fred").await.unwrap().unwrap().last_sign_in_at, Some(77));
    tx.insert_session(&all[0]).await.unwrap();
    tx.commit().await.unwrap();
    let again = Session { id: "S9".to_owned(), ..all[0].clone() };
    refused(store, async |tx| tx.insert_session(&again).await, "secrets are unique").await;
    refused(store, async |tx| tx.touch_session("S9", 1).await, "affected rows are checked").await;
    let nobodys = session(8, -1, 1);
    refused(store, async |tx| tx.insert_session(&nobodys).await, "users exist").await;
}

pub async fn failed_sign_ins(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    let fred = tx.user("Fred").await.unwrap().unwrap();
    assert_eq!(tx.sign_in_failures(&[1; 32]).await.unwrap(), None);
    let ip = || Some("192.0.2.1".to_owned());
    let freds = Failures::none([1; 32], Some(fred.id)).failed(100, ip());
    let nobodys = Failures { unaudited: 0, ..Failures::none([2; 32], None).failed(100, ip()) };
    let later = Failures { last_at: 200, ..Failures { name_hash: [3; 32], ..nobodys.clone() } };
    for failures in [&freds, &nobodys, &later] {
        tx.put_sign_in_failures(failures).await.unwrap();
        assert_eq!(tx.sign_in_failures(&failures.name_hash).await.unwrap().as_ref(), Some(failures));
    }
    assert_eq!(tx.user("Fred").await.unwrap().unwrap().failed_sign_ins, 1);
    let more = Failures { audited_at: 150, ..freds.failed(101, None) };
    tx.put_sign_in_failures(&more).await.unwrap();
    assert_eq!(tx.sign_in_failures(&[1; 32]).await.unwrap(), Some(more.clone()));
    assert_eq!(tx.user("Fred").await.unwrap().unwrap().failed_sign_ins, 2);
    assert_eq!(tx.unaudited_failures(149, 9).await.unwrap(), []);
    assert_eq!(tx.unaudited_failures(150, 9).await.unwrap(), [more]);
    assert_eq!(tx.unaudited_failures(150, 0).await.unwrap(), []);
    assert_eq!(tx.remove_old_failures(100, 9).await.unwrap(), 0);
    assert_eq!(tx.remove_old_failures(101, 9).await.unwrap(), 1, "the older name that nobody has");
    tx.put_sign_in_failures(&nobodys).await.unwrap();
    tx.put_sign_in_failures(&Failures { unaudited: 1, ..Failures::none(NOBODY, None) }).await.unwrap();
    assert_eq!(tx.remove_old_failures(0, 1).await.unwrap(), 1, "all but the newest");
    assert!(tx.sign_in_failures(&[2; 32]).await.unwrap().is_none());
    for kept in [[1; 32], [3; 32], NOBODY] {
        assert!(tx.sign_in_failures(&kept).await.unwrap().is_some());
    }
    tx.commit().await.unwrap();
}

pub async fn identities(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    let fred = tx.user("Fred").await.unwrap().unwrap();
    let identity = |issuer: &str, subject: &str| Identity {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        user_id: fred.id,
        created_at: 7,
    };
    let both = [identity("https://a.example", "x"), identity("https://b.example", "x")];
    assert_eq!(tx.identity("https://a.example", "x").await.unwrap(), None);
    for identity in &both {
        tx.insert_identity(identity).await.unwrap();
    }
    assert_eq!(tx.identity("https://a.example", "x").await.unwrap().as_ref(), Some(&both[0]));
    for (issuer, subject) in [("https://A.example", "x"), ("https://a.example", "X"), ("", "x")] {
        assert_eq!(tx.identity(issuer, subject).await.unwrap(), None, "compared exactly");
    }
    assert_eq!(tx.identities_of(fred.id).await.unwrap(), both);
    assert!(tx.remove_identity("https://b.example", "x").await.unwrap());
    assert!(!tx.remove_identity("https://b.example", "x").await.unwrap());
    tx.commit().await.unwrap();
    refused(store, async |tx| tx.insert_identity(&both[0]).await, "one person each").await;
}
