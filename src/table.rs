//! Tokens by digest.

use std::collections::{HashMap, TryReserveError};
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
/// helps nobody to find a preimage. The map's own keyed hash stands between the digests and their places, since whoever
/// writes the configuration need not have hashed anything: chosen digests must not pile up in one place.
#[derive(Debug, Default)]
pub struct Table(HashMap<Digest, Entry>);

impl Table {
    /// An empty table with room for `tokens` entries.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn with_room(tokens: usize) -> Result<Self, TryReserveError> {
        let mut map = HashMap::new();
        map.try_reserve(tokens)?;
        Ok(Self(map))
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
