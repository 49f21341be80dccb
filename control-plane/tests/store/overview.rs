//! What the overview is made of.

use std::collections::BTreeMap;

use gatepass_control_plane::domain::token::State;
use gatepass_control_plane::domain::traffic::{HOUR, MOST};
use gatepass_control_plane::domain::user::{Role, User};
use gatepass_control_plane::store::{Decided, Store, TokenCounts, TokenFilter, Transaction};

const DAY: i64 = 24 * 60 * 60;

/// The counts as lists give them.
async fn listed(tx: &mut dyn Transaction, now: i64, with_admins: bool) -> TokenCounts {
    let filter = TokenFilter { limit: 1000, now, ..TokenFilter::default() };
    let tokens = tx.tokens(&filter).await.unwrap().tokens;
    let mut counts = TokenCounts::default();
    for token in tokens.iter().filter(|token| with_admins || token.owner_role != Role::Admin) {
        let ends_within = |days: i64| token.expires_at.is_some_and(|end| end <= now + days * DAY);
        match token.state(now) {
            State::Revoked => counts.revoked += 1,
            State::Disabled => counts.disabled += 1,
            State::Expired => counts.expired += 1,
            State::Active => {
                counts.active += 1;
                counts.never_used += u64::from(token.last_used.is_none());
                counts.expiring_within_7_days += u64::from(ends_within(7));
                counts.expiring_within_30_days += u64::from(ends_within(30));
            }
        }
    }
    counts
}

/// That the counts are what the lists say, at the ends of days and of tokens.
pub async fn tokens_are_counted(tx: &mut dyn Transaction) {
    for now in [0, 50, 100, 149, 150, 151, DAY - 1, DAY, 40 * DAY, i64::from(u32::MAX)] {
        for with_admins in [false, true] {
            let expected = listed(tx, now, with_admins).await;
            assert_eq!(tx.token_counts(now, with_admins).await.unwrap(), expected, "{now} {with_admins}");
        }
    }
}

/// Whatever changes a token moves it from one count to another.
pub async fn counts_follow_every_change(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    tokens_are_counted(tx.as_mut()).await;
    let all = tx.tokens(&TokenFilter { limit: 1000, ..TokenFilter::default() }).await.unwrap().tokens;
    let before = tx.token_counts(0, true).await.unwrap();
    assert!(all.len() > 3 && before.active > 1, "{before:?}");
    for (place, token) in all.iter().filter(|token| token.revoked_at.is_none()).enumerate() {
        let mut changed = token.clone();
        changed.expires_at = [Some(7 * DAY), Some(7 * DAY + 1), Some(30 * DAY), None][place % 4];
        tx.update_token(&changed).await.unwrap();
        tokens_are_counted(tx.as_mut()).await;
        tx.shorten_token(&token.id, 3 * DAY).await.unwrap();
        tokens_are_counted(tx.as_mut()).await;
    }
    let owners: BTreeMap<i64, String> =
        all.iter().map(|token| (token.owner_id, token.owner.clone())).collect();
    for name in owners.values() {
        let user = tx.user(name).await.unwrap().unwrap();
        for role in [Role::Admin, Role::TokenManager, Role::User, Role::Admin, user.role] {
            tx.update_user(&User { role, ..user.clone() }).await.unwrap();
            tokens_are_counted(tx.as_mut()).await;
        }
    }
    let active = all.iter().find(|token| token.state(0) == State::Active).unwrap();
    tx.revoke_token(&active.id, 9, "zoe").await.unwrap();
    tokens_are_counted(tx.as_mut()).await;
    let after = tx.token_counts(0, true).await.unwrap();
    assert_eq!((after.revoked, after.active), (before.revoked + 1, before.active - 1));
    // All of it goes with the transaction.
    drop(tx);
    let mut tx = store.read().await.unwrap();
    assert_eq!(tx.token_counts(0, true).await.unwrap(), before);
}

async fn read(store: &dyn Store, from: i64, until: i64, step: i64) -> Vec<(i64, String, u64)> {
    let mut tx = store.read().await.unwrap();
    let decided = tx.decisions(from, until, step).await.unwrap();
    decided.into_iter().map(|Decided { at, decision, requests }| (at, decision, requests)).collect()
}

/// Minutes add up, become hours and are forgotten; nothing is counted twice or lost on the way.
pub async fn decisions_are_counted(store: &dyn Store) {
    let start = 1000 * HOUR;
    let mut tx = store.write().await.unwrap();
    let one: BTreeMap<&str, u64> = [("allow.token", 2), ("refuse.token_expired", 1)].into();
    for at in [start, start + 59, start + 60, start + HOUR + 5, start + 3 * HOUR] {
        tx.add_decisions(at, &one).await.unwrap();
    }
    tx.add_decisions(start, &BTreeMap::new()).await.unwrap();
    tx.commit().await.unwrap();
    let token = |at: i64, requests| (at, "allow.token".to_owned(), requests);
    let expired = |at: i64, requests| (at, "refuse.token_expired".to_owned(), requests);
    let minutes = [token(start, 4), expired(start, 2), token(start + 60, 2), expired(start + 60, 1)];
    assert_eq!(read(store, start, start + HOUR, 60).await, minutes);
    assert_eq!(read(store, start + 60, start + HOUR, 60).await, minutes[2..], "from the first");
    assert_eq!(read(store, start, start + 60, 60).await, minutes[..2], "until before the second");
    let hours = async || read(store, start, start + 4 * HOUR, HOUR).await;
    let by_hour = [(start, 6, 3), (start + HOUR, 2, 1), (start + 3 * HOUR, 2, 1)];
    let by_hour: Vec<_> = by_hour.iter().flat_map(|(at, t, e)| [token(*at, *t), expired(*at, *e)]).collect();
    assert_eq!(hours().await, by_hour);
    // The minutes of the first two hours become hours, and whoever looks by the hour sees no difference.
    for minutes in [start + HOUR, start + 2 * HOUR, start + 2 * HOUR] {
        let mut tx = store.write().await.unwrap();
        tx.fold_decisions(minutes, start - DAY).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(hours().await, by_hour, "{minutes}");
    }
    assert_eq!(read(store, start, start + HOUR, 60).await, by_hour[..2], "an hour is one span now");
    let mut tx = store.write().await.unwrap();
    tx.add_decisions(start + 61, &one).await.unwrap();
    tx.fold_decisions(start + 2 * HOUR, start).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(hours().await[..2], [token(start, 8), expired(start, 4)], "what comes late is added");
    let mut tx = store.write().await.unwrap();
    tx.fold_decisions(start + 4 * HOUR, start + HOUR).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(hours().await, by_hour[2..], "what is too old is forgotten");
    let mut tx = store.write().await.unwrap();
    for most in [MOST - 1, 3, u64::MAX] {
        tx.add_decisions(start, &[("allow.token", most)].into()).await.unwrap();
    }
    assert_eq!(tx.decisions(start, start + 1, 60).await.unwrap()[0].requests, MOST, "and no more");
}
