//! Lists: what they hold and in which order is compared with a filter and a sort of all, written in the plainest way.

use gatepass::token::Digest;
use gatepass_control_plane::domain::groups::Groups;
use gatepass_control_plane::domain::listing::{KeyRange, NEVER_ENDS, NEVER_USED, Sort, SortBy};
use gatepass_control_plane::domain::text::fold;
use gatepass_control_plane::domain::token::{Disabled, State, Token};
use gatepass_control_plane::domain::usage::{LastUse, TokenUse};
use gatepass_control_plane::domain::user::{Role, User, name_key};
use gatepass_control_plane::store::{Store, TokenFilter};

const NOW: i64 = 5000;
const DESCRIPTIONS: [&str; 6] =
    ["Nightly Build", "nightly \"build\" 2", "STRASSE 7", "Straße 8", "ab", "100% jo\u{308}rg's_*AND*"];

pub async fn contract(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    let mut owners = Vec::new();
    for (name, role) in
        [("lis", Role::User), ("Lía", Role::TokenManager), ("lucy", Role::Admin), ("LEO", Role::User)]
    {
        let user = User {
            id: 0,
            name: name.to_owned(),
            role,
            active: true,
            display_name: None,
            email: None,
            groups: Groups::default(),
            has_password: false,
            last_sign_in_at: None,
            failed_sign_ins: 0,
            suspended_at: None,
            exempt_from_suspension: false,
            created_at: 0,
        };
        let id = tx.insert_user(&user, None).await.unwrap();
        owners.push(User { id, ..user });
    }
    let mut all = Vec::new();
    for number in 0..60 {
        let token = token(number, &owners[number % 4]);
        tx.insert_token(&token).await.unwrap();
        all.push(token);
    }
    for (number, token) in all.iter_mut().enumerate().filter(|(number, _)| number % 3 > 0) {
        let last =
            LastUse { at: NOW - i64::try_from(number % 11).unwrap() * 100, ip: None, user_agent: None };
        tx.record_uses(&[TokenUse { id: token.id.clone(), last: last.clone() }]).await.unwrap();
        token.last_used = Some(last);
    }
    tx.commit().await.unwrap();
    let mut lists = 0;
    for filter in filters(&owners) {
        for by in SortBy::ALL {
            for descending in [false, true] {
                let filter = TokenFilter { sort: Sort { by, descending }, ..filter.clone() };
                let expected = expected(&all, &filter);
                for limit in [1, 7, 100] {
                    let filter = TokenFilter { limit, ..filter.clone() };
                    assert_eq!(read(store, &filter).await, expected, "{filter:?}");
                    lists += 1;
                }
            }
        }
    }
    assert!(lists > 500);
    a_changed_description_is_found_as_it_is_now(store, &all[0]).await;
}

/// Many share their times, so that what decides between equals shows; some were made before those of lower numbers, as
/// by a clock that was set back.
fn token(number: usize, owner: &User) -> Token {
    let n = i64::try_from(number).unwrap();
    Token {
        id: format!("L{number:02}"),
        digest: Digest::from_bytes([100 + u8::try_from(number).unwrap(); 32]),
        owner_id: owner.id,
        owner: owner.name.clone(),
        owner_role: owner.role,
        owner_active: owner.active,
        creator: ["zoe", "lucy", &owner.name][number % 3].to_owned(),
        description: DESCRIPTIONS[number % 6].to_owned(),
        created_at: 1000 + (n * 37 % 17) * 100,
        expires_at: [None, Some(NOW - 1), Some(NOW), Some(NOW + 1), Some(NOW + 500)][number % 5],
        scope: None,
        allowed_ips: Default::default(),
        prefix: "gp_".to_owned(),
        hint: "abcd".to_owned(),
        control_plane: false,
        disabled: (number % 7 == 2).then(|| Disabled { at: 4000, by: "zoe".to_owned() }),
        chain: None,
        predecessor: None,
        successor: None,
        revoked_at: (number % 8 == 3).then_some(4500),
        revoked_by: (number % 8 == 3).then(|| "zoe".to_owned()),
        last_used: None,
    }
}

