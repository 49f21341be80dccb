//! The compact encoding of a plugin configuration: the same contract as the JSON, for large sets of tokens.
//! `docs/plugin-configuration.md` has it byte by byte.
//!
//! Head, the JSON of all but the tokens, a list of chunks, the chunks. The list names each chunk by the SHA-256 of its
//! bytes; a worker that has a chunk of that name does not read it again. So a push costs what it changes, whoever made
//! it and whatever was pushed before: nothing in the encoding refers to an earlier one.
//!
//! The names are not computed while a configuration is loaded (`gatepass snapshot inspect` does): they are for telling
//! chunks apart, and whoever writes a configuration could as well write other tokens. Bytes that were damaged on their
//! way are found by the checksums.

mod load;

use std::hash::Hasher as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use twox_hash::XxHash32;

use crate::config::ConfigError;
use crate::config::wire::PluginConfiguration;
use crate::policy::{LoadError, Policy};
use crate::table::Table;

pub use load::{ChunkName, Held};
pub(crate) use load::{Manifest, check_all_ids};

/// What a compact configuration begins with. No JSON does.
pub const MAGIC: [u8; 8] = *b"GATEPASS";
/// The only format that this crate knows.
pub const FORMAT: u32 = 1;
/// Bytes of the head.
pub const HEAD: usize = 28;
/// Bytes of a chunk's place in the list: its name, its length, its tokens and its checksum.
pub const LISTED: usize = 44;

/// Most chunks. However digests were chosen, a million tokens never need as many: only those of more than 512 tokens are
/// split, at most 64 times.
pub const MAX_CHUNKS: usize = 131_072;

/// Encodes a configuration.
///
/// # Errors
/// The first field for which the filter would refuse it.
pub fn encode(configuration: &PluginConfiguration) -> Result<Vec<u8>, ConfigError> {
    let policy = Policy::from_wire(configuration.clone())?;
    let rest = PluginConfiguration { tokens: None, token_set: None, ..configuration.clone() };
    let json = serde_json::to_vec(&rest).map_err(|error| ConfigError::new("", error))?;
    Ok(write(&json, policy.table()))
}

/// The same configuration with its tokens as `token_set`: for hosts that carry only JSON.
///
/// # Errors
/// The first field for which the filter would refuse it.
pub fn encode_in_json(configuration: &PluginConfiguration) -> Result<PluginConfiguration, ConfigError> {
    let policy = Policy::from_wire(configuration.clone())?;
    let token_set = STANDARD.encode(write(b"", policy.table()));
    Ok(PluginConfiguration { tokens: None, token_set: Some(token_set), ..configuration.clone() })
}

/// Any form of a configuration, its tokens listed in the order of their digests.
///
/// # Errors
/// The first field for which the filter would refuse it.
pub fn decode(bytes: &[u8]) -> Result<PluginConfiguration, ConfigError> {
    let policy = Policy::parse(bytes)?;
    let json = if bytes.starts_with(&MAGIC) { load::json_of(bytes) } else { bytes.to_vec() };
    let rest: PluginConfiguration =
        serde_json::from_slice(&json).map_err(|error| ConfigError::new("", error))?;
    let tokens = policy.table().iter().map(|(digest, entry)| entry.to_wire(&digest)).collect();
    Ok(PluginConfiguration { tokens: Some(tokens), token_set: None, ..rest })
}

/// A chunk as a compact configuration holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedChunk<'b> {
    /// What the list calls it.
    pub name: ChunkName,
    /// How many tokens the list says are in it.
    pub tokens: u32,
    /// The chunk itself.
    pub bytes: &'b [u8],
}

impl NamedChunk<'_> {
    /// Whether its name is the SHA-256 of its bytes.
    pub fn has_its_own_name(&self) -> bool {
        <[u8; 32]>::from(Sha256::digest(self.bytes)) == self.name
    }
}

/// The chunks of a compact configuration in order, as they are listed: neither they nor their names are checked.
///
/// # Errors
/// Head, JSON or list are damaged, or a chunk lies beyond the end.
pub fn chunks(bytes: &[u8]) -> Result<Vec<NamedChunk<'_>>, ConfigError> {
    let manifest = Manifest::read(bytes).map_err(|error| match error {
        LoadError::Content(error) => error,
        LoadError::Memory | LoadError::Host => ConfigError::new("", "there is no memory for it"),
    })?;
    let beyond = || ConfigError::new("", "a chunk lies beyond the configuration's end");
    let (_, rest) = bytes.split_at_checked(HEAD.saturating_add(manifest.json.len())).ok_or_else(beyond)?;
    let count = bytes.get(16..20).and_then(|count| count.first_chunk::<4>()).ok_or_else(beyond)?;
    let list_len = (u32::from_le_bytes(*count) as usize).saturating_mul(LISTED);
    let (list, mut rest) = rest.split_at_checked(list_len).ok_or_else(beyond)?;
    let mut next = |place: &[u8; LISTED]| {
        let (name, numbers) = place.split_first_chunk::<32>()?;
        let [len, tokens, _] = numbers.as_chunks::<4>().0 else { return None };
        let (chunk, behind) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        rest = behind;
        Some(NamedChunk { name: *name, tokens: u32::from_le_bytes(*tokens), bytes: chunk })
    };
    list.as_chunks::<LISTED>().0.iter().map(|place| next(place).ok_or_else(beyond)).collect()
}

/// XXH32 with seed 0: <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>. Damage of one byte is always
/// found, other damage but for one case in 2^32. A CRC takes a VM several times as long.
struct Checksum(XxHash32);

impl Default for Checksum {
    fn default() -> Self {
        Self(XxHash32::with_seed(0))
    }
}

impl Checksum {
    fn of(bytes: &[u8]) -> u32 {
        XxHash32::oneshot(0, bytes)
    }

    fn update(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    fn get(&self) -> u32 {
        self.0.finish_32()
    }
}

fn write(json: &[u8], table: &Table) -> Vec<u8> {
    let chunks = table.chunks();
    let list: Vec<u8> = chunks.iter().flat_map(|chunk| listed(chunk.bytes(), chunk.len())).collect();
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&MAGIC);
    for number in [FORMAT, size(json.len()), size(chunks.len()), size(table.len())] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    let mut checksum = Checksum::default();
    [bytes.as_slice(), json, &list].iter().for_each(|part| checksum.update(part));
    bytes.extend_from_slice(&checksum.get().to_le_bytes());
    bytes.extend_from_slice(json);
    bytes.extend_from_slice(&list);
    chunks.iter().for_each(|chunk| bytes.extend_from_slice(chunk.bytes()));
    bytes
}

fn listed(chunk: &[u8], tokens: usize) -> Vec<u8> {
    let mut place = Sha256::digest(chunk).to_vec();
    for number in [size(chunk.len()), size(tokens), Checksum::of(chunk)] {
        place.extend_from_slice(&number.to_le_bytes());
    }
    place
}

/// All that is counted here is bounded far below 4 GiB by the bounds of a configuration.
fn size(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
