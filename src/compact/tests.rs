//! JSON and compact mean the same.

use std::cell::RefCell;

use proptest::prelude::*;
use serde_json::{Value, json};

use gatepass_records::number_of;

use super::*;
use crate::config::wire::{Integer, StatedRefusal, Token};
use crate::policy::{Draft, LoadError, Version};
use crate::source::{ReadError, Source};

fn configuration(revision: u64, tokens: Vec<Token>) -> PluginConfiguration {
    let mut all: PluginConfiguration = serde_json::from_value(json!({
        "version": 1, "epoch": "a1", "revision": revision.to_string(),
        "settings": {"protected_paths": ["/rest/"], "allowed_ips": ["10.0.0.0/8"]},
        "scopes": {"read_only": [{"methods": ["GET"]}], "ci": [{"methods": ["POST"], "paths": ["/rest/ci"]}]},
        "tokens": [],
        "report": {"cluster": "gatepass", "path": "/dataplane/v1/usage", "interval_ms": 10000},
    }))
    .unwrap();
    all.tokens = Some(tokens);
    all
}

fn token(n: u32) -> Token {
    Token {
        id: format!("t{n}"),
        sha256: hex::encode(Sha256::digest(n.to_le_bytes())),
        user: format!("user{}", n / 10),
        expires_at: None,
        scope: None,
        allowed_ips: Vec::new(),
        refuse: None,
    }
}

fn tokens(range: std::ops::Range<u32>) -> Vec<Token> {
    range.map(token).collect()
}

/// A source that notes which bytes were read.
struct Noted<'b> {
    bytes: &'b [u8],
    read: RefCell<usize>,
}

impl Source for Noted<'_> {
    fn size(&self) -> usize {
        self.bytes.len()
    }

    fn read(&self, start: usize, len: usize) -> Result<Vec<u8>, ReadError> {
        *self.read.borrow_mut() += len;
        self.bytes.read(start, len)
    }
}

/// Loads as a worker does, and says how many bytes it has read.
fn load(bytes: &[u8], held: &mut Held) -> Result<(Policy, usize), LoadError> {
    let source = Noted { bytes, read: RefCell::new(0) };
    let policy = Draft::read(&source)?.finish(&source, held)?;
    Ok((policy, source.read.into_inner()))
}

fn error(bytes: &[u8]) -> String {
    Policy::parse(bytes).map(drop).unwrap_err().to_string()
}

fn any_token() -> impl Strategy<Value = Token> {
    let scope = proptest::option::of(prop_oneof![Just("read_only".to_owned()), Just("ci".to_owned())]);
    let ips = proptest::collection::vec(
        prop_oneof![
            any::<u32>().prop_map(|ip| std::net::Ipv4Addr::from(ip).to_string()),
            (any::<u128>(), 0u8..=128)
                .prop_map(|(ip, bits)| format!("{}/{bits}", std::net::Ipv6Addr::from(ip | 1 << 127))),
        ],
        0..4,
    );
    let refuse = prop_oneof![
        Just(Value::Null),
        Just(json!("token_disabled")),
        Just(json!("user_inactive")),
        Just(json!("use_not_allowed"))
    ];
    let end = proptest::option::of(1..crate::table::MAX_EXPIRY);
    (any::<u32>(), "[a-zü]{1,9}", end, scope, ips, refuse).prop_map(
        |(n, user, end, scope, allowed_ips, refuse)| Token {
            user,
            expires_at: end.map(Integer),
            scope,
            allowed_ips,
            refuse: serde_json::from_value(refuse).unwrap_or_default(),
            ..token(n)
        },
    )
}

