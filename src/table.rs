//! Tokens by digest.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use crate::address::AllowList;
use crate::config::wire::StatedRefusal;
use crate::token::Digest;

/// What is known of one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The public id.
    pub id: Box<str>,
    /// The owner; equal names share one allocation.
    pub user: Arc<str>,
    /// Unix time in seconds from which on the token is refused.
    pub expires_at: Option<u64>,
    /// An index into the policy's scopes; `None` admits every request.
    pub scope: Option<usize>,
    /// Where the token may be used from.
    pub allowed_ips: AllowList,
    /// A refusal that holds whatever the request.
    pub refuse: Option<StatedRefusal>,
}

/// An immutable set of tokens.
///
/// A look-up compares digests, not secrets: what its timing could tell is how SHA-256 of a guess begins, which
/// helps nobody to find a preimage.
#[derive(Debug, Default)]
pub struct Table(HashMap<Digest, Entry, BuildHasherDefault<DigestHasher>>);

impl Table {
    /// An empty table with room for `tokens` entries.
    pub fn with_capacity(tokens: usize) -> Self {
        Self(HashMap::with_capacity_and_hasher(tokens, BuildHasherDefault::default()))
    }

    /// Adds an entry; false if the digest was there before, and then nothing changes.
    pub fn insert(&mut self, digest: Digest, entry: Entry) -> bool {
        match self.0.entry(digest) {
            std::collections::hash_map::Entry::Occupied(_) => false,
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(entry);
                true
            }
        }
    }

    /// The entry of a token.
    pub fn find(&self, digest: &Digest) -> Option<&Entry> {
        self.0.get(digest)
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// SHA-256 is uniform already: 8 of its bytes are a hash.
#[derive(Debug, Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    // The length that slices hash before their bytes says nothing here.
    fn write_usize(&mut self, _: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_hash_by_their_first_bytes() {
        use std::hash::Hash as _;
        let mut hasher = DigestHasher::default();
        let mut bytes = [0xaa; 32];
        bytes[..8].copy_from_slice(&7_u64.to_le_bytes());
        Digest::from_bytes(bytes).hash(&mut hasher);
        assert_eq!(hasher.finish(), 7);
    }
}
