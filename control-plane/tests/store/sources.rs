//! What sources, their push tokens and what they push ask of every database.

use gatepass::token::Digest;
use gatepass_control_plane::domain::source::{NameRule, Named, PushToken, Pushed, Source};
use gatepass_control_plane::domain::token::{Disabled, Token};
use gatepass_control_plane::domain::usage::{LastUse, TokenUse};
use gatepass_control_plane::domain::user::{Role, User};
use gatepass_control_plane::store::{EntryCounts, Store, Transaction};

use crate::contract::refused;

/// A digest that no other test of the contract uses.
fn digest(kind: u8, number: u8) -> Digest {
    let mut bytes = [number; 32];
    bytes[0] = kind;
    Digest::from_bytes(bytes)
}

fn source(name: &str) -> Source {
    Source {
        id: 0,
        name: name.to_owned(),
        description: "of the contract".to_owned(),
        users: NameRule { exact: vec!["Fred".to_owned()], prefix: Some("ci-".to_owned()) },
        max_entries: 7,
        creator: "zoe".to_owned(),
        created_at: 10,
        revision: 0,
        pushed: None,
    }
}

fn entry(number: u8, user: &User) -> Token {
    Token {
        id: format!("ci.{number}"),
        digest: digest(0xe0, number),
        owner_id: user.id,
        owner: user.name.clone(),
        owner_role: user.role,
        owner_active: user.active,
        creator: "source:ci".to_owned(),
        description: String::new(),
        created_at: 20,
        expires_at: Some(1000 * i64::from(number)),
        scope: (number == 1).then(|| "of_entries".to_owned()),
        allowed_ips: serde_json::from_str("[\"10.0.0.0/8\"]").unwrap(),
        prefix: String::new(),
        hint: String::new(),
        control_plane: false,
        disabled: (number == 2).then(|| Disabled { at: 5, by: "source:ci".to_owned() }),
        chain: None,
        predecessor: None,
        successor: None,
        revoked_at: None,
        revoked_by: None,
        last_used: None,
    }
}

fn push_token(number: u8, source_id: i64) -> PushToken {
    PushToken {
        id: format!("P{number}"),
        digest: digest(0xe1, number),
        source_id,
        description: "x".to_owned(),
        creator: "zoe".to_owned(),
        created_at: 10,
        expires_at: Some(99),
        allowed_ips: serde_json::from_str("[\"10.0.0.0/8\"]").unwrap(),
        prefix: "push_".to_owned(),
        hint: "abcd".to_owned(),
        successor: None,
        revoked_at: None,
        revoked_by: None,
        last_push: None,
    }
}

pub async fn contract(store: &dyn Store) {
    sources(store).await;
    push_tokens(store).await;
    entries(store).await;
    entries_are_tokens_to_proxies(store).await;
    digests_are_held_once(store).await;
    what_went_is_told_until_it_is_forgotten(store).await;
    when_a_digest_was_pushed_first_stays_known(store).await;
}

async fn sources(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.source("ci").await.unwrap(), None);
    let ci = tx.insert_source(&source("ci")).await.unwrap();
    assert_eq!(ci, Source { id: ci.id, revision: 1, ..source("ci") });
    let other = tx.insert_source(&source("a")).await.unwrap();
    assert_eq!(tx.sources().await.unwrap(), [other.clone(), ci.clone()]);
    assert_eq!(tx.source("ci").await.unwrap(), Some(ci.clone()));
    let pushed = Some(Pushed { at: 30, by: "source:ci".to_owned(), document: "aa".to_owned() });
    let users = NameRule { exact: Vec::new(), prefix: None };
    let changed =
        Source { description: String::new(), users, max_entries: 8, revision: 5, pushed, ..ci.clone() };
    tx.update_source(&changed).await.unwrap();
    assert_eq!(tx.source_by_id(ci.id).await.unwrap(), Some(changed));
    tx.delete_source(ci.id, 40).await.unwrap();
    assert_eq!(tx.source("ci").await.unwrap(), None);
    assert_eq!(tx.source_by_id(ci.id).await.unwrap(), None);
    assert_eq!(tx.sources().await.unwrap(), [other]);
    let again = tx.insert_source(&source("ci")).await.unwrap();
    assert_eq!(again.revision, 6, "what was read of the one before is stale");
    tx.commit().await.unwrap();
    refused(store, async |tx| tx.insert_source(&source("ci")).await, "a name is there once").await;
    refused(store, async |tx| tx.update_source(&ci).await, "affected rows are checked").await;
    refused(store, async |tx| tx.delete_source(ci.id, 1).await, "affected rows are checked").await;
}