/// In one order, with addresses as the table shows them.
fn canonical(mut configuration: PluginConfiguration) -> PluginConfiguration {
    let tokens = configuration.tokens.as_mut().unwrap();
    tokens.sort_by(|one, other| one.sha256.cmp(&other.sha256));
    for ip in tokens.iter_mut().flat_map(|token| &mut token.allowed_ips) {
        *ip = crate::address::show(ip.parse::<crate::address::Range>().unwrap().net());
    }
    configuration
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn json_compact_and_base64_mean_the_same_table(tokens in proptest::collection::vec(any_token(), 0..1200)) {
        let mut tokens = tokens;
        tokens.sort_by(|one, other| one.id.cmp(&other.id));
        tokens.dedup_by(|one, other| one.id == other.id);
        let wanted = configuration(17, tokens);
        let json = serde_json::to_vec(&wanted).unwrap();
        let compact = encode(&wanted).unwrap();
        let in_json = serde_json::to_vec(&encode_in_json(&wanted).unwrap()).unwrap();
        let wanted = canonical(wanted);
        for form in [&json, &compact, &in_json] {
            prop_assert_eq!(&decode(form).unwrap(), &wanted);
            let policy = Policy::parse(form).unwrap();
            for token in wanted.tokens.iter().flatten() {
                let digest = token.sha256.parse().unwrap();
                let found = policy.table().find(&digest).map(|entry| entry.to_wire(&digest));
                prop_assert_eq!(found.as_ref(), Some(token));
            }
        }
        // The same content always gives the same bytes, in whatever order and form it came.
        prop_assert_eq!(encode(&decode(&in_json).unwrap()).unwrap(), encode(&wanted).unwrap());
    }

    #[test]
    fn one_changed_byte_is_never_taken(place: usize, change in 1u8..) {
        let bytes = encode(&configuration(17, tokens(0..40))).unwrap();
        let mut damaged = bytes.clone();
        // The names of chunks are taken on trust, but the head's checksum covers the list that holds them.
        damaged[place % bytes.len()] ^= change;
        prop_assert!(Policy::parse(&damaged).is_err());
        prop_assert!(Policy::parse(&bytes[..place % bytes.len()]).is_err());
    }
}

#[test]
fn a_push_reads_what_has_changed_and_nothing_else() {
    let mut held = Held::default();
    let before = encode(&configuration(1, tokens(0..20_000))).unwrap();
    let (policy, read) = load(&before, &mut held).unwrap();
    assert!(read >= before.len() && policy.tokens() == 20_000);

    let mut changed = tokens(0..20_000);
    changed[7].expires_at = Some(Integer(17));
    let after = encode(&configuration(2, changed.clone())).unwrap();
    let (policy, read) = load(&after, &mut held).unwrap();
    assert!(read < after.len() / 15, "{read} of {}", after.len());
    let changed_digest = changed[7].sha256.parse().unwrap();
    assert_eq!(policy.table().find(&changed_digest).unwrap().expires_at, Some(17));
    assert_eq!(policy.version(), &Version { epoch: "a1".into(), revision: 2 });

    changed.remove(7);
    let (policy, _) = load(&encode(&configuration(3, changed)).unwrap(), &mut held).unwrap();
    assert_eq!((policy.table().find(&changed_digest), policy.tokens()), (None, 19_999));
}

#[test]
fn an_id_that_stands_twice_is_refused_in_every_form_cold_and_warm() {
    let twice = |n: usize| {
        let mut tokens = tokens(0..2000);
        tokens[n].id = "t1500".into();
        tokens
    };
    let json = serde_json::to_vec(&configuration(2, twice(3))).unwrap();
    assert!(error(&json).starts_with("tokens[1500].id: the id t1500 stands"), "{}", error(&json));
    assert!(encode(&configuration(2, twice(3))).is_err());

    // An encoder without checks: the chunks of a good configuration, one of them with another's id in it.
    let good = encode(&configuration(1, tokens(0..2000))).unwrap();
    let mut bad = good.clone();
    let id = |bytes: &[u8], id: &str| bytes.windows(id.len()).position(|w| w == id.as_bytes()).unwrap();
    let place = id(&good, "t1003");
    bad[place..place + 5].copy_from_slice(b"t1500");
    let bad = sealed(&bad);
    assert!(error(&bad).starts_with("ids: these are not the ids"), "{}", error(&bad));
    // And one whose list of ids has the number twice, too.
    let ids = parts(&good).unwrap().ids;
    let number = |id: &str| number_of(id.as_bytes()).to_le_bytes();
    let mut numbers: Vec<[u8; 8]> = ids.iter().flat_map(|ids| ids.bytes.as_chunks().0).copied().collect();
    numbers.iter_mut().filter(|n| **n == number("t1003")).for_each(|n| *n = number("t1500"));
    numbers.sort_by_key(|number| u64::from_le_bytes(*number));
    let mut twice = bad.clone();
    let ids_at = twice.len() - 8 * numbers.len();
    twice[ids_at..].copy_from_slice(numbers.as_flattened());
    let twice = error(&sealed(&twice));
    assert!(twice.starts_with("ids[0]: the numbers of ids rise"), "{twice}");
    let mut held = Held::default();
    load(&good, &mut held).unwrap();
    assert!(load(&bad, &mut held).is_err());
    // After an error all is read anew, and the good one is taken again.
    let (_, read) = load(&good, &mut held).unwrap();
    assert!(read >= good.len());
}

