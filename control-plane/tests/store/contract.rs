//! The contract: each database runs it.

use gatepass::token::Digest;
use gatepass_control_plane::domain::address::IpList;
use gatepass_control_plane::domain::audit::{Action, AuditKey, Draft, Head, chain};
use gatepass_control_plane::domain::fleet::{Enforced, Worker, WorkerKey};
use gatepass_control_plane::domain::groups::Groups;
use gatepass_control_plane::domain::settings::Settings;
use gatepass_control_plane::domain::token::{Disabled, Token};
use gatepass_control_plane::domain::usage::{LastUse, TokenUse};
use gatepass_control_plane::domain::user::{Role, User, UserFilter, name_key};
use gatepass_control_plane::store::sqlite::SqliteStore;
use gatepass_control_plane::store::{LastReport, Store, StoreError, TokenFilter, Transaction, Version};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use crate::{changes, outbox, overview, people, sources, suspensions, token_lists};

#[tokio::test]
async fn sqlite_keeps_the_contract() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("gatepass.db");
    std::fs::write(&path, "").unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    contract(&store).await;
    store.close().await;
    assert!(store.read().await.is_err(), "closed");
    let again = SqliteStore::open(&path).await.unwrap();
    committed_is_durable(&again).await;
}

#[tokio::test]
async fn sqlite_refuses_a_newer_schema() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("gatepass.db");
    std::fs::write(&path, "").unwrap();
    SqliteStore::open(&path).await.unwrap().close().await;
    let options = SqliteConnectOptions::new().filename(&path);
    let mut db = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(NEWER).execute(&mut db).await.unwrap();
    assert!(matches!(SqliteStore::open(&path).await, Err(StoreError::Newer)));
}

/// A migration that this program does not know.
pub const NEWER: &str =
    "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                         VALUES (9999, 'of tomorrow', TRUE, '', 0)";

pub async fn committed_is_durable(store: &dyn Store) {
    let version = store.read().await.unwrap().version().await.unwrap();
    assert_eq!(version, Some(Version { epoch: "b2".to_owned(), revision: 1 }));
}

pub async fn contract(store: &dyn Store) {
    what_is_not_there_is_none(store).await;
    epoch_revision_and_settings(store).await;
    users(store).await;
    tokens(store).await;
    uses_only_move_forward(store).await;
    token_lists::contract(store).await;
    workers(store).await;
    everything_is_counted(store).await;
    overview::counts_follow_every_change(store).await;
    overview::decisions_are_counted(store).await;
    audit(store).await;
    changes::tokens_are_only_shortened(store).await;
    changes::audit_filters(store).await;
    changes::idempotency_keys(store).await;
    people::sessions(store).await;
    people::failed_sign_ins(store).await;
    people::identities(store).await;
    suspensions::suspensions(store).await;
    suspensions::proxies_are_told(store).await;
    suspensions::tokens_that_end_soon_are_counted(store).await;
    sources::contract(store).await;
    outbox::webhooks(store).await;
    outbox::what_is_to_be_told(store).await;
    outbox::deliveries(store).await;
    readers_see_one_state_and_writers_take_turns(store).await;
}

/// That a change is refused. After an error a transaction is good for nothing.
pub async fn refused<T>(
    store: &dyn Store,
    change: impl AsyncFnOnce(&mut dyn Transaction) -> Result<T, StoreError>,
    why: &str,
) {
    let mut tx = store.write().await.unwrap();
    assert!(change(tx.as_mut()).await.is_err(), "{why}");
}

