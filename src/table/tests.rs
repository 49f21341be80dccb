use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn table(rows: &[Row<'_>]) -> Table {
    let chunks = chunks(rows).map(|bytes| Chunk::parse(bytes.into()).unwrap());
    Table::new(chunks.collect()).unwrap()
}

fn row(digest: [u8; 32]) -> Row<'static> {
    let digest = Digest::from_bytes(digest);
    let rest = (None, Vec::new(), None);
    Row { digest, id: "t", user: "fred", expires_at: 0, scope: rest.0, allowed_ips: rest.1, refuse: rest.2 }
}

/// Digests that share up to 31 bytes: what nobody gets by hashing, and anybody can write.
fn crowded() -> impl Strategy<Value = [u8; 32]> {
    (0usize..32, any::<u16>()).prop_map(|(place, value)| {
        let mut digest = [0x55; 32];
        let [one, other] = value.to_be_bytes();
        digest[place] = one;
        digest[31] = other;
        digest
    })
}

proptest! {
    #[test]
    fn it_finds_what_is_there_and_nothing_else(
        even in proptest::collection::btree_map(any::<[u8; 32]>(), 0u64..MAX_EXPIRY, 0..1500),
        near in proptest::collection::btree_map(crowded(), 0u64..MAX_EXPIRY, 0..1500),
        absent in proptest::collection::vec(prop_oneof![any::<[u8; 32]>(), crowded()], 50),
    ) {
        let all: BTreeMap<_, _> = even.into_iter().chain(near).collect();
        let rows: Vec<_> = all.iter().map(|(digest, end)| Row { expires_at: *end, ..row(*digest) }).collect();
        let table = table(&rows);
        prop_assert_eq!(table.len(), all.len());
        for (digest, end) in &all {
            let entry = table.find(&Digest::from_bytes(*digest)).expect("a token that is there");
            prop_assert_eq!((entry.id, entry.user, entry.expires_at.unwrap_or(0)), ("t", "fred", *end));
        }
        for digest in absent {
            prop_assert_eq!(table.find(&Digest::from_bytes(digest)).is_some(), all.contains_key(&digest));
        }
    }
}

#[test]
fn a_changed_token_changes_one_chunk_and_the_others_are_the_same_bytes() {
    let digest = |n: u32| {
        use sha2::Digest as _;
        sha2::Sha256::digest(n.to_le_bytes()).into()
    };
    let mut rows: Vec<_> = (0..20_000).map(|n| row(digest(n))).collect();
    rows.sort_by_key(|row| row.digest);
    let before: Vec<_> = chunks(&rows).collect();
    let sizes: Vec<_> =
        before.iter().map(|bytes| Chunk::parse(bytes.clone().into()).unwrap().len()).collect();
    assert!(sizes.iter().all(|size| (200..=MAX_CHUNK_TOKENS).contains(size)), "{sizes:?}");
    rows[7000].expires_at = 17;
    let after: Vec<_> = chunks(&rows).collect();
    let changed = before.iter().zip(&after).filter(|(one, other)| one != other).count();
    assert_eq!((before.len(), changed), (after.len(), 1));
    rows.remove(7000);
    let removed = chunks(&rows).filter(|bytes| !after.contains(bytes)).count();
    assert!(removed <= 1, "{removed} chunks changed");
}

#[test]
fn chunks_that_do_not_rise_are_no_table() {
    let chunk = |n: u8| Chunk::parse(chunks(&[row([n; 32])]).next().unwrap().into()).unwrap();
    assert!(Table::new(vec![chunk(1), chunk(2), chunk(3)]).is_ok());
    assert_eq!(Table::new(vec![chunk(1), chunk(3), chunk(2)]).err(), Some(OutOfOrder { chunk: 2 }));
    assert_eq!(Table::new(vec![chunk(1), chunk(1)]).err(), Some(OutOfOrder { chunk: 1 }));
}

#[test]
fn an_empty_table_knows_nothing() {
    assert!(Table::default().is_empty() && Table::default().find(&Digest::default()).is_none());
}
