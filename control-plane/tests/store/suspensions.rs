//! What the suspension of people who have not signed in for long, and tokens that end, ask of every database.

use gatepass_control_plane::domain::suspension::Rule;
use gatepass_control_plane::domain::token::{Disabled, Token};
use gatepass_control_plane::domain::user::{User, UserFilter};
use gatepass_control_plane::store::{Store, Transaction};

use crate::contract::{refused, token, user_named};

const DAY: i64 = 24 * 60 * 60;

pub async fn suspensions(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.suspends_since().await.unwrap(), None);
    tx.set_suspends_since(Some(7)).await.unwrap();
    assert_eq!(tx.suspends_since().await.unwrap(), Some(7));
    let mut users = Vec::new();
    for (number, created_at) in [0, 100, 200].into_iter().enumerate() {
        for (place, last_sign_in_at) in [None, Some(50), Some(150), Some(250)].into_iter().enumerate() {
            for exempt_from_suspension in [false, true] {
                let name = format!("s{number}{place}{exempt_from_suspension}");
                let user = User { created_at, exempt_from_suspension, ..user_named(&name) };
                let id = tx.insert_user(&user, None).await.unwrap();
                if let Some(at) = last_sign_in_at {
                    tx.note_sign_in(id, at).await.unwrap();
                }
                users.push(id);
            }
        }
    }
    agree_with_the_rule(tx.as_mut()).await;
    for id in &users {
        tx.set_suspended(*id, Some(300)).await.unwrap();
        assert_eq!(tx.user_by_id(*id).await.unwrap().unwrap().suspended_at, Some(300));
    }
    agree_with_the_rule(tx.as_mut()).await;
    let all = tx.users_to_resume(None, 0, i64::MAX).await.unwrap();
    assert_eq!(all, users, "without a rule everybody");
    assert_eq!(tx.users_to_resume(None, 0, 2).await.unwrap(), users[..2]);
    tx.set_suspended(users[0], None).await.unwrap();
    assert_eq!(tx.user_by_id(users[0]).await.unwrap().unwrap().suspended_at, None);
    drop(tx);
    refused(store, async |tx| tx.set_suspended(-1, None).await, "affected rows are checked").await;
}

/// The statements find whom the rule means, at every time at which that could change.
async fn agree_with_the_rule(tx: &mut dyn Transaction) {
    let mut all = tx.users(&UserFilter::default(), None, i64::MAX).await.unwrap();
    all.sort_by_key(|user| user.id);
    for since in [0, 120, 1000] {
        let rule = Rule { days: 30, since };
        for counted_from in [0, 49, 50, 99, 100, 119, 120, 150, 199, 200, 250, 999, 1000] {
            let now = counted_from + 30 * DAY;
            let mut found = tx.users_to_suspend(rule, now, i64::MAX).await.unwrap();
            found.sort_unstable();
            let due = |user: &&User| rule.is_due(user, now);
            let meant = all.iter().filter(|user| user.active && user.suspended_at.is_none()).filter(due);
            assert_eq!(found, meant.map(|user| user.id).collect::<Vec<_>>(), "{rule:?} at {now}");
            let found = tx.users_to_resume(Some(rule), now, i64::MAX).await.unwrap();
            let meant = all.iter().filter(|user| user.suspended_at.is_some() && !due(user));
            assert_eq!(found, meant.map(|user| user.id).collect::<Vec<_>>(), "{rule:?} at {now}");
        }
    }
}

/// A change of proxies' interest: whoever is suspended or comes back.
pub async fn proxies_are_told(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    let owner = User { id: tx.insert_user(&user_named("late"), None).await.unwrap(), ..user_named("late") };
    tx.insert_token(&token(90, &owner, None)).await.unwrap();
    tx.raise_revision().await.unwrap();
    for (suspended_at, works) in [(Some(5), false), (None, true)] {
        let revision = tx.version().await.unwrap().unwrap().revision;
        assert_eq!(tx.tokens_changed_since(revision, 9).await.unwrap(), []);
        tx.set_suspended(owner.id, suspended_at).await.unwrap();
        let changed = tx.tokens_changed_since(revision, 9).await.unwrap();
        assert_eq!(changed.len(), 1);
        assert_eq!((changed[0].owner.as_str(), changed[0].owner_active), ("late", works));
        tx.raise_revision().await.unwrap();
        tx.set_suspended(owner.id, suspended_at).await.unwrap();
        let revision = tx.version().await.unwrap().unwrap().revision;
        assert_eq!(tx.tokens_changed_since(revision, 9).await.unwrap(), [], "nothing has changed");
    }
}

pub async fn tokens_that_end_soon_are_counted(store: &dyn Store) {
    let now = 50_000 * DAY;
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.expiring_tokens(now).await.unwrap(), [0, 0, 0]);
    let owner = User { id: tx.insert_user(&user_named("soon"), None).await.unwrap(), ..user_named("soon") };
    let gone = User { active: false, ..user_named("gone") };
    let gone = User { id: tx.insert_user(&gone, None).await.unwrap(), ..gone };
    for (number, days) in [(91, 1), (92, 7), (93, 30), (94, 31)] {
        tx.insert_token(&token(number, &owner, Some(now + days * DAY))).await.unwrap();
    }
    let disabled = Some(Disabled { at: 1, by: "x".to_owned() });
    tx.insert_token(&Token { disabled, ..token(95, &owner, Some(now + 1)) }).await.unwrap();
    let successor = Some("091".to_owned());
    tx.insert_token(&Token { successor, ..token(96, &owner, Some(now + 1)) }).await.unwrap();
    tx.insert_token(&token(97, &gone, Some(now + 1))).await.unwrap();
    tx.insert_token(&token(98, &owner, Some(now))).await.unwrap();
    assert_eq!(tx.expiring_tokens(now).await.unwrap(), [1, 2, 3]);
    assert_eq!(tx.census(now).await.unwrap().expiring, [1, 2, 3]);
    tx.revoke_token("091", now, "x").await.unwrap();
    assert_eq!(tx.expiring_tokens(now).await.unwrap(), [0, 1, 2]);
    tx.set_suspended(owner.id, Some(now)).await.unwrap();
    assert_eq!(tx.expiring_tokens(now).await.unwrap(), [0, 0, 0]);
    drop(tx);
}