async fn what_is_not_there_is_none(store: &dyn Store) {
    let mut tx = store.read().await.unwrap();
    assert_eq!(tx.version().await.unwrap(), None);
    assert_eq!(tx.user("fred").await.unwrap(), None);
    assert_eq!(tx.token("01A").await.unwrap(), None);
    assert_eq!(tx.token_by_digest(&Digest::from_bytes([0; 32])).await.unwrap(), None);
    assert_eq!(tx.audit_head().await.unwrap(), Head::EMPTY);
    assert!(!tx.has_users().await.unwrap());
    drop(tx);
    refused(store, async |tx| tx.settings().await, "there must be settings once there is a version").await;
    refused(store, async |tx| tx.raise_revision().await, "there is none to raise").await;
    refused(store, async |tx| tx.replace_epoch("a0").await, "there is none to replace").await;
}

async fn epoch_revision_and_settings(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    tx.initialise("a1", &Settings::default()).await.unwrap();
    assert_eq!(tx.raise_revision().await.unwrap(), 1);
    tx.replace_epoch("b2").await.unwrap();
    let changed = Settings { password_auth: true, ..Settings::default() };
    tx.replace_settings(&changed).await.unwrap();
    let stored = tx.settings().await.unwrap();
    assert_eq!((stored.settings, stored.version), (changed, 2));
    tx.commit().await.unwrap();

    let mut tx = store.write().await.unwrap();
    tx.raise_revision().await.unwrap();
    drop(tx);
    let version = store.read().await.unwrap().version().await.unwrap().unwrap();
    assert_eq!(version.revision, 1, "dropped without commit, a transaction changes nothing");
}

