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

/// What `parse` says once `change` has been made.
fn error(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = bytes();
    change(&mut bytes);
    let invalid = Chunk::parse(bytes).map(drop).unwrap_err();
    format!("{}: {}", invalid.field, invalid.problem)
}

#[test]
fn a_chunk_gives_back_what_was_put_in_and_keeps_shared_strings_once() {
    let bytes = bytes();
    for text in ["fred", "ann", "read_only"] {
        assert_eq!(bytes.windows(text.len()).filter(|w| *w == text.as_bytes()).count(), 1, "{text}");
    }
    let chunk = Chunk::parse(bytes).unwrap();
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
    let at = |row: usize, byte: usize| HEAD + row * ROW + byte;
    assert!(error(|b| b.truncate(7)).contains("a chunk begins with"));
    assert!(error(|b| b[6] = 1).contains("a chunk begins with"));
    assert!(error(|b| b[0] = 0).contains("at least one row"));
    assert!(error(|b| b[1] = 0xff).contains("at least one row"));
    assert!(error(|b| b[at(2, 0)] = 0).starts_with("tokens[2].sha256: "));
    assert!(error(|b| b.copy_within(at(1, 0)..at(1, 32), at(2, 0))).starts_with("tokens[2].sha256: "));
    assert!(error(|b| b[at(1, 37)] = 0xff).starts_with("tokens[1].expires_at: "));
    assert!(error(|b| b[at(1, 38)] = 4).starts_with("tokens[1].refuse: "));
    assert!(error(|b| b[at(1, 39)] = 0).starts_with("tokens[1].id: "));
    assert!(error(|b| b[at(1, 39)] = 65).starts_with("tokens[1].id: "));
    assert!(error(|b| b[at(3, 47)] = 0xff).starts_with("tokens[3].id: "));
    assert!(error(|b| b[at(1, 40)] = 9).starts_with("tokens[1].attributes: "));
    assert!(error(|b| b[at(1, 43)] = 1).starts_with("tokens[1].user: "));
    let users = HEAD + 4 * ROW;
    assert!(error(|b| b[users + 3] = 0xff).starts_with("users[0]: "));
    assert!(error(|b| *b.iter_mut().rfind(|c| **c == b'f').unwrap() = b':').starts_with("users[0]: "));
    assert!(error(|b| *b.iter_mut().rfind(|c| **c == b'f').unwrap() = 0xff).starts_with("users[0]: "));
    let attributes = users + 2 * 4;
    assert!(error(|b| b[attributes + 2] = 1).starts_with("attributes[0]: "));
    assert!(error(|b| b[attributes + 6] = 1).starts_with("attributes[0]: "));
    let list = bytes().windows(3).position(|w| w == [4, 8, 10]).unwrap();
    assert!(error(|b| b[list] = 5).starts_with("attributes[0]: "), "a family that does not exist");
    assert!(error(|b| b[list + 1] = 33).starts_with("attributes[0]: "), "too many bits");
    assert!(error(|b| b[list + 5] = 1).starts_with("attributes[0]: "), "host bits");
    assert!(error(|b| b[list - 2] = 0).starts_with("attributes[0]: "), "an empty list");
    assert!(
        error(|b| b.truncate(b.len() - 1)).contains("attributes")
            || error(|b| b.truncate(b.len() - 1)).contains("id")
    );
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
        let _ = Chunk::parse(bytes);
    }

    #[test]
    fn whatever_is_taken_can_be_read_whole(
        place in 0usize..400, value: u8, digest in 0u8..4,
    ) {
        let mut changed = bytes();
        let len = changed.len();
        changed[place % len] = value;
        if let Ok(chunk) = Chunk::parse(changed) {
            for (_, entry) in chunk.iter() {
                prop_assert!(names::check_user_name(entry.user).is_ok());
                prop_assert!(names::check_token_id(entry.id).is_ok());
            }
            let _ = chunk.find(&Digest::from_bytes([digest; 32]));
            prop_assert_eq!(chunk.iter().count(), chunk.len());
        }
    }
}
