//! The compact encoding of a plugin configuration: the same contract as the JSON, for large sets of tokens.
//! `docs/plugin-configuration.md` has it byte by byte.
//!
//! Head, the JSON of all but the tokens, a list, the chunks of tokens, the lists of their ids. The list names each of
//! these by the SHA-256 of its bytes; a worker that has a part of that name does not read it again. So a push costs what
//! it changes, whoever made it and whatever was pushed before: nothing in the encoding refers to an earlier one.
//!
//! The lists of ids show that no id stands twice: they rise, and whether they are the tokens' is told by two products.
//!
//! The names are not computed while a configuration is loaded (`gatepass snapshot inspect` does): they are for telling
//! chunks apart, and whoever writes a configuration could as well write other tokens. Bytes that were damaged on their
//! way are found by the checksums.

mod load;
mod set;

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use twox_hash::XxHash64;

use crate::config::ConfigError;
use crate::config::wire::PluginConfiguration;
use crate::policy::{LoadError, Policy};

pub use load::Held;
pub(crate) use load::Manifest;
pub use set::TokenSet;

/// SHA-256 of the bytes of a chunk or of a list of ids, by which a configuration names what it shares with the one before.
pub type PartName = [u8; 32];

/// What a compact configuration begins with. No JSON does.
pub const MAGIC: [u8; 8] = *b"GATEPASS";
/// The only format that this crate knows.
pub const FORMAT: u32 = 1;
/// Bytes of the head.
pub const HEAD: usize = 32;
/// Where in the head begins what its checksum is of; it ends with the list.
pub const CHECKED_FROM: usize = 16;
/// Bytes that the list has for a chunk, and for a list of ids: its name, its length, its tokens and its checksum.
pub const LISTED: usize = 44;

/// Most chunks, and most lists of ids. However digests were chosen, a million tokens never need as many: only those of
/// more than 512 tokens are split, at most 64 times.
pub const MAX_PARTS: usize = 131_072;
/// Most ids of a list that is written here: 32 KiB, of which a token that is made or revoked changes one.
const MAX_LIST: usize = 4096;

/// Encodes a configuration.
///
/// # Errors
/// The first field for which the filter would refuse it.
pub fn encode(configuration: &PluginConfiguration) -> Result<Vec<u8>, ConfigError> {
    let policy = Policy::from_wire(configuration.clone())?;
    let rest = PluginConfiguration { tokens: None, token_set: None, ..configuration.clone() };
    let json = serde_json::to_vec(&rest).map_err(|error| ConfigError::new("", error))?;
    Ok(Encoding::of(&json, &TokenSet::of_table(policy.table())?).to_vec())
}

/// The same configuration with its tokens as `token_set`: for hosts that carry only JSON.
///
/// # Errors
/// The first field for which the filter would refuse it.
pub fn encode_in_json(configuration: &PluginConfiguration) -> Result<PluginConfiguration, ConfigError> {
    let policy = Policy::from_wire(configuration.clone())?;
    let token_set = STANDARD.encode(Encoding::of(b"", &TokenSet::of_table(policy.table())?).to_vec());
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

/// A chunk, or a list of ids, as a compact configuration holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedPart<'b> {
    /// What the list calls it.
    pub name: PartName,
    /// How many tokens the list says are in it.
    pub tokens: u32,
    /// The chunk itself.
    pub bytes: &'b [u8],
}

impl NamedPart<'_> {
    /// Whether its name is the SHA-256 of its bytes.
    pub fn has_its_own_name(&self) -> bool {
        <[u8; 32]>::from(Sha256::digest(self.bytes)) == self.name
    }
}

/// What a compact configuration is made of, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts<'b> {
    /// The chunks.
    pub chunks: Vec<NamedPart<'b>>,
    /// The lists of ids.
    pub ids: Vec<NamedPart<'b>>,
}

