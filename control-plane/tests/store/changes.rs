//! What changes of settings, the audit's filters and requests that are sent twice ask of every database.

use gatepass_control_plane::domain::audit::filter::{AuditFilter, TargetFilter};
use gatepass_control_plane::domain::audit::{Action, AuditKey, Draft, chain};
use gatepass_control_plane::domain::token::Token;
use gatepass_control_plane::idempotency::{Key, Known};
use gatepass_control_plane::store::Store;

use crate::contract::refused;

pub async fn tokens_are_only_shortened(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    let before = tx.token("01").await.unwrap().unwrap();
    assert!(!tx.shorten_token("01", 100).await.unwrap(), "it ends then already");
    assert!(!tx.shorten_token("01", 101).await.unwrap());
    assert!(tx.shorten_token("01", 99).await.unwrap());
    assert_eq!(tx.token("01").await.unwrap().unwrap(), Token { expires_at: Some(99), ..before });
    assert!(!tx.shorten_token("02", 7).await.unwrap(), "a revoked one stays as it was");
    assert!(!tx.shorten_token("08", 7).await.unwrap(), "there is none");
    drop(tx);
}

/// Entries 4 to 9, behind three that the contract has written.
pub async fn audit_filters(store: &dyn Store) {
    let key = AuditKey::new([1; 32]);
    let mut tx = store.write().await.unwrap();
    for (at, actor, action, target) in [
        (10, "zoe", Action::UserCreated, "user:fred"),
        (10, "zoe", Action::TokenCreated, "token:02 user:fred"),
        (20, "fred f", Action::TokenCreated, "token:03 user:fred f"),
        (15, "zoe", Action::TokenRevoked, "token:02 user:fred"),
        (20, "zoe", Action::SettingsUpdated, "settings"),
        (30, "a' OR 1", Action::SettingsUpdated, "%"),
    ] {
        let (action, target) = (action.as_str().to_owned(), target.to_owned());
        let (actor, detail) = (actor.to_owned(), "{}".to_owned());
        let draft = Draft { at, actor, actor_token_id: None, ip: None, action, target, detail };
        let entry = chain(&key, tx.audit_head().await.unwrap(), draft);
        tx.append_audits(&[entry]).await.unwrap();
    }
    let all = tx.audit_after(0, 99).await.unwrap();
    let target = |text: &str| Some(TargetFilter::parse(text));
    let actor = |name: &str| Some(name.to_owned());
    for (filter, numbers) in [
        (AuditFilter::default(), vec![9, 8, 7, 6, 5, 4, 3, 2, 1]),
        (AuditFilter { actor: actor("fred f"), ..Default::default() }, vec![6]),
        (AuditFilter { actor: actor("a' OR 1"), ..Default::default() }, vec![9]),
        (AuditFilter { actor: actor("fred"), ..Default::default() }, vec![]),
        (AuditFilter { action: Some(Action::TokenCreated), ..Default::default() }, vec![6, 5, 3, 2, 1]),
        (AuditFilter { target: target("user:fred"), ..Default::default() }, vec![7, 5, 4]),
        (AuditFilter { target: target("user:fred f"), ..Default::default() }, vec![6]),
        (AuditFilter { target: target("token:02"), ..Default::default() }, vec![7, 5]),
        (AuditFilter { target: target("token:02 user:fred"), ..Default::default() }, vec![7, 5]),
        (AuditFilter { target: target("token:01"), ..Default::default() }, vec![3, 2, 1]),
        (AuditFilter { target: target("settings"), ..Default::default() }, vec![8]),
        (AuditFilter { target: target("%"), ..Default::default() }, vec![9]),
        (AuditFilter { from: Some(15), until: Some(20), ..Default::default() }, vec![7]),
        (AuditFilter { from: Some(20), ..Default::default() }, vec![9, 8, 6]),
        (AuditFilter { until: Some(10), ..Default::default() }, vec![3, 2, 1]),
        (AuditFilter { from: Some(20), actor: actor("zoe"), ..Default::default() }, vec![8]),
    ] {
        let found = tx.audit_matching(&filter, None, 99).await.unwrap();
        assert_eq!(found.iter().map(|entry| entry.seq).collect::<Vec<_>>(), numbers, "{filter:?}");
        let admitted = all.iter().rev().filter(|entry| filter.admits(entry)).cloned().collect::<Vec<_>>();
        assert_eq!(found, admitted, "the database and the rule agree: {filter:?}");
        let next = tx.audit_matching(&filter, Some(8), 2).await.unwrap();
        let rest = numbers.iter().copied().filter(|seq| *seq < 8).take(2);
        assert_eq!(
            next.iter().map(|entry| entry.seq).collect::<Vec<_>>(),
            rest.collect::<Vec<_>>(),
            "{filter:?}"
        );
    }
    tx.commit().await.unwrap();
}

pub async fn idempotency_keys(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    let (one, same_of_another) = (Key::new("token:01", "k"), Key::new("token:02", "k"));
    assert_eq!(tx.idempotency_key(&one).await.unwrap(), None);
    tx.forget_idempotent(&one).await.unwrap();
    tx.begin_idempotent(&one, &[7; 32], 100).await.unwrap();
    let under_way = Known { fingerprint: [7; 32], reply: None };
    assert_eq!(tx.idempotency_key(&one).await.unwrap(), Some(under_way.clone()));
    assert_eq!(tx.idempotency_key(&same_of_another).await.unwrap(), None);
    tx.begin_idempotent(&same_of_another, &[8; 32], 101).await.unwrap();
    tx.finish_idempotent(&one, "{\"a\":\"✓\"}").await.unwrap();
    let reply = Some("{\"a\":\"✓\"}".to_owned());
    assert_eq!(tx.idempotency_key(&one).await.unwrap(), Some(Known { reply, ..under_way }));
    assert_eq!(tx.count_idempotency_keys("token:01").await.unwrap(), 1);
    assert_eq!(tx.count_idempotency_keys("token:03").await.unwrap(), 0);
    assert_eq!(tx.remove_idempotency_keys(100).await.unwrap(), 0);
    assert_eq!(tx.remove_idempotency_keys(101).await.unwrap(), 1);
    assert_eq!(tx.idempotency_key(&one).await.unwrap(), None);
    tx.forget_idempotent(&same_of_another).await.unwrap();
    assert_eq!(tx.count_idempotency_keys("token:02").await.unwrap(), 0);
    tx.begin_idempotent(&one, &[7; 32], 100).await.unwrap();
    assert!(tx.begin_idempotent(&one, &[7; 32], 100).await.is_err(), "once");
    drop(tx);
    refused(store, async |tx| tx.finish_idempotent(&one, "{}").await, "affected rows are checked").await;
}