fn user(name: &str, role: Role) -> User {
    let (display_name, email) = (Some("Fred F.".to_owned()), None);
    let groups = Groups::from(vec!["team".to_owned(), "ops".to_owned()]);
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

/// Somebody of this name, made at 7.
pub fn user_named(name: &str) -> User {
    user(name, Role::User)
}

async fn users(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    for (name, role) in [("Fred", Role::User), ("anna", Role::Admin), ("zoe", Role::TokenManager)] {
        let id = tx.insert_user(&user(name, role), None).await.unwrap();
        assert_eq!(tx.user(name).await.unwrap(), Some(User { id, ..user(name, role) }));
    }
    assert_eq!(tx.user("fred").await.unwrap(), None, "exactly this name");
    assert_eq!(tx.user("Fred\0").await.unwrap(), None);
    assert_eq!(tx.user_by_key("fred").await.unwrap().unwrap().name, "Fred");
    let names = |users: Vec<User>| users.into_iter().map(|user| user.name).collect::<Vec<_>>();
    let all = UserFilter::default();
    assert_eq!(names(tx.users(&all, None, 2).await.unwrap()), ["anna", "Fred"]);
    assert_eq!(names(tx.users(&all, Some("fred"), 2).await.unwrap()), ["zoe"]);
    assert_eq!(tx.active_admins().await.unwrap(), 1);

    let anna = tx.user("anna").await.unwrap().unwrap();
    let changed = User {
        role: Role::User,
        active: false,
        display_name: None,
        email: Some("Ä@b".to_owned()),
        groups: Groups::from(vec!["it's \"quoted\"".to_owned()]),
        ..anna
    };
    tx.update_user(&changed).await.unwrap();
    assert_eq!(tx.user("anna").await.unwrap(), Some(changed.clone()));
    assert_eq!(tx.active_admins().await.unwrap(), 0);
    assert_eq!(tx.password_hash(changed.id).await.unwrap(), None);
    tx.set_password_hash(changed.id, "hash").await.unwrap();
    assert_eq!(tx.password_hash(changed.id).await.unwrap().as_deref(), Some("hash"));
    assert_eq!(tx.password_hash(-1).await.unwrap(), None);
    assert!(tx.user("anna").await.unwrap().unwrap().has_password);
    let some = UserFilter::default;
    for (filter, found) in [
        (UserFilter { search: Some("fred f.".to_owned()), ..some() }, vec!["Fred", "zoe"]),
        (UserFilter { search: Some("ä@".to_owned()), ..some() }, vec!["anna"]),
        (UserFilter { search: Some("%".to_owned()), ..some() }, vec![]),
        (UserFilter { role: Some(Role::User), ..some() }, vec!["anna", "Fred"]),
        (UserFilter { active: Some(false), ..some() }, vec!["anna"]),
        (UserFilter { active: Some(true), ..some() }, vec!["Fred", "zoe"]),
        (UserFilter { group: Some("ops".to_owned()), ..some() }, vec!["Fred", "zoe"]),
        (UserFilter { group: Some("it's \"quoted\"".to_owned()), ..some() }, vec!["anna"]),
        (UserFilter { group: Some("op".to_owned()), ..some() }, vec![]),
        (UserFilter { group: Some("ops".to_owned()), role: Some(Role::User), ..some() }, vec!["Fred"]),
    ] {
        assert_eq!(names(tx.users(&filter, None, 9).await.unwrap()), found, "{filter:?}");
    }
    tx.commit().await.unwrap();
    let again = user("FRED", Role::User);
    refused(store, async |tx| tx.insert_user(&again, None).await, "names are unique").await;
    refused(store, async |tx| tx.set_password_hash(-1, "hash").await, "affected rows are checked").await;
    let nobody = User { id: -1, ..changed };
    refused(store, async |tx| tx.update_user(&nobody).await, "affected rows are checked").await;
}

pub fn token(number: u8, owner: &User, expires_at: Option<i64>) -> Token {
    Token {
        id: format!("0{number}"),
        digest: Digest::from_bytes([number; 32]),
        owner_id: owner.id,
        owner: owner.name.clone(),
        owner_role: owner.role,
        owner_active: owner.active,
        creator: "zoe".to_owned(),
        description: "x".to_owned(),
        created_at: 7,
        expires_at,
        scope: (number == 1).then(|| "read_only".to_owned()),
        allowed_ips: serde_json::from_str::<IpList>(r#"["10.0.0.0/8"]"#).unwrap(),
        prefix: "gp_".to_owned(),
        hint: "abcd".to_owned(),
        control_plane: number == 2,
        disabled: None,
        chain: None,
        predecessor: None,
        successor: None,
        revoked_at: None,
        revoked_by: None,
        last_used: None,
    }
}

async fn tokens(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    let (fred, zoe) = (tx.user("Fred").await.unwrap().unwrap(), tx.user("zoe").await.unwrap().unwrap());
    let all = [token(1, &fred, Some(100)), token(2, &fred, None), token(3, &zoe, Some(50))];
    for token in &all {
        tx.insert_token(token).await.unwrap();
        assert_eq!(tx.token(&token.id).await.unwrap().as_ref(), Some(token));
        assert_eq!(tx.token_by_digest(&token.digest).await.unwrap().as_ref(), Some(token));
    }
    assert_eq!(tx.active_tokens_of(fred.id, 99).await.unwrap(), 2);
    assert_eq!(tx.active_tokens_of(fred.id, 100).await.unwrap(), 1, "expired at equality");
    assert_eq!(tx.scopes_in_use(99).await.unwrap(), ["read_only"]);
    assert!(tx.scopes_in_use(100).await.unwrap().is_empty());
    assert_eq!(tx.prefixes_in_use(99).await.unwrap(), ["gp_"]);
    for (now, scoped, prefixed) in [(49, 1, 3), (99, 1, 2), (100, 0, 1)] {
        assert_eq!(tx.active_tokens_of_scope("read_only", now).await.unwrap(), scoped, "{now}");
        assert_eq!(tx.active_tokens_of_prefix("gp_", now).await.unwrap(), prefixed, "{now}");
    }
    assert_eq!(tx.active_tokens_of_scope("ci", 0).await.unwrap(), 0);
    assert_eq!(tx.active_tokens_of_prefix("gp", 0).await.unwrap(), 0);
    let ids = |tokens: Vec<Token>| tokens.into_iter().map(|token| token.id).collect::<Vec<_>>();
    assert_eq!(ids(tx.unrevoked_tokens(49, None, 9).await.unwrap()), ["01", "02", "03"]);
    assert_eq!(ids(tx.unrevoked_tokens(50, None, 9).await.unwrap()), ["01", "02"]);
    assert_eq!(ids(tx.unrevoked_tokens(49, None, 2).await.unwrap()), ["01", "02"], "in the order of digests");
    assert_eq!(ids(tx.unrevoked_tokens(49, Some(&all[1].digest), 9).await.unwrap()), ["03"]);
    assert!(tx.unrevoked_tokens(49, Some(&all[2].digest), 9).await.unwrap().is_empty());
    for (expired_after, count) in [(49, 3), (50, 2), (100, 1)] {
        assert_eq!(tx.count_unrevoked_tokens(expired_after).await.unwrap(), count, "{expired_after}");
    }

    assert!(tx.revoke_token("02", 60, "zoe").await.unwrap());
    assert!(!tx.revoke_token("02", 61, "anna").await.unwrap(), "once");
    assert!(!tx.revoke_token("08", 61, "anna").await.unwrap());
    assert_eq!(tx.token("02").await.unwrap().unwrap().revoked_by.as_deref(), Some("zoe"));
    assert_eq!(ids(tx.unrevoked_tokens(0, None, 9).await.unwrap()), ["01", "03"]);
    assert_eq!(ids(tx.unrevoked_tokens_of(fred.id).await.unwrap()), ["01"]);
    tx.commit().await.unwrap();
    let twice = Token { id: "09".to_owned(), ..all[0].clone() };
    refused(store, async |tx| tx.insert_token(&twice).await, "digests are unique").await;
    let same_id = Token { digest: Digest::from_bytes([9; 32]), ..all[0].clone() };
    refused(store, async |tx| tx.insert_token(&same_id).await, "ids are unique").await;
    let nobodys = Token { id: "09".to_owned(), owner_id: -1, ..same_id };
    refused(store, async |tx| tx.insert_token(&nobodys).await, "owners exist").await;
    what_may_change_of_a_token(store, &all[0]).await;
    what_proxies_see_of_a_token(store).await;
}

/// By revisions: a change that is to be seen with the next one is found by whoever knows the present one.
async fn what_proxies_see_of_a_token(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    let known = tx.raise_revision().await.unwrap();
    async fn found(tx: &mut dyn Transaction, revision: u64) -> Vec<String> {
        let mut ids: Vec<String> =
            tx.tokens_changed_since(revision, 9).await.unwrap().into_iter().map(|token| token.id).collect();
        ids.sort();
        ids
    }
    assert!(found(tx.as_mut(), known).await.is_empty());
    let fred = tx.user("Fred").await.unwrap().unwrap();
    tx.insert_token(&token(4, &fred, Some(1000))).await.unwrap();
    assert_eq!(found(tx.as_mut(), known).await, ["04"], "a new one");
    let next = tx.raise_revision().await.unwrap();
    assert_eq!(
        (found(tx.as_mut(), known).await, found(tx.as_mut(), next).await),
        (vec!["04".to_owned()], Vec::new())
    );
    let old = tx.token("01").await.unwrap().unwrap();
    tx.update_token(&Token { scope: None, ..old }).await.unwrap();
    assert!(tx.shorten_token("04", 999).await.unwrap());
    assert_eq!(found(tx.as_mut(), next).await, ["01", "04"]);
    let next = tx.raise_revision().await.unwrap();
    assert!(tx.revoke_token("04", 60, "zoe").await.unwrap());
    let changed = tx.tokens_changed_since(next, 9).await.unwrap();
    assert!(matches!(&changed[..], [token] if token.revoked_at == Some(60)), "{changed:?}");
    let next = tx.raise_revision().await.unwrap();
    tx.update_user(&User { display_name: Some("F".to_owned()), ..fred.clone() }).await.unwrap();
    assert!(found(tx.as_mut(), next).await.is_empty(), "no proxy sees a display name");
    tx.update_user(&User { active: !fred.active, ..fred.clone() }).await.unwrap();
    assert_eq!(found(tx.as_mut(), next).await, ["01", "02", "04"], "all of its owner's");
    let next = tx.raise_revision().await.unwrap();
    let other = if fred.role == Role::User { Role::TokenManager } else { Role::User };
    tx.update_user(&User { role: other, active: !fred.active, ..fred }).await.unwrap();
    assert_eq!(found(tx.as_mut(), next).await, ["01", "02", "04"]);
    let ended = async |tx: &mut dyn Transaction, after, upto| -> Vec<u8> {
        let mut all = tx.tokens_expired_between(after, upto).await.unwrap();
        all.sort();
        all.iter().map(|digest| digest.as_bytes()[0]).collect()
    };
    assert_eq!(ended(tx.as_mut(), 49, 50).await.len(), 1, "at the end itself");
    assert_eq!(ended(tx.as_mut(), 50, 99).await.len(), 0, "and not again");
    assert_eq!(ended(tx.as_mut(), 0, i64::MAX - 1).await.len(), 3, "what never ends has not ended");
}

async fn what_may_change_of_a_token(store: &dyn Store, old: &Token) {
    let mut tx = store.write().await.unwrap();
    let new = Token {
        description: "Straße".to_owned(),
        expires_at: Some(90),
        scope: Some("ci".to_owned()),
        allowed_ips: serde_json::from_str::<IpList>(r#"["10.1.0.0/16"]"#).unwrap(),
        control_plane: true,
        disabled: Some(Disabled { at: 60, by: "zoe".to_owned() }),
        chain: Some("01".to_owned()),
        successor: Some("07".to_owned()),
        ..old.clone()
    };
    tx.update_token(&new).await.unwrap();
    assert_eq!(tx.token("01").await.unwrap(), Some(new.clone()));
    assert_eq!(tx.active_tokens_of(old.owner_id, 60).await.unwrap(), 0, "a disabled token is not active");
    assert_eq!(tx.scopes_in_use(60).await.unwrap(), ["ci"], "but keeps its scope");
    assert_eq!(tx.prefixes_in_use(60).await.unwrap(), ["gp_"]);
    assert_eq!(tx.unrevoked_tokens_of_chain("01").await.unwrap(), [new]);
    assert!(tx.unrevoked_tokens_of_chain("02").await.unwrap().is_empty());
    let revoked = tx.token("02").await.unwrap().unwrap();
    drop(tx);
    assert_eq!(store.read().await.unwrap().token("01").await.unwrap().as_ref(), Some(old));
    refused(store, async |tx| tx.update_token(&revoked).await, "what is revoked does not change").await;
    let unknown = Token { id: "08".to_owned(), ..old.clone() };
    refused(store, async |tx| tx.update_token(&unknown).await, "what is not there does not change").await;
}

fn used(id: &str, at: i64, ip: Option<&str>, user_agent: Option<&str>) -> TokenUse {
    let (ip, user_agent) = (ip.map(|ip| ip.parse().unwrap()), user_agent.map(str::to_owned));
    TokenUse { id: id.to_owned(), last: LastUse { at, ip, user_agent } }
}

async fn uses_only_move_forward(store: &dyn Store) {
    let before = store.read().await.unwrap().version().await.unwrap();
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.record_uses(&[]).await.unwrap(), 0);
    let first = used("01", 50, Some("10.0.0.1"), Some("it's \"curl\" \u{fffd} ✓"));
    let revoked = used("02", 50, None, None);
    let all = [first.clone(), used("nobody's", 50, None, None), revoked.clone()];
    assert_eq!(tx.record_uses(&all).await.unwrap(), 2, "tokens that there are");
    assert_eq!(tx.token("01").await.unwrap().unwrap().last_used, Some(first.last.clone()));
    assert_eq!(tx.token("02").await.unwrap().unwrap().last_used, Some(revoked.last));
    assert_eq!(tx.token("03").await.unwrap().unwrap().last_used, None);
    for not_later in [49, 50] {
        let late = [used("01", not_later, Some("10.0.0.2"), None)];
        assert_eq!(tx.record_uses(&late).await.unwrap(), 1, "known, and it changes nothing");
        assert_eq!(tx.token("01").await.unwrap().unwrap().last_used, Some(first.last.clone()));
    }
    let later = used("01", 51, Some("2001:db8::1"), None);
    let with_others = [first.clone(), later.clone(), used("01", 51, Some("10.0.0.3"), None)];
    assert_eq!(tx.record_uses(&with_others).await.unwrap(), 3, "several uses of one token");
    let of_fred = TokenFilter { now: 50, limit: 9, ..TokenFilter::default() };
    let listed = tx.tokens(&of_fred).await.unwrap().tokens;
    let shown: Vec<_> =
        listed.iter().map(|token| token.last_used.as_ref().map(|last| (last.at, last.ip))).collect();
    assert_eq!(shown, [None, Some((50, None)), Some((51, later.last.ip))]);
    let digest = Digest::from_bytes([1; 32]);
    assert_eq!(tx.token_by_digest(&digest).await.unwrap().unwrap().last_used, Some(later.last));
    tx.commit().await.unwrap();
    assert_eq!(store.read().await.unwrap().version().await.unwrap(), before, "no use makes a revision");
}

fn worker(node: &str, worker: &str, last_report_at: i64) -> Worker {
    Worker {
        key: WorkerKey { node: node.to_owned(), worker: worker.to_owned(), instance: "a/b".to_owned() },
        cluster: "edge".to_owned(),
        module_version: "0.1.0".to_owned(),
        enforced: Some(Enforced { epoch: String::new(), revision: u64::MAX, tokens: 3 }),
        decisions: [("allow.token".to_owned(), 7)].into(),
        stale_revisions: 1,
        dropped_uses: 2,
        sequence: 5,
        first_seen_at: last_report_at,
        last_report_at,
    }
}

async fn workers(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    let (a, b, c) = (worker("n1", "w1", 100), worker("n1", "w2", 200), worker("n0", "w1", 300));
    assert_eq!(tx.last_report(&a.key).await.unwrap(), None);
    for worker in [&a, &b, &c] {
        tx.put_worker(worker).await.unwrap();
    }
    assert_eq!(
        tx.last_report(&a.key).await.unwrap(),
        Some(LastReport { sequence: 5, decisions: a.decisions.clone() })
    );
    assert_eq!(tx.count_workers().await.unwrap(), 3);
    assert_eq!(tx.workers(0, 9).await.unwrap(), [c.clone(), a.clone(), b.clone()], "in a stable order");
    assert_eq!(tx.workers(200, 9).await.unwrap(), [c.clone(), b.clone()], "at equality too");
    assert_eq!(tx.workers(0, 2).await.unwrap(), [c.clone(), a.clone()]);

    let again = Worker {
        cluster: "other".to_owned(),
        module_version: "0.2.0".to_owned(),
        enforced: None,
        decisions: Default::default(),
        stale_revisions: 3,
        dropped_uses: 4,
        sequence: i64::MAX.unsigned_abs(),
        first_seen_at: 400,
        last_report_at: 400,
        ..a.clone()
    };
    tx.put_worker(&again).await.unwrap();
    assert_eq!(tx.workers(400, 9).await.unwrap(), [Worker { first_seen_at: 100, ..again }]);
    assert!(!tx.remove_one_worker(200).await.unwrap(), "nobody is silent for so long");
    assert!(tx.remove_one_worker(400).await.unwrap());
    assert_eq!(tx.last_report(&b.key).await.unwrap(), None, "it had been silent longest");
    assert_eq!(tx.remove_workers(400).await.unwrap(), 1);
    assert_eq!(tx.last_report(&c.key).await.unwrap(), None);
    assert_eq!(tx.count_workers().await.unwrap(), 1);
    tx.commit().await.unwrap();
    let absurd = Worker { sequence: u64::MAX, ..a };
    refused(store, async |tx| tx.put_worker(&absurd).await, "more than can be kept").await;
}

async fn everything_is_counted(store: &dyn Store) {
    let mut tx = store.read().await.unwrap();
    let (mut people, mut after) = (Vec::new(), None);
    loop {
        let page = tx.users(&UserFilter::default(), after.as_deref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(name_key(&last.name));
        people.extend(page);
    }
    for now in [0, 149, 150, i64::from(u32::MAX)] {
        let census = tx.census(now).await.unwrap();
        let tokens =
            tx.tokens(&TokenFilter { limit: 1000, now, ..TokenFilter::default() }).await.unwrap().tokens;
        assert!(!tokens.is_empty());
        for (state, count) in &census.tokens {
            let of_state = tokens.iter().filter(|token| token.state(now) == *state).count();
            assert_eq!(u64::try_from(of_state).unwrap(), *count, "{state:?} at {now}");
        }
        let all: u64 = census.tokens.iter().map(|(_, count)| count).sum();
        assert_eq!(all, u64::try_from(tokens.len()).unwrap(), "every state is there");
        for (role, active, count) in &census.users {
            let such = people.iter().filter(|user| user.role == *role && user.active == *active).count();
            assert_eq!(u64::try_from(such).unwrap(), *count, "{role:?} {active}");
        }
        let all: u64 = census.users.iter().map(|(_, _, count)| count).sum();
        assert_eq!(all, u64::try_from(people.len()).unwrap());
    }
}

async fn audit(store: &dyn Store) {
    let key = AuditKey::new([1; 32]);
    let mut tx = store.write().await.unwrap();
    let mut entries = Vec::new();
    for at in 1..=3 {
        let draft = Draft {
            at,
            actor: "zoe".to_owned(),
            actor_token_id: None,
            ip: Some("::1".to_owned()),
            action: Action::TokenCreated.as_str().to_owned(),
            target: "token:01".to_owned(),
            detail: "{}".to_owned(),
        };
        let entry = chain(&key, tx.audit_head().await.unwrap(), draft);
        tx.append_audits(std::slice::from_ref(&entry)).await.unwrap();
        assert_eq!(tx.audit_head().await.unwrap(), Head { seq: at, mac: entry.mac });
        entries.push(entry);
    }
    assert_eq!(tx.audit_after(0, 2).await.unwrap(), entries[..2]);
    assert_eq!(tx.audit_after(2, 2).await.unwrap(), entries[2..]);
    entries.reverse();
    assert_eq!(tx.audit_before(None, 9).await.unwrap(), entries);
    assert_eq!(tx.audit_before(Some(3), 1).await.unwrap(), entries[1..2]);
    tx.commit().await.unwrap();
    refused(store, async |tx| tx.append_audits(&entries[..1]).await, "numbers are unique").await;
}

async fn readers_see_one_state_and_writers_take_turns(store: &dyn Store) {
    let mut reader = store.read().await.unwrap();
    let before = reader.active_admins().await.unwrap();
    let mut writer = store.write().await.unwrap();
    let anna = writer.user("anna").await.unwrap().unwrap();
    writer.update_user(&User { role: Role::Admin, active: true, ..anna }).await.unwrap();
    let second = store.write();
    tokio::pin!(second);
    tokio::select! {
        biased;
        _ = &mut second => panic!("two writers at once"),
        () = tokio::task::yield_now() => {}
    }
    writer.commit().await.unwrap();
    assert_eq!(reader.active_admins().await.unwrap(), before);
    let mut second = second.await.unwrap();
    assert_eq!(second.active_admins().await.unwrap(), before + 1);
}