async fn push_tokens(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    let ci = tx.source("ci").await.unwrap().unwrap();
    let (one, two) = (push_token(1, ci.id), push_token(2, ci.id));
    tx.insert_push_token(&one).await.unwrap();
    tx.insert_push_token(&two).await.unwrap();
    assert_eq!(tx.push_token_by_digest(&one.digest).await.unwrap(), Some(one.clone()));
    assert_eq!(tx.push_token_by_digest(&digest(0xe9, 9)).await.unwrap(), None);
    assert!(tx.prefixes_in_use(98).await.unwrap().contains(&"push_".to_owned()));
    assert_eq!(tx.active_tokens_of_prefix("push_", 98).await.unwrap(), 2);
    assert_eq!(tx.active_tokens_of_prefix("push_", 99).await.unwrap(), 0);
    let (revoked_at, revoked_by) = (Some(50), Some("zoe".to_owned()));
    let last_push = Some((45, Some("10.0.0.1".to_owned())));
    let ended = PushToken { revoked_at, revoked_by, last_push, successor: Some("P2".to_owned()), ..one };
    tx.update_push_token(&ended).await.unwrap();
    assert_eq!(tx.push_token_by_digest(&ended.digest).await.unwrap(), Some(ended.clone()));
    assert_eq!(tx.push_tokens_of(ci.id).await.unwrap(), [two]);
    tx.commit().await.unwrap();
    refused(store, async |tx| tx.update_push_token(&ended).await, "what was revoked stays so").await;
}

