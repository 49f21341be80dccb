use super::super::{Row, chunks};
use super::*;
use proptest::prelude::*;

fn row<'a>(n: u8, user: &'a str, scope: Option<&'a str>, ips: &[&str]) -> Row<'a> {
    Row {
        digest: Digest::from_bytes([n; 32]),
        id: ["t0", "t1", "t2", "t3"][usize::from(n)],
        user,
        expires_at: u64::from(n),
        scope,
        allowed_ips: ips.iter().map(|text| text.parse().unwrap()).collect(),
        refuse: None,
    }
}

fn bytes() -> Vec<u8> {
    let rows = [
        row(0, "fred", None, &[]),
        row(1, "ann", Some("read_only"), &["10.0.0.0/8", "2001:db8::/32"]),
        row(2, "fred", Some("read_only"), &["10.0.0.0/8", "2001:db8::/32"]),
        row(3, "fred", None, &["10.0.0.0/8", "2001:db8::/32"]),
    ];
    chunks(&rows).next().unwrap()
}

/// What `parse` says once `change` has been made; nothing if it takes the chunk all the same.
fn error(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = bytes();
    change(&mut bytes);
    match Chunk::parse(bytes.into()) {
        Ok(_) => String::new(),
        Err(invalid) => format!("{}: {}", invalid.field, invalid.problem),
    }
}

#[test]
fn a_chunk_gives_back_what_was_put_in_and_keeps_shared_strings_once() {
    let bytes = bytes();
    for text in ["fred", "ann", "read_only"] {
        assert_eq!(bytes.windows(text.len()).filter(|w| *w == text.as_bytes()).count(), 1, "{text}");
    }
    let chunk = Chunk::parse(bytes.into()).unwrap();
    assert_eq!((chunk.len(), chunk.ips()), (4, 6));
    let entry = chunk.find(&Digest::from_bytes([2; 32])).unwrap();
    assert_eq!(
        (entry.id, entry.user, entry.expires_at, entry.scope),
        ("t2", "fred", Some(2), Some("read_only"))
    );
    let shown: Vec<_> = entry.allowed_ips.iter().map(|net| net.to_string()).collect();
    assert_eq!(shown, ["10.0.0.0/8", "2001:db8::/32"]);
    assert!(entry.allowed_ips.admits(Some("10.9.8.7".parse().unwrap())));
    assert!(!entry.allowed_ips.admits(Some("11.9.8.7".parse().unwrap())) && !entry.allowed_ips.admits(None));
    let open = chunk.find(&Digest::from_bytes([0; 32])).unwrap();
    assert_eq!((open.expires_at, open.scope, open.allowed_ips.len()), (None, None, 0));
    assert!(open.allowed_ips.admits(None));
}