fn number(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// Where the list begins, and how many parts it names.
fn list_of(bytes: &[u8]) -> (usize, usize) {
    (HEAD + number(bytes, 16), number(bytes, 20) + number(bytes, 28))
}

/// The same bytes with names and checksums made right.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let (list, count) = list_of(bytes);
    let mut sealed = bytes.to_vec();
    let mut at = list + count * LISTED;
    for place in (0..count).map(|index| list + index * LISTED) {
        let len = number(bytes, place + 32);
        let part = &bytes[at..at + len];
        sealed[place..place + 32].copy_from_slice(&Sha256::digest(part));
        sealed[place + 40..place + 44].copy_from_slice(&checksum(part).to_le_bytes());
        at += len;
    }
    seal_head(&mut sealed);
    sealed
}

/// Makes the checksum of head, JSON and list right.
fn seal_head(bytes: &mut [u8]) {
    let (list, count) = list_of(bytes);
    let right = checksum(&bytes[CHECKED_FROM..list + count * LISTED]);
    bytes[CHECKED_FROM - 4..CHECKED_FROM].copy_from_slice(&right.to_le_bytes());
}

#[test]
fn a_name_that_is_used_for_another_chunk_does_not_keep_the_first_one() {
    // An encoder that does not compute names.
    let nameless = |refuse| {
        let mut changed = tokens(0..3);
        changed[1].refuse = refuse;
        let mut bytes = encode(&configuration(1, changed)).unwrap();
        let (list, _) = list_of(&bytes);
        bytes[list..list + 32].fill(0);
        seal_head(&mut bytes);
        bytes
    };
    let mut held = Held::default();
    load(&nameless(None), &mut held).unwrap();
    let stated = Some(StatedRefusal::TokenDisabled);
    let (policy, _) = load(&nameless(stated), &mut held).unwrap();
    let entry = policy.table().find(&token(1).sha256.parse().unwrap()).unwrap();
    assert_eq!(entry.refuse, stated);
}

#[test]
fn ids_that_move_between_chunks_and_come_back_are_told_apart() {
    let mut held = Held::default();
    let mut tokens = tokens(0..3000);
    load(&encode(&configuration(1, tokens.clone())).unwrap(), &mut held).unwrap();
    for round in 0..20_usize {
        // Two tokens change ids: both chunks are new, and neither id stands twice.
        let (one, other) = (round * 7, 2999 - round * 11);
        let id = tokens[one].id.clone();
        tokens[one].id = tokens[other].id.clone();
        tokens[other].id = id;
        let bytes = encode(&configuration(2 + round as u64, tokens.clone())).unwrap();
        let (policy, read) = load(&bytes, &mut held).unwrap();
        assert!(read < bytes.len() / 2, "{read} of {}", bytes.len());
        assert_eq!(policy.tokens(), 3000);
    }
}

#[test]
fn a_scope_that_goes_while_a_token_has_it_is_refused_though_no_chunk_changes() {
    let mut tokens = tokens(0..2000);
    tokens[3].scope = Some("ci".into());
    let mut held = Held::default();
    let with = encode(&configuration(1, tokens.clone())).unwrap();
    load(&with, &mut held).unwrap();
    let mut without = configuration(2, tokens);
    without.scopes.0.remove("ci");
    assert!(encode(&without).unwrap_err().to_string().starts_with("tokens[3].scope: "));
    // An encoder without checks: the JSON part without the scope.
    let json = serde_json::to_vec(&PluginConfiguration { tokens: None, ..without }).unwrap();
    let table = Policy::parse(&with).unwrap();
    let bytes = Encoding::of(&json, &TokenSet::of_table(table.table()).unwrap()).to_vec();
    assert!(error(&bytes).contains("there is no scope \"ci\" in scopes"), "{}", error(&bytes));
    assert!(load(&bytes, &mut held).is_err());
}