/// The parts of a compact configuration, as they are listed: neither they nor their names are checked.
///
/// # Errors
/// Head, JSON or list are damaged, or a part lies beyond the end.
pub fn parts(bytes: &[u8]) -> Result<Parts<'_>, ConfigError> {
    let manifest = Manifest::read(&bytes).map_err(LoadError::into_content)?;
    let beyond = || ConfigError::new("", "a chunk or list of ids lies beyond the configuration's end");
    let mut rest = bytes.get(manifest.parts_at()..).ok_or_else(beyond)?;
    let mut next = |listed: &[u8; LISTED]| {
        let (name, numbers) = listed.split_first_chunk::<32>()?;
        let [len, tokens, _] = numbers.as_chunks::<4>().0 else { return None };
        let (part, behind) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        rest = behind;
        Some(NamedPart { name: *name, tokens: u32::from_le_bytes(*tokens), bytes: part })
    };
    let (chunks, ids) = manifest.listed();
    let mut all = |listed: &[[u8; LISTED]]| -> Result<Vec<_>, ConfigError> {
        listed.iter().map(|listed| next(listed).ok_or_else(beyond)).collect()
    };
    Ok(Parts { chunks: all(chunks)?, ids: all(ids)? })
}

/// The lower half of XXH64 with seed 0: <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>. It misses one
/// case of damage in 2^32. XXH32 takes twice as long, and a CRC in a VM many times as long.
fn checksum(bytes: &[u8]) -> u32 {
    XxHash64::oneshot(0, bytes) as u32
}

/// An encoded configuration, whose parts are not brought together in memory.
#[derive(Clone, Debug)]
pub struct Encoding<'s> {
    /// Head, JSON and list.
    head: Vec<u8>,
    set: &'s TokenSet,
}

impl<'s> Encoding<'s> {
    fn of(json: &[u8], set: &'s TokenSet) -> Self {
        let list = set.chunks.iter().map(|part| part.listed).chain(set.ids.iter().map(|part| part.listed));
        let list: Vec<u8> = list.flatten().collect();
        let counts = [json.len(), set.chunks.len(), set.len(), set.ids.len()];
        let checked = [counts.map(|count| size(count).to_le_bytes()).as_flattened(), json, &list].concat();
        let head = [&MAGIC[..], &FORMAT.to_le_bytes(), &checksum(&checked).to_le_bytes(), &checked].concat();
        Self { head, set }
    }

    /// How many bytes it has.
    pub fn size(&self) -> usize {
        let chunks = self.set.chunks.iter().map(|part| part.content.bytes().len());
        let ids = self.set.ids.iter().map(|part| part.content.len().saturating_mul(size_of::<u64>()));
        chunks.chain(ids).fold(self.head.len(), usize::saturating_add)
    }

    /// Writes it, some tens of kilobytes at a time.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write_to(&self, to: &mut impl io::Write) -> io::Result<()> {
        to.write_all(&self.head)?;
        for part in &self.set.chunks {
            to.write_all(part.content.bytes())?;
        }
        for part in &self.set.ids {
            let ids: Vec<u8> = part.content.iter().flat_map(|number| number.to_le_bytes()).collect();
            to.write_all(&ids)?;
        }
        Ok(())
    }

    /// All of it.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.size());
        // A vector takes all that is written to it.
        let written = self.write_to(&mut bytes);
        debug_assert!(written.is_ok(), "{written:?}");
        bytes
    }
}

fn listed(part: &[u8], tokens: usize) -> [u8; LISTED] {
    let mut listed = [0; LISTED];
    let numbers = [size(part.len()), size(tokens), checksum(part)].map(u32::to_le_bytes);
    let all = Sha256::digest(part).into_iter().chain(numbers.as_flattened().iter().copied());
    listed.iter_mut().zip(all).for_each(|(to, from)| *to = from);
    listed
}

/// All that is counted here is bounded far below 4 GiB by the bounds of a configuration.
fn size(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
