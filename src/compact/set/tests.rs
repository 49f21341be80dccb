use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::compact::{decode, encode};
use crate::config::wire::{Integer, StatedRefusal};

fn configuration(tokens: Vec<Token>) -> PluginConfiguration {
    let scopes = json!({"ci": [{"methods": ["POST"]}], "read_only": [{"methods": ["GET"]}]});
    let all = json!({"version": 1, "revision": "1", "scopes": scopes, "tokens": []});
    PluginConfiguration { tokens: Some(tokens), ..serde_json::from_value(all).unwrap() }
}

/// The token of this digest; `kind` changes all else.
fn token(digest: Digest, kind: u8) -> Token {
    let mut token = Token {
        id: format!("{:x}-{}-{}", digest.leading() >> 32, hex::encode(&digest.as_bytes()[28..]), kind % 3),
        sha256: digest.to_string(),
        user: format!("u{kind}"),
        expires_at: None,
        scope: None,
        allowed_ips: Vec::new(),
        refuse: None,
    };
    match kind % 4 {
        1 => token.scope = Some("ci".into()),
        2 => token.allowed_ips = vec!["10.0.0.0/8".into(), "2001:db8::7".into()],
        3 => {
            token.refuse = Some(StatedRefusal::TokenDisabled);
            token.expires_at = Some(Integer(1_000 + u64::from(kind)));
        }
        _ => {}
    }
    token
}

/// Many that begin alike, and many that do not.
fn digests() -> impl Strategy<Value = Digest> {
    let even = (0..6_000_u32).prop_map(|n| n.wrapping_mul(0x9e37_79b9));
    prop_oneof![4 => even.prop_map(|n| (n, 0)), 1 => (Just(7), 0..1500_u32)].prop_map(|(first, last)| {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&first.to_be_bytes());
        bytes[28..].copy_from_slice(&last.to_be_bytes());
        Digest::from_bytes(bytes)
    })
}

fn changes(most: usize) -> impl Strategy<Value = Vec<(Digest, Option<u8>)>> {
    let gone = prop_oneof![2 => any::<u8>().prop_map(Some), 1 => Just(None)];
    proptest::collection::vec((digests(), gone), 0..most)
}

/// The set after a change, and what it must be.
fn change(set: &TokenSet, all: &mut BTreeMap<Digest, Token>, changes: &[(Digest, Option<u8>)]) -> TokenSet {
    let changes: BTreeMap<Digest, Option<u8>> = changes.iter().copied().collect();
    let mut put = Vec::new();
    for (digest, kind) in &changes {
        match kind {
            Some(kind) => {
                put.push(token(*digest, *kind));
                all.insert(*digest, token(*digest, *kind));
            }
            None => {
                all.remove(digest);
            }
        }
    }
    let gone: Vec<Digest> =
        changes.iter().filter(|(_, kind)| kind.is_none()).map(|(digest, _)| *digest).collect();
    set.changed(&gone, &put, &["ci", "read_only"]).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_changed_set_is_encoded_as_one_made_anew(
        first in changes(3_000),
        later in proptest::collection::vec(prop_oneof![changes(4), changes(2_000)], 1..6),
    ) {
        let mut all = BTreeMap::new();
        let mut set = change(&TokenSet::default(), &mut all, &first);
        for changes in std::iter::once(&Vec::new()).chain(&later) {
            set = change(&set, &mut all, changes);
            let anew = configuration(all.values().cloned().collect());
            prop_assert_eq!(set.len(), all.len());
            prop_assert!(set.encode(&configuration(Vec::new())).unwrap().to_vec() == encode(&anew).unwrap());
        }
    }
}

fn numbered(n: u32) -> Token {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&n.wrapping_mul(0x9e37_79b9).to_be_bytes());
    token(Digest::from_bytes(bytes), 0)
}

#[test]
fn a_change_of_one_token_makes_one_chunk_and_one_list_of_ids_anew() {
    let set = TokenSet::of(configuration((0..20_000).map(numbered).collect())).unwrap();
    let digest: Digest = numbered(77).sha256.parse().unwrap();
    let after = set.changed(&[digest], &[], &[]).unwrap();
    let shared = |one: &Part<Chunk>| {
        after.chunks.iter().any(|other| one.content.bytes().as_ptr() == other.content.bytes().as_ptr())
    };
    assert_eq!(set.chunks.iter().filter(|part| !shared(part)).count(), 1);
    let shared =
        |one: &Part<Arc<[u64]>>| after.ids.iter().any(|other| Arc::ptr_eq(&one.content, &other.content));
    assert_eq!(set.ids.iter().filter(|part| !shared(part)).count(), 1);
    assert_eq!((set.len(), after.len()), (20_000, 19_999));
    let same = after.changed(&[digest], &[], &[]).unwrap();
    assert_eq!(same.len(), 19_999, "gone already");
}

#[test]
fn what_the_filter_would_refuse_is_no_change() {
    let set = TokenSet::of(configuration(vec![numbered(1), numbered(2)])).unwrap();
    let refused =
        |token: Token| set.changed(&[], &[numbered(3), token], &["ci"]).expect_err("refused").to_string();
    let with = |change: fn(&mut Token)| {
        let mut token = numbered(4);
        change(&mut token);
        refused(token)
    };
    assert!(with(|token| token.id = "no id".into()).starts_with("tokens[1].id: "));
    assert!(with(|token| token.user = String::new()).starts_with("tokens[1].user: "));
    assert!(with(|token| token.scope = Some("missing".into())).starts_with("tokens[1].scope: "));
    assert!(with(|token| token.sha256 = "x".into()).starts_with("tokens[1].sha256: "));
    assert!(with(|token| token.allowed_ips = vec!["x".into()]).starts_with("tokens[1].allowed_ips[0]: "));
    assert!(refused(numbered(3)).contains("same digest"));
    let id = numbered(2).id;
    let twice = refused(Token { id: id.clone(), ..numbered(4) });
    assert!(twice.contains(&id), "{twice}");
    let twice = refused(Token { id: numbered(3).id, ..numbered(4) });
    assert!(twice.contains("same number"), "{twice}");
    // An id may go from one token to another in one change.
    let gone: Digest = numbered(2).sha256.parse().unwrap();
    let moved = set.changed(&[gone], &[Token { id, ..numbered(4) }], &[]).unwrap();
    assert_eq!(
        decode(&moved.encode(&configuration(Vec::new())).unwrap().to_vec()).unwrap().tokens.unwrap().len(),
        2
    );
}

#[test]
fn a_set_goes_with_no_scopes_but_those_of_its_tokens() {
    let scoped = Token { scope: Some("ci".into()), ..numbered(1) };
    let set = TokenSet::of(configuration(vec![scoped])).unwrap();
    let mut rest = configuration(Vec::new());
    assert!(set.encode(&rest).is_ok());
    rest.scopes.0.remove("ci");
    let error = set.encode(&rest).expect_err("a scope is missing").to_string();
    assert!(error.contains("there is no scope \"ci\""), "{error}");
    rest.revision = "x".into();
    assert!(set.encode(&rest).expect_err("a wrong revision").to_string().starts_with("revision: "));
}