#[test]
fn tokens_are_given_once() {
    let compact = encode(&configuration(1, tokens(0..3))).unwrap();
    let set = encode_in_json(&configuration(1, tokens(0..3))).unwrap();
    let both = PluginConfiguration { tokens: Some(Vec::new()), ..set.clone() };
    assert!(error(&serde_json::to_vec(&both).unwrap()).starts_with("token_set: "));
    let none = PluginConfiguration { token_set: None, ..set.clone() };
    assert!(error(&serde_json::to_vec(&none).unwrap()).starts_with("missing field `tokens`"));
    let json = serde_json::to_vec(&configuration(1, tokens(0..3))).unwrap();
    let table = Policy::parse(&compact).unwrap();
    assert!(
        error(&Encoding::of(&json, &TokenSet::of_table(table.table()).unwrap()).to_vec())
            .starts_with("tokens: ")
    );
    let nested = PluginConfiguration { token_set: Some(STANDARD.encode(&compact)), ..set.clone() };
    assert!(error(&serde_json::to_vec(&nested).unwrap()).starts_with("token_set: "));
    let broken = PluginConfiguration { token_set: Some("R0FURVBBU1M=!".into()), ..set };
    assert!(error(&serde_json::to_vec(&broken).unwrap()).starts_with("token_set: "));
}

#[test]
fn heads_that_promise_what_is_not_there_are_refused() {
    let good = encode(&configuration(1, tokens(0..3))).unwrap();
    let with = |at: usize, number: u32| {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        error(&bytes)
    };
    assert!(with(8, 2).contains("format 1"), "{}", with(8, 2));
    assert!(with(16, u32::MAX).contains("ends before"), "{}", with(16, u32::MAX));
    assert!(with(20, u32::MAX).starts_with("tokens: "), "{}", with(20, u32::MAX));
    assert!(with(24, 1_000_001).starts_with("tokens: "), "{}", with(24, 1_000_001));
    assert!(with(28, 4).starts_with("tokens: "), "{}", with(28, 4));
    assert!(with(12, 0).contains("checksum"), "{}", with(12, 0));
    assert!(error(b"GATEPASS").contains("32 bytes"));
    assert!(error(&[good.as_slice(), b"x"].concat()).contains("whole length"));
}

/// The first block of this kind behind the example's heading in the document.
fn example(kind: &str) -> &'static str {
    let document = include_str!("../../docs/plugin-configuration.md");
    let example = document.split("\n### An example\n").nth(1).expect("an example");
    let block = example.split(&format!("```{kind}\n")).nth(1).expect("a block");
    block.split("```").next().expect("its end")
}

#[test]
fn the_documents_example_is_what_the_encoder_writes() {
    let configuration: PluginConfiguration = serde_json::from_str(example("json")).unwrap();
    let digits: String = example("text").lines().filter_map(|line| line.split('|').next()).collect();
    let shown =
        hex::encode(STANDARD.decode(encode_in_json(&configuration).unwrap().token_set.unwrap()).unwrap());
    assert_eq!(digits.replace(' ', ""), shown);
    // The same list and chunks stand in the form that has settings too.
    let whole = hex::encode(encode(&configuration).unwrap());
    assert!(
        whole.ends_with(&shown[2 * HEAD..])
            && decode(&encode(&configuration).unwrap()).unwrap() == configuration
    );
}

#[test]
fn parts_are_shown_with_their_names_whether_or_not_these_are_right() {
    let mut bytes = encode(&configuration(1, tokens(0..6000))).unwrap();
    let Parts { chunks, ids } = parts(&bytes).unwrap();
    assert!(chunks.len() > 1 && chunks.iter().all(NamedPart::has_its_own_name));
    assert_eq!(chunks.iter().map(|chunk| chunk.tokens).sum::<u32>(), 6000);
    assert!(ids.len() == 2 && ids.iter().all(NamedPart::has_its_own_name));
    assert_eq!(ids.iter().map(|ids| ids.tokens).sum::<u32>(), 6000);
    let (count, first) = (chunks.len(), chunks[0].bytes.len());
    // What no checksum finds: another name, by somebody who computes checksums.
    let (list, all) = list_of(&bytes);
    for part in [0, count] {
        bytes[list + part * LISTED] ^= 1;
    }
    seal_head(&mut bytes);
    assert!(Policy::parse(&bytes).is_ok(), "a worker does not compute names");
    let Parts { chunks, ids } = parts(&bytes).unwrap();
    let right: Vec<bool> = chunks.iter().map(NamedPart::has_its_own_name).collect();
    assert!(!right[0] && right.len() == count && right[1..].iter().all(|right| *right));
    assert!(!ids[0].has_its_own_name() && ids[1].has_its_own_name());
    let cut = &bytes[..list + all * LISTED + first - 1];
    assert!(parts(cut).is_err() && parts(b"{}").is_err());
}
