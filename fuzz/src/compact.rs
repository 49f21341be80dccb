//! The compact encoding of a plugin configuration. The input is the bytes, and once more a single chunk.
//!
//! Checksums would keep a fuzzer out of all that they cover, so each input is also tried with right ones.

use gatepass::compact::{self, FORMAT, HEAD, LISTED, MAGIC};
use gatepass::config::wire::PluginConfiguration;
use gatepass::policy::Policy;

use crate::configuration::is_presentable;
use crate::oracle::xxh32;

/// What stands around an input that is taken for a chunk.
const SETTINGS: &[u8] = br#"{"version":1,"revision":"17","scopes":{"ci":[{"methods":["POST"]}]}}"#;

/// Parsing never panics; of what is taken every entry is valid by the rules for JSON, is found, and stays the same when
/// it is written anew; errors are fit for a log.
pub fn check(bytes: &[u8]) {
    try_one(bytes);
    if let Some(sealed) = sealed(bytes) {
        try_one(&sealed);
    }
    try_one(&around(bytes));
}

fn try_one(bytes: &[u8]) {
    match Policy::parse(bytes) {
        Ok(policy) => stays_the_same(bytes, &policy),
        Err(error) => is_presentable(&error),
    }
}

fn stays_the_same(bytes: &[u8], policy: &Policy) {
    let first = compact::decode(bytes).expect("what was taken can be read");
    let tokens = first.tokens.as_ref().expect("tokens");
    assert_eq!(tokens.len(), policy.tokens(), "a token was lost");
    assert!(tokens.is_sorted_by(|one, next| one.sha256 < next.sha256), "digests that do not rise");
    for token in tokens {
        let digest = token.sha256.parse().expect("a digest");
        let found = policy.table().find(&digest).map(|entry| entry.to_wire(&digest));
        assert_eq!(found.as_ref(), Some(token), "a token that is listed and not found");
    }
    // JSON has checks of its own for each field.
    let json = serde_json::to_vec(&first).expect("a configuration can be written");
    let by_json = Policy::parse(&json).expect("valid by the rules for JSON");
    assert_eq!((by_json.version(), by_json.tokens()), (policy.version(), policy.tokens()));
    let written = compact::encode(&first).expect("what was taken can be written");
    assert_eq!(compact::decode(&written).expect("what was written can be read"), first);
    assert_eq!(compact::encode(&first).as_deref(), Ok(written.as_slice()), "the same content, other bytes");
    let in_json: PluginConfiguration = compact::encode_in_json(&first).expect("as before");
    let in_json = serde_json::to_vec(&in_json).expect("as before");
    assert_eq!(compact::decode(&in_json).expect("what was written can be read"), first);
}

/// The same with right checksums and counts of tokens, if there are so many chunks. The last one takes what is left.
fn sealed(bytes: &[u8]) -> Option<Vec<u8>> {
    let json = number(bytes, 12)?;
    let count = number(bytes, 16)?;
    let list = HEAD.checked_add(json)?;
    let chunks = list.checked_add(count.checked_mul(LISTED)?)?;
    bytes.get(chunks..)?;
    let mut sealed = bytes.to_vec();
    put(&mut sealed, 8, FORMAT);
    sealed[..MAGIC.len()].copy_from_slice(&MAGIC);
    let (mut at, mut tokens) = (chunks, 0);
    for index in 0..count {
        let place = list + index * LISTED;
        let rest = bytes.len() - at;
        let len = if index + 1 == count { rest } else { number(bytes, place + 32)?.min(rest) };
        let chunk = &bytes[at..at + len];
        let rows = chunk.first_chunk().map_or(0, |rows| u32::from(u16::from_le_bytes(*rows)));
        put(&mut sealed, place + 32, u32::try_from(len).ok()?);
        put(&mut sealed, place + 36, rows);
        put(&mut sealed, place + 40, xxh32(chunk));
        (at, tokens) = (at + len, tokens + rows);
    }
    put(&mut sealed, 20, tokens);
    seal_head(&mut sealed, chunks);
    Some(sealed)
}

/// A configuration whose only chunk is these bytes.
fn around(chunk: &[u8]) -> Vec<u8> {
    let rows = chunk.first_chunk().map_or(0, |rows| u32::from(u16::from_le_bytes(*rows)));
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a short input");
    let mut bytes = MAGIC.to_vec();
    for number in [FORMAT, length(SETTINGS), 1, rows, 0] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(SETTINGS);
    bytes.extend_from_slice(&[0; 32]);
    for number in [length(chunk), rows, xxh32(chunk)] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    let chunks = bytes.len();
    bytes.extend_from_slice(chunk);
    seal_head(&mut bytes, chunks);
    bytes
}

fn seal_head(bytes: &mut [u8], chunks: usize) {
    let covered = [&bytes[..HEAD - 4], &bytes[HEAD..chunks]].concat();
    put(bytes, HEAD - 4, xxh32(&covered));
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let number = u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
    usize::try_from(number).ok()
}

fn put(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}