fn filters(owners: &[User]) -> Vec<TokenFilter> {
    let ids = |names: &[usize]| names.iter().map(|place| owners[*place].id).collect::<Vec<_>>();
    let everyone = TokenFilter { owners: ids(&[0, 1, 2, 3]), now: NOW, ..TokenFilter::default() };
    let keys = |from, to| Some(KeyRange { from, to });
    let mut filters = vec![
        everyone.clone(),
        TokenFilter { owners: ids(&[1]), ..everyone.clone() },
        TokenFilter { owners: ids(&[0, 3]), ..everyone.clone() },
        TokenFilter { no_admins_but: Some(owners[1].id), ..everyone.clone() },
        TokenFilter { no_admins_but: Some(owners[2].id), ..everyone.clone() },
        TokenFilter { owners: Vec::new(), creators: vec!["lucy".to_owned()], ..everyone.clone() },
        TokenFilter { creators: vec!["lucy".to_owned(), "LEO".to_owned()], ..everyone.clone() },
        TokenFilter { created: keys(Some(1500), Some(2100)), ..everyone.clone() },
        TokenFilter { created: keys(Some(2100), None), ..everyone.clone() },
        TokenFilter { last_used: keys(None, Some(NEVER_USED + 1)), ..everyone.clone() },
        TokenFilter { last_used: keys(Some(NOW - 300), None), ..everyone.clone() },
        TokenFilter { expires: keys(Some(NEVER_ENDS), None), ..everyone.clone() },
        TokenFilter { expires: keys(None, Some(NOW + 1)), ..everyone.clone() },
        TokenFilter { expires: keys(Some(NOW + 1), Some(NOW + 500)), ..everyone.clone() },
    ];
    for part in [
        "strasse",
        "ß",
        "NIGHTLY",
        "\"build\"",
        "JÖRG'S_*and*",
        "100%",
        "b",
        "ab",
        "none of them",
        "%",
        "t_7",
    ] {
        filters.push(TokenFilter { description: Some(fold(part)), ..everyone.clone() });
    }
    for state in State::ALL {
        filters.push(TokenFilter { states: vec![state], ..everyone.clone() });
    }
    filters.push(TokenFilter { states: vec![State::Active, State::Disabled], ..everyone.clone() });
    filters.push(TokenFilter {
        description: Some("build".to_owned()),
        states: vec![State::Active],
        creators: vec!["zoe".to_owned()],
        created: keys(Some(1200), None),
        ..everyone.clone()
    });
    filters
}

/// The ids of the whole list, read page by page.
async fn read(store: &dyn Store, filter: &TokenFilter) -> Vec<String> {
    let mut tx = store.read().await.unwrap();
    let mut filter = filter.clone();
    let mut ids = Vec::new();
    loop {
        let page = tx.tokens(&filter).await.unwrap();
        assert!(page.tokens.len() <= filter.limit);
        ids.extend(page.tokens.into_iter().map(|token| token.id).filter(|id| id.starts_with('L')));
        match page.next {
            Some(next) => filter.after = Some(next),
            None => return ids,
        }
    }
}

fn expected(all: &[Token], filter: &TokenFilter) -> Vec<String> {
    let mut found: Vec<(usize, &Token)> =
        all.iter().enumerate().filter(|(_, token)| holds(filter, token)).collect();
    found.sort_by(|(a, one), (b, other)| {
        let keys = match filter.sort.by {
            SortBy::Created => one.created_at.cmp(&other.created_at),
            SortBy::LastUsed => used(one).cmp(&used(other)),
            SortBy::Expires => end(one).cmp(&end(other)),
            SortBy::Description => fold(&one.description).cmp(&fold(&other.description)),
            SortBy::User => {
                let names = name_key(&one.owner).cmp(&name_key(&other.owner));
                names.then(one.created_at.cmp(&other.created_at))
            }
        };
        let order = keys.then(a.cmp(b));
        if filter.sort.descending { order.reverse() } else { order }
    });
    found.into_iter().map(|(_, token)| token.id.clone()).collect()
}

fn used(token: &Token) -> i64 {
    token.last_used.as_ref().map_or(NEVER_USED, |last| last.at)
}

fn end(token: &Token) -> i64 {
    token.expires_at.unwrap_or(NEVER_ENDS)
}

fn holds(filter: &TokenFilter, token: &Token) -> bool {
    let within = |keys: Option<KeyRange>, key: i64| {
        keys.is_none_or(|keys| keys.from.is_none_or(|from| from <= key) && keys.to.is_none_or(|to| key < to))
    };
    let hidden = |own: i64| token.owner_role == Role::Admin && token.owner_id != own;
    (filter.owners.is_empty() || filter.owners.contains(&token.owner_id))
        && !filter.no_admins_but.is_some_and(hidden)
        && (filter.creators.is_empty() || filter.creators.contains(&token.creator))
        && filter.description.as_ref().is_none_or(|part| fold(&token.description).contains(part))
        && within(filter.created, token.created_at)
        && within(filter.last_used, used(token))
        && within(filter.expires, end(token))
        && (filter.states.is_empty() || filter.states.contains(&token.state(filter.now)))
}

async fn a_changed_description_is_found_as_it_is_now(store: &dyn Store, token: &Token) {
    let found = async |part: &str| {
        let filter =
            TokenFilter { description: Some(fold(part)), now: NOW, limit: 100, ..TokenFilter::default() };
        read(store, &filter).await.contains(&token.id)
    };
    assert!(found("nightly").await && !found("weekly").await);
    let mut tx = store.write().await.unwrap();
    tx.update_token(&Token { description: "Weekly".to_owned(), ..token.clone() }).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!found("nightly").await && found("weekly").await);
    let mut tx = store.write().await.unwrap();
    tx.update_token(token).await.unwrap();
    tx.commit().await.unwrap();
    assert!(found("nightly").await && !found("weekly").await);
}
