//! Tokens by digest: an immutable list of sorted chunks.
//!
//! A chunk is a run of bytes that is read where it lies ([`Chunk`]); a table is a list of them in the order of their
//! digests. A configuration that changes one token changes one chunk, and a table shares the others with the table
//! before it. Nothing is allocated by a look-up.
//!
//! A look-up compares digests, not secrets: what its timing could tell is how SHA-256 of a guess begins, which helps
//! nobody to find a preimage. Digests that are chosen rather than hashed make it slower, and never slower than a binary
//! search.

mod build;
mod chunk;
pub(crate) mod cut;
mod directory;
mod search;

use std::sync::Arc;

pub(crate) use build::chunks_from;
pub use build::{MAX_CHUNK_TOKENS, Row, chunks};
pub(crate) use chunk::MAX_IPS;
pub use chunk::{Chunk, InvalidChunk, IpList, MAX_EXPIRY};

use crate::address;
use crate::config::wire::{self, StatedRefusal};
use crate::token::Digest;
use directory::Directory;

/// What is known of one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The public id.
    pub id: &'a str,
    /// The owner.
    pub user: &'a str,
    /// Unix time in seconds from which on the token is refused.
    pub expires_at: Option<u64>,
    /// A name in the policy's scopes; `None` admits every request.
    pub scope: Option<&'a str>,
    /// Where the token may be used from.
    pub allowed_ips: IpList<'a>,
    /// A refusal that holds whatever the request.
    pub refuse: Option<StatedRefusal>,
}

impl Entry<'_> {
    /// The token as the configuration's JSON has it.
    pub fn to_wire(&self, digest: &Digest) -> wire::Token {
        wire::Token {
            id: self.id.to_owned(),
            sha256: digest.to_string(),
            user: self.user.to_owned(),
            expires_at: self.expires_at.map(wire::Integer),
            scope: self.scope.map(str::to_owned),
            allowed_ips: self.allowed_ips.iter().map(address::show).collect(),
            refuse: self.refuse,
        }
    }
}

/// An immutable set of tokens.
#[derive(Debug, Default)]
pub struct Table {
    chunks: Arc<[Chunk]>,
    /// For each beginning of a digest, how many chunks begin before it: with that the right chunk is found, as a rule,
    /// without a look at any other.
    directory: Directory,
    tokens: usize,
}

/// Two chunks whose digests do not rise from one to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfOrder {
    /// The index of the second one.
    pub chunk: usize,
}

impl Table {
    /// A table of these chunks.
    ///
    /// # Errors
    /// The first chunk that does not lie wholly behind the one before it: a digest could stand in two.
    pub fn new(chunks: Vec<Chunk>) -> Result<Self, OutOfOrder> {
        for (index, pair) in chunks.windows(2).enumerate() {
            if let [one, next] = pair
                && !one.is_before(next)
            {
                return Err(OutOfOrder { chunk: index.saturating_add(1) });
            }
        }
        let tokens = chunks.iter().map(Chunk::len).sum();
        let directory = Directory::of(chunks.iter().map(Chunk::lowest_lead), chunks.len());
        Ok(Self { chunks: chunks.into(), directory, tokens })
    }

    /// Bytes that a table of so many chunks occupies beside their own.
    pub(crate) fn overhead(chunks: usize) -> usize {
        chunks.saturating_mul(size_of::<Chunk>()).saturating_add(Directory::size(chunks))
    }

    /// The entry of a token.
    pub fn find(&self, digest: &Digest) -> Option<Entry<'_>> {
        let (before, upto) = self.directory.range(chunk::lead_of(digest));
        // Those that begin as the digest does: none or one, unless digests were chosen to be alike.
        let alike = self.chunks.get(before..upto)?;
        let after = before.saturating_add(alike.partition_point(|chunk| chunk.begins_at_or_before(digest)));
        self.chunks.get(after.checked_sub(1)?)?.find(digest)
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.tokens
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tokens == 0
    }

    /// The chunks in order.
    pub fn chunks(&self) -> &Arc<[Chunk]> {
        &self.chunks
    }

    /// Every token, in the order of the digests.
    pub fn iter(&self) -> impl Iterator<Item = (Digest, Entry<'_>)> {
        self.chunks.iter().flat_map(Chunk::iter)
    }

    /// Bytes that the table occupies.
    pub fn bytes(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(|chunk| chunk.bytes().len()).sum();
        chunks.saturating_add(size_of_val(&*self.chunks)).saturating_add(self.directory.bytes())
    }
}

#[cfg(test)]
mod tests;