#[test]
fn every_value_is_checked_and_named() {
    let whole = bytes();
    let body = HEAD + 4 * PLACE + 2 * ATTRIBUTE;
    let at = |token: usize, byte: usize| {
        let offset = HEAD + token * PLACE + 4;
        body + u32::from_le_bytes(whole[offset..offset + 4].try_into().unwrap()) as usize + byte
    };
    assert!(error(|b| b.truncate(7)).contains("a chunk begins with"));
    assert!(error(|b| b[6] = 1).contains("a chunk begins with"));
    assert!(error(|b| b[0] = 0).contains("at least one token"));
    assert!(error(|b| b[1] = 0xff).contains("at least one token"));
    assert!(error(|b| b[2] = 5).contains("no more attributes than tokens"));
    assert!(error(|b| b[HEAD + PLACE + 3] = 3).starts_with("tokens[2].sha256: "), "higher than the next");
    assert!(
        error(|b| b.copy_within(at(1, 0)..at(1, 28), at(2, 0))).is_empty(),
        "another digest, still in order"
    );
    assert!(
        error(|b| {
            b.copy_within(HEAD + PLACE..HEAD + PLACE + 4, HEAD + 2 * PLACE);
            b.copy_within(at(1, 0)..at(1, 28), at(2, 0));
        })
        .starts_with("tokens[2].sha256: "),
        "the same digest"
    );
    assert!(error(|b| b[HEAD + PLACE + 7] = 0xff).starts_with("tokens[1].id: "), "a record outside");
    assert!(error(|b| b[at(1, 33)] = 0xff).starts_with("tokens[1].expires_at: "));
    assert!(error(|b| b[at(1, 34)] = 4).starts_with("tokens[1].refuse: "));
    assert!(error(|b| b[at(1, 35)] = 0).starts_with("tokens[1].id: "));
    assert!(error(|b| b[at(0, 35)] = 65).starts_with("tokens[0].id: "));
    assert!(error(|b| b[at(1, 36)] = 9).starts_with("tokens[1].attributes: "));
    assert!(error(|b| b[at(1, 41)] = 1).starts_with("tokens[1].user: "));
    let fred = |b: &[u8]| b.windows(4).position(|w| w == b"fred").unwrap();
    assert!(error(|b| b[fred(&whole)] = b':').starts_with("tokens[0].user: "));
    assert!(error(|b| b[fred(&whole)] = 0xff).starts_with("tokens[0].user: "));
    let attributes = HEAD + 4 * PLACE;
    assert!(error(|b| b[attributes + 2] = 1).starts_with("attributes[0]: "));
    assert!(error(|b| b[attributes + 6] = 1).starts_with("attributes[0]: "));
    let list = bytes().windows(3).position(|w| w == [4, 8, 10]).unwrap();
    assert!(error(|b| b[list] = 5).starts_with("attributes[0]: "), "a family that does not exist");
    assert!(error(|b| b[list + 1] = 33).starts_with("attributes[0]: "), "too many bits");
    assert!(error(|b| b[list + 5] = 1).starts_with("attributes[0]: "), "host bits");
    assert!(error(|b| b[list - 2] = 0).starts_with("attributes[0]: "), "an empty list");
    assert!(error(|b| b.truncate(b.len() - 1)).starts_with("tokens[3]."), "the last record is cut");
}

#[test]
fn a_list_counts_for_each_token_and_for_each_attribute_that_names_it() {
    let ips: Vec<String> = (0..1024).map(|n| format!("10.0.{}.{}", n / 256, n % 256)).collect();
    let ips: Vec<&str> = ips.iter().map(String::as_str).collect();
    let digest = |n: u32| {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&n.to_be_bytes());
        Digest::from_bytes(digest)
    };
    let rows = |count| -> Vec<_> {
        let row = row(0, "fred", None, &ips);
        (0..count).map(|n| Row { digest: digest(n), ..row.clone() }).collect()
    };
    // 512 tokens of one chunk, and one list: half a million entries.
    let bytes = chunks(&rows(512)).next().unwrap();
    assert_eq!(Chunk::parse(bytes.clone().into()).unwrap().ips(), 512 * 1024);
    // The same list, as often as there are tokens: 512 attributes at the same bytes.
    let mut copies = bytes[..HEAD + 512 * PLACE].to_vec();
    copies[2..4].copy_from_slice(&512_u16.to_le_bytes());
    let attribute = &bytes[HEAD + 512 * PLACE..][..ATTRIBUTE];
    (0..512).for_each(|_| copies.extend_from_slice(attribute));
    copies.extend_from_slice(&bytes[HEAD + 512 * PLACE + ATTRIBUTE..]);
    assert_eq!(Chunk::parse(copies.into()).unwrap().ips(), 512 * 1024);
}

#[test]
fn an_ipv4_address_in_ipv6_clothes_is_refused() {
    let list = [1, 0, 6, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1];
    assert!(!IpList::read(&list, 0).unwrap().is_valid());
    let plain = [1, 0, 4, 32, 10, 0, 0, 1];
    assert!(IpList::read(&plain, 0).unwrap().is_valid());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Chunk::parse(bytes.into());
    }

    #[test]
    fn whatever_is_taken_can_be_read_whole(
        place in 0usize..400, value: u8, digest in 0u8..4,
    ) {
        let mut changed = bytes();
        let len = changed.len();
        changed[place % len] = value;
        if let Ok(chunk) = Chunk::parse(changed.into()) {
            for (_, entry) in chunk.iter() {
                prop_assert!(names::check_user_name(entry.user).is_ok());
                prop_assert!(names::check_token_id(entry.id).is_ok());
            }
            let _ = chunk.find(&Digest::from_bytes([digest; 32]));
            prop_assert_eq!(chunk.iter().count(), chunk.len());
        }
    }
}
