//! The compact encoding of a plugin configuration. The input is the bytes, and once more a single chunk.
//!
//! Checksums would keep a fuzzer out of all that they cover, and the lists of ids out of all that is checked behind them:
//! so each input is also tried with right checksums, and with right lists of ids as well.

use gatepass::compact::{self, CHECKED_FROM, FORMAT, HEAD, LISTED, MAGIC};
use gatepass::config::wire::PluginConfiguration;
use gatepass::policy::Policy;

use crate::configuration::is_presentable;
use crate::oracle::xxh64;

/// What stands around an input that is taken for a chunk.
const SETTINGS: &[u8] = br#"{"version":1,"revision":"17","scopes":{"ci":[{"methods":["POST"]}]}}"#;

/// Parsing never panics; of what is taken every entry is valid by the rules for JSON, is found, and stays the same when
/// it is written anew; errors are fit for a log.
pub fn check(bytes: &[u8]) {
    try_one(bytes);
    if let Some(input) = Input::read(bytes) {
        try_one(&assembled(input.json, &input.chunks, &input.ids));
        try_one(&assembled(input.json, &input.chunks, &ids_of(&input.chunks)));
    }
    try_one(&assembled(SETTINGS, &[bytes], &ids_of(&[bytes])));
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

/// What an input consists of, whether or not it says so rightly.
struct Input<'b> {
    json: &'b [u8],
    chunks: Vec<&'b [u8]>,
    ids: Vec<Vec<u8>>,
}

impl<'b> Input<'b> {
    /// If there are so many parts. The last one takes what is left.
    fn read(bytes: &'b [u8]) -> Option<Self> {
        let (json, chunks, ids) = (number(bytes, 16)?, number(bytes, 20)?, number(bytes, 28)?);
        let list = HEAD.checked_add(json)?;
        let count = chunks.checked_add(ids)?;
        let mut rest = bytes.get(list.checked_add(count.checked_mul(LISTED)?)?..)?;
        let mut parts = Vec::new();
        for index in 0..count {
            let said = number(bytes, list + index * LISTED + 32)?.min(rest.len());
            let (part, behind) = rest.split_at(if index + 1 == count { rest.len() } else { said });
            parts.push(part);
            rest = behind;
        }
        let ids = parts.split_off(chunks).into_iter().map(<[u8]>::to_vec).collect();
        Some(Self { json: &bytes[HEAD..list], chunks: parts, ids })
    }
}

/// A configuration of these parts, with right lengths, numbers of tokens and checksums.
fn assembled(json: &[u8], chunks: &[&[u8]], ids: &[Vec<u8>]) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a short input");
    let rows = |chunk: &[u8]| chunk.first_chunk().map_or(0, |rows| u32::from(u16::from_le_bytes(*rows)));
    let tokens: u32 = chunks.iter().map(|chunk| rows(chunk)).sum();
    let counts = [chunks.len(), ids.len()].map(|count| u32::try_from(count).expect("a short input"));
    let mut checked = Vec::new();
    for number in [length(json), counts[0], tokens, counts[1]] {
        checked.extend_from_slice(&number.to_le_bytes());
    }
    checked.extend_from_slice(json);
    let chunks = chunks.iter().map(|chunk| (*chunk, rows(chunk)));
    let parts = || chunks.clone().chain(ids.iter().map(|ids| (ids.as_slice(), length(ids) / 8)));
    for (part, tokens) in parts() {
        checked.extend_from_slice(&[0; 32]);
        for number in [length(part), tokens, xxh64(part) as u32] {
            checked.extend_from_slice(&number.to_le_bytes());
        }
    }
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&(xxh64(&checked) as u32).to_le_bytes());
    assert_eq!(bytes.len(), CHECKED_FROM);
    bytes.append(&mut checked);
    parts().for_each(|(part, _)| bytes.extend_from_slice(part));
    bytes
}

/// The list of the ids in these chunks, as far as they can be read.
fn ids_of(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut numbers: Vec<u64> = chunks.iter().flat_map(|chunk| ids_in(chunk)).map(xxh64).collect();
    numbers.sort_unstable();
    let list: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    if list.is_empty() { Vec::new() } else { vec![list] }
}

fn ids_in(chunk: &[u8]) -> Vec<&[u8]> {
    let count = |at: usize| Some(usize::from(u16::from_le_bytes(*chunk.get(at..)?.first_chunk()?)));
    let (Some(rows), Some(attributes)) = (count(0), count(2)) else { return Vec::new() };
    let body = 8 + 8 * (rows + attributes);
    let id = |row: usize| {
        let record = chunk.get(body.checked_add(number(chunk, 12 + 8 * row)?)?..)?;
        record.get(42..42 + usize::from(*record.get(35)?))
    };
    (0..rows).filter_map(id).collect()
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let number = u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
    usize::try_from(number).ok()
}