async fn entries(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    let fred = tx.user("Fred").await.unwrap().unwrap();
    let ci = tx.source("ci").await.unwrap().unwrap();
    let all: Vec<Token> = (1..=3).map(|number| entry(number, &fred)).collect();
    tx.put_entries(ci.id, &all).await.unwrap();
    assert_eq!(tx.count_entries(ci.id).await.unwrap(), 3);
    assert_eq!(tx.entries(Some(ci.id), None, 9).await.unwrap(), all);
    assert_eq!(tx.entries(None, Some("ci.1"), 1).await.unwrap(), all[1..2]);
    assert_eq!(tx.entries(Some(-1), None, 9).await.unwrap(), []);
    let last = LastUse { at: 60, ip: Some("10.0.0.1".parse().unwrap()), user_agent: Some("curl".to_owned()) };
    let earlier = LastUse { at: 59, ip: None, user_agent: None };
    let used = |last: &LastUse| [TokenUse { id: "ci.1".to_owned(), last: last.clone() }];
    assert_eq!(tx.record_uses(&used(&last)).await.unwrap(), 1);
    assert_eq!(tx.record_uses(&used(&earlier)).await.unwrap(), 1, "known, though it was used later");
    let unknown = [TokenUse { id: "ci.9".to_owned(), last: last.clone() }];
    assert_eq!(tx.record_uses(&unknown).await.unwrap(), 0);
    let changed = Token { description: "now".to_owned(), scope: None, ..all[0].clone() };
    tx.put_entries(ci.id, std::slice::from_ref(&changed)).await.unwrap();
    let changed = Token { last_used: Some(last), ..changed };
    assert_eq!(
        tx.entries(None, None, 1).await.unwrap(),
        [changed],
        "a change keeps what is known of its use"
    );
    assert_eq!(tx.remove_entries(&["ci.3", "ci.9"], 70).await.unwrap(), 1);
    assert_eq!(tx.count_entries(ci.id).await.unwrap(), 2);
    let named = tx.named_users(&["Fred", "anna", "FRED", "nobody"]).await.unwrap();
    let mut names: Vec<_> = named.iter().map(|user| user.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Fred", "anna"]);
    let anna = named.iter().find(|user| user.name == "anna").unwrap();
    let expected =
        Named { id: anna.id, name: "anna".to_owned(), role: Role::User, active: false, signs_in: true };
    assert_eq!(*anna, expected, "she has a password");
    drop(tx);
}

async fn entries_are_tokens_to_proxies(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    let fred = tx.user("Fred").await.unwrap().unwrap();
    let ci = tx.source("ci").await.unwrap().unwrap();
    let revision = tx.version().await.unwrap().unwrap().revision;
    assert_eq!(changed(tx.as_mut(), revision).await, Vec::<String>::new());
    let all: Vec<Token> = (1..=3).map(|number| entry(number, &fred)).collect();
    tx.put_entries(ci.id, &all).await.unwrap();
    assert_eq!(changed(tx.as_mut(), revision).await, ["ci.1", "ci.2", "ci.3"]);
    let known = |tokens: Vec<Token>| -> Vec<String> {
        tokens.into_iter().map(|token| token.id).filter(|id| id.contains('.')).collect()
    };
    let listed = tx.unrevoked_tokens(1000, None, 999).await.unwrap();
    assert!(listed.is_sorted_by_key(|token| token.digest));
    let count = listed.len();
    assert_eq!(tx.count_unrevoked_tokens(1000).await.unwrap(), count as u64);
    let (first, last) = (listed[0].digest, listed[count - 2].digest);
    assert_eq!(tx.unrevoked_tokens(1000, Some(&last), 9).await.unwrap(), listed[count - 1..]);
    let paged = tx.unrevoked_tokens(1000, Some(&first), 3).await.unwrap();
    assert_eq!(paged, listed[1..4.min(count)], "both tables together, and no more than was asked for");
    assert_eq!(known(listed), ["ci.2", "ci.3"], "what has ended by then is left out");
    assert_eq!(known(tx.unrevoked_tokens_of(fred.id).await.unwrap()), Vec::<String>::new());
    assert_eq!(tx.token("ci.1").await.unwrap(), None, "it is nobody's to manage");
    assert_eq!(tx.token_by_digest(&all[0].digest).await.unwrap(), None, "and opens no control plane");
    assert_eq!(tx.tokens_expired_between(1000, 2000).await.unwrap(), [all[1].digest]);
    assert!(tx.scopes_in_use(999).await.unwrap().contains(&"of_entries".to_owned()));
    assert!(!tx.scopes_in_use(1000).await.unwrap().contains(&"of_entries".to_owned()));
    assert_eq!(tx.active_tokens_of_scope("of_entries", 999).await.unwrap(), 1);
    assert!(tx.shorten_token("ci.3", 2500).await.unwrap());
    assert!(!tx.shorten_token("ci.3", 2500).await.unwrap() && !tx.shorten_token("ci.9", 1).await.unwrap());
    assert!(tx.revoke_token("ci.2", 1, "zoe").await.unwrap());
    assert!(!tx.revoke_token("ci.2", 1, "zoe").await.unwrap());
    assert_eq!(known(tx.unrevoked_tokens(0, None, 999).await.unwrap()), ["ci.1", "ci.3"]);
    drop(tx);
    // What is said of its user reaches an entry.
    let mut tx = store.write().await.unwrap();
    tx.put_entries(ci.id, &all[..1]).await.unwrap();
    let revision = tx.raise_revision().await.unwrap();
    assert_eq!(changed(tx.as_mut(), revision).await, Vec::<String>::new());
    tx.put_entries(ci.id, &all[..1]).await.unwrap();
    assert_eq!(changed(tx.as_mut(), revision).await, ["ci.1"]);
    let revision = tx.raise_revision().await.unwrap();
    tx.update_user(&User { active: false, ..fred }).await.unwrap();
    assert_eq!(changed(tx.as_mut(), revision).await, ["ci.1"]);
    drop(tx);
}

async fn changed(tx: &mut dyn Transaction, revision: u64) -> Vec<String> {
    let tokens = tx.tokens_changed_since(revision, 999).await.unwrap();
    assert_eq!(tx.tokens_changed_since(revision, 1).await.unwrap().len(), tokens.len().min(1));
    let mut ids: Vec<String> =
        tokens.into_iter().map(|token| token.id).filter(|id| id.contains('.')).collect();
    ids.sort_unstable();
    ids
}

async fn digests_are_held_once(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    let fred = tx.user("Fred").await.unwrap().unwrap();
    let (ci, other) = (tx.source("ci").await.unwrap().unwrap(), tx.source("a").await.unwrap().unwrap());
    tx.put_entries(ci.id, &[entry(1, &fred)]).await.unwrap();
    let token = Digest::from_bytes([2; 32]);
    assert!(tx.token_by_digest(&token).await.unwrap().unwrap().revoked_at.is_some());
    let (pushing, revoked) = (digest(0xe1, 2), digest(0xe1, 1));
    let (own, free) = (digest(0xe0, 1), digest(0xe2, 1));
    let all = [token, pushing, revoked, own, free];
    for (source, expected) in
        [(ci.id, vec![token, revoked, pushing]), (other.id, vec![token, own, revoked, pushing])]
    {
        let mut held = tx.digests_held(source, &all).await.unwrap();
        held.sort_unstable_by_key(|digest| *digest.as_bytes());
        assert_eq!(held, expected);
    }
    tx.commit().await.unwrap();
    let same_digest = Token { id: "a.1".to_owned(), ..entry(1, &fred) };
    refused(store, async |tx| tx.put_entries(other.id, &[same_digest]).await, "a digest is there once").await;
    let another_secret = Token { digest: free, ..entry(1, &fred) };
    refused(store, async |tx| tx.put_entries(ci.id, &[another_secret]).await, "a secret is not changed")
        .await;
    refused(store, async |tx| tx.put_entries(other.id, &[entry(1, &fred)]).await, "nor another source's")
        .await;
}

async fn what_went_is_told_until_it_is_forgotten(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    let fred = tx.user("Fred").await.unwrap().unwrap();
    let ci = tx.source("ci").await.unwrap().unwrap();
    let digests = |numbers: &[u8]| -> Option<Vec<Digest>> {
        Some(numbers.iter().map(|number| digest(0xe0, *number)).collect())
    };
    let before = tx.raise_revision().await.unwrap();
    assert_eq!(tx.entries_gone_since(before).await.unwrap(), digests(&[]));
    tx.remove_entries(&["ci.1"], 70).await.unwrap();
    let first = tx.raise_revision().await.unwrap();
    assert_eq!(tx.entries_gone_since(before).await.unwrap(), digests(&[1]));
    assert_eq!(tx.entries_gone_since(first).await.unwrap(), digests(&[]));
    // Pushed again and gone again, it is told to whoever knows it by then.
    tx.put_entries(ci.id, &[entry(1, &fred), entry(2, &fred)]).await.unwrap();
    tx.remove_entries(&["ci.1"], 70).await.unwrap();
    assert_eq!(tx.entries_gone_since(first).await.unwrap(), digests(&[1]));
    tx.forget_gone_entries(1).await.unwrap();
    assert_eq!(tx.entries_gone_since(0).await.unwrap(), digests(&[1]), "no more than may be kept");
    tx.raise_revision().await.unwrap();
    tx.remove_entries(&["ci.2"], 70).await.unwrap();
    tx.forget_gone_entries(1).await.unwrap();
    assert_eq!(tx.entries_gone_since(first).await.unwrap(), None, "who is behind reads everything");
    assert_eq!(tx.entries_gone_since(first + 1).await.unwrap(), digests(&[2]), "and who is not, what is new");
    drop(tx);
}

async fn when_a_digest_was_pushed_first_stays_known(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    let fred = tx.user("Fred").await.unwrap().unwrap();
    let (ci, other) = (tx.source("ci").await.unwrap().unwrap(), tx.source("a").await.unwrap().unwrap());
    let all: Vec<Token> = (1..=4).map(|number| entry(number, &fred)).collect();
    let digests: Vec<Digest> = all.iter().map(|entry| entry.digest).collect();
    tx.put_entries(ci.id, &all).await.unwrap();
    assert_eq!(tx.first_pushes(&digests).await.unwrap(), [], "those in force say it themselves");
    assert_eq!(tx.entries_of(fred.id, 9).await.unwrap(), all);
    assert_eq!(tx.entries_of(fred.id, 2).await.unwrap(), all[..2]);
    assert_eq!(tx.entries_of(-1, 9).await.unwrap(), []);
    assert_eq!(tx.entry("ci.2").await.unwrap().as_ref(), Some(&all[1]));
    assert_eq!(tx.entry("ci.9").await.unwrap(), None);
    // In use at 1000, all but the first (it has ended) and the second (it is disabled).
    let counts = tx.entry_counts(1000).await.unwrap();
    let of_ci = counts.iter().find(|counts| counts.source == "ci").unwrap();
    let (source, expiring) = ("ci".to_owned(), [2, 2, 2]);
    assert_eq!(*of_ci, EntryCounts { source, active: 2, disabled: 1, expired: 1, expiring });
    assert!(
        counts.is_sorted_by_key(|counts| counts.source.clone()) && counts.iter().any(|one| one.source == "a")
    );
    assert_eq!(tx.entry_by_digest(&digests[1]).await.unwrap().as_ref(), Some(&all[1]));
    tx.remove_entries(&["ci.1", "ci.2"], 70).await.unwrap();
    assert_eq!(tx.entry_by_digest(&digests[1]).await.unwrap(), None);
    tx.remove_entries(&["ci.3"], 80).await.unwrap();
    assert!(tx.revoke_token("ci.4", 90, "zoe").await.unwrap());
    let known = async |tx: &mut dyn Transaction| -> Vec<(Digest, i64)> {
        let mut known = tx.first_pushes(&digests).await.unwrap();
        known.sort_unstable_by_key(|(digest, _)| *digest.as_bytes());
        known
    };
    let first = |numbers: &[usize]| -> Vec<(Digest, i64)> {
        numbers.iter().map(|number| (digests[number - 1], 20)).collect()
    };
    assert_eq!(known(tx.as_mut()).await, first(&[1, 2, 3, 4]));
    // What came back and went again is known by its last end, and by whoever had it then.
    let others = Token { id: "a.1".to_owned(), ..all[0].clone() };
    tx.put_entries(other.id, &[others]).await.unwrap();
    tx.remove_entries(&["a.1"], 95).await.unwrap();
    tx.forget_first_pushes(ci.id, 70, 9).await.unwrap();
    assert_eq!(known(tx.as_mut()).await, first(&[1, 2, 3, 4]));
    tx.forget_first_pushes(ci.id, 71, 9).await.unwrap();
    assert_eq!(known(tx.as_mut()).await, first(&[1, 3, 4]), "too long ago");
    tx.forget_first_pushes(ci.id, 0, 1).await.unwrap();
    assert_eq!(known(tx.as_mut()).await, first(&[1, 3, 4]), "one more than that may stay");
    tx.forget_first_pushes(ci.id, 0, 0).await.unwrap();
    assert_eq!(known(tx.as_mut()).await, first(&[1, 4]), "too many of one source, and of no other's");
    drop(tx);
}
