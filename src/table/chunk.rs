//! One chunk: up to 65,535 tokens in bytes that are read where they lie. `docs/plugin-configuration.md` has the layout.

mod ips;
pub(super) mod refusal;

use std::hint::black_box;
use std::sync::Arc;

use super::{Entry, search};
use crate::config::TOO_MANY_ADDRESSES;
use crate::names;
use crate::token::Digest;
use gatepass_records::{Fault, Highest, Place, Record, lead, text};
pub use ips::IpList;

/// Bytes before the index.
pub(super) const HEAD: usize = 8;
/// Bytes of a token's place in the index: the first four of its digest, and where its record is.
pub(super) const PLACE: usize = 8;
/// Places in a line of memory, of 64 bytes.
const LINE: usize = 64 / PLACE;
/// Bytes of an attribute: two offsets.
pub(super) const ATTRIBUTE: usize = 8;
/// Most entries of all address lists in a chunk, and in a configuration.
pub(crate) const MAX_IPS: usize = 1_000_000;
/// In an offset's place: there is none.
pub(super) const NONE: u32 = u32::MAX;
/// 9999-12-31T23:59:59Z. A time in milliseconds is far above it.
pub const MAX_EXPIRY: u64 = 253_402_300_799;

/// A run of tokens in the order of their digests. Every value in it has been checked. A clone shares its bytes.
///
/// A look-up needs one or two lines of the index and those of one record, and no other memory of the chunk: in a large table
/// each further one would be a miss of every cache. It asks for lines beside them as well, so as not to wait for one miss after
/// the other.
#[derive(Clone, Debug)]
pub struct Chunk {
    bytes: Arc<[u8]>,
    rows: u32,
    attributes: u32,
    ips: u32,
    /// The first four bytes of the lowest digest and of the highest.
    low: u32,
    high: u32,
}

/// What is wrong with a chunk, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidChunk {
    /// `tokens[3].id`, say; empty when it is the chunk as such.
    pub field: String,
    /// What would be right.
    pub problem: String,
}

fn invalid(field: impl Into<String>, problem: impl ToString) -> InvalidChunk {
    InvalidChunk { field: field.into(), problem: problem.to_string() }
}

impl Chunk {
    /// Reads a chunk and checks all of it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(bytes: Arc<[u8]>) -> Result<Self, InvalidChunk> {
        let count = |at: usize| number::<2>(&bytes, at).map(|n| u32::from(u16::from_le_bytes(n)));
        let (Some(rows), Some(attributes), Some(0), Some(0)) = (count(0), count(2), count(4), count(6))
        else {
            return Err(invalid("", "a chunk begins with two counts and four zero bytes"));
        };
        let mut chunk = Self { bytes, rows, attributes, ips: 0, low: 0, high: 0 };
        if rows == 0 || attributes > rows || chunk.body_at() > chunk.bytes.len() {
            let problem =
                "a chunk has at least one token, no more attributes than tokens, and all that its counts say";
            return Err(invalid("", problem));
        }
        (chunk.low, chunk.high) = match chunk.index() {
            [only] => (lead(only), lead(only)),
            [first, .., last] => (lead(first), lead(last)),
            [] => (0, 0),
        };
        let named = chunk.check_attributes()?;
        chunk.ips = chunk.check_records()?.max(named);
        Ok(chunk)
    }

    /// Checks every attribute and counts the entries of the address lists, also of those that no token names: reading
    /// them takes as long.
    fn check_attributes(&self) -> Result<u32, InvalidChunk> {
        let mut entries = 0_u32;
        for number in 1..=self.attributes {
            let field = || format!("attributes[{}]", number.saturating_sub(1));
            let (scope, ips) =
                self.attribute(number).ok_or_else(|| invalid(field(), "lies outside the chunk"))?;
            if let Some(problem) = scope.and_then(|name| names::check_scope_name(name).err()) {
                return Err(invalid(field(), problem));
            }
            if !ips.is_valid() {
                return Err(invalid(field(), "a list of addresses has 1 to 1024 ranges without host bits"));
            }
            entries =
                sum_of_entries(entries, ips.len()).ok_or_else(|| invalid(field(), TOO_MANY_ADDRESSES))?;
        }
        Ok(entries)
    }

    /// Checks every token and counts the entries of the address lists.
    fn check_records(&self) -> Result<u32, InvalidChunk> {
        let (index, body) = self.records();
        let highest = Highest { expiry: MAX_EXPIRY, refusal: refusal::HIGHEST, attribute: self.attributes };
        gatepass_records::check(index, body, highest, |name| names::check_user_name(name).is_ok()).map_err(
            |(number, fault)| invalid(format!("tokens[{number}].{}", field(fault)), problem(fault)),
        )?;
        let mut ips = 0_u32;
        if self.attributes == 0 {
            return Ok(ips);
        }
        for (number, place) in index.iter().enumerate() {
            let attribute = Record::at(body, place).map_or(0, |record| record.attribute());
            let list = self.attribute(attribute).map_or(0, |(_, ips)| ips.len());
            ips = sum_of_entries(ips, list)
                .ok_or_else(|| invalid(format!("tokens[{number}].attributes"), TOO_MANY_ADDRESSES))?;
        }
        Ok(ips)
    }

    /// How many tokens there are: at least one.
    pub fn len(&self) -> usize {
        self.rows as usize
    }

    /// Never: a chunk has at least one token.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The bytes, as they were read.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Entries of all tokens' address lists together.
    pub fn ips(&self) -> usize {
        self.ips as usize
    }

    /// The first four bytes of the lowest digest.
    pub(super) fn lowest_lead(&self) -> u32 {
        self.low
    }

    /// Whether the lowest digest is this one or comes before it. Reads the chunk only if they begin alike.
    pub(crate) fn begins_at_or_before(&self, digest: &Digest) -> bool {
        let lead = lead_of(digest);
        self.low < lead || self.low == lead && self.first() <= *digest
    }

    fn first(&self) -> Digest {
        self.index().first().map(|place| self.digest_at(place)).unwrap_or_default()
    }

    /// Whether every digest of this chunk comes before every one of `next`. Reads neither, as a rule.
    pub fn is_before(&self, next: &Self) -> bool {
        self.high < next.low
            || self.high == next.low
                && self.index().last().is_some_and(|place| self.digest_at(place) < next.first())
    }

    /// The entry of a token.
    pub fn find(&self, digest: &Digest) -> Option<Entry<'_>> {
        let (index, body) = (self.index(), self.body());
        let (key, rest) = split(digest);
        let is_before = |at: usize| {
            index.get(at).is_some_and(|place| {
                let lead = lead(place);
                lead < key
                    || lead == key
                        && Record::at(body, place).is_some_and(|record| record.digest.as_slice() < rest)
            })
        };
        // The right place is some ten places away, perhaps in the line of memory before or behind, and its record, since all
        // are nearly of one size, on the page where that of this place must lie. In a large table all these are misses,
        // which are waited for together if they are asked for together.
        let size = body.len().checked_div(index.len()).unwrap_or(0);
        let lead_at = |at: usize| index.get(at).map_or(0, lead);
        let with_others = |at: usize| {
            let lines = lead_at(at.wrapping_sub(LINE)) ^ lead_at(at.wrapping_add(LINE));
            black_box(lines ^ body.get(at.wrapping_mul(size)).map_or(0, |byte| u32::from(*byte)));
            lead_at(at)
        };
        let near = search::guess(key, (self.low, self.high), index.len(), with_others);
        let place = index.get(search::partition_point(index.len(), near, is_before))?;
        let record = Record::at(body, place)?;
        if lead(place) == key && record.digest.as_slice() == rest { self.entry(&record) } else { None }
    }

    /// Every token, in the order of the digests.
    pub fn iter(&self) -> impl Iterator<Item = (Digest, Entry<'_>)> {
        self.index().iter().filter_map(|place| {
            let record = Record::at(self.body(), place)?;
            Some((self.digest_at(place), self.entry(&record)?))
        })
    }

    /// The ids of all tokens, in ASCII.
    pub fn ids(&self) -> impl Iterator<Item = &[u8]> {
        let (index, body) = self.records();
        index.iter().filter_map(move |place| Some(Record::at(body, place)?.id))
    }

    /// The index, and what it refers to.
    pub fn records(&self) -> (&[Place], &[u8]) {
        (self.index(), self.body())
    }

    /// The scopes that tokens of this chunk may have.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        (1..=self.attributes).filter_map(|number| self.attribute(number)?.0)
    }

    /// `None` would be a fault of [`Chunk::parse`], and then the token is unknown: never admitted.
    fn entry<'a>(&'a self, record: &Record<'a>) -> Option<Entry<'a>> {
        let (scope, allowed_ips) = match record.attribute() {
            0 => (None, IpList::default()),
            number => self.attribute(number)?,
        };
        Some(Entry {
            id: std::str::from_utf8(record.id).ok()?,
            user: record.user(self.body())?,
            expires_at: Some(record.expiry()).filter(|end| *end != 0),
            scope,
            allowed_ips,
            refuse: refusal::read(record.refusal()).ok()?,
        })
    }

    fn index(&self) -> &[Place] {
        let places = self.bytes.get(HEAD..).unwrap_or_default().as_chunks().0;
        places.get(..self.len()).unwrap_or_default()
    }

    fn digest_at(&self, place: &Place) -> Digest {
        let rest = Record::at(self.body(), place).map(|record| *record.digest).unwrap_or_default();
        join(lead(place), &rest)
    }

    fn attributes_at(&self) -> usize {
        HEAD.saturating_add(self.len().saturating_mul(PLACE))
    }

    fn body_at(&self) -> usize {
        self.attributes_at().saturating_add((self.attributes as usize).saturating_mul(ATTRIBUTE))
    }

    /// Records, strings and lists of addresses; what offsets count from.
    fn body(&self) -> &[u8] {
        self.bytes.get(self.body_at()..).unwrap_or_default()
    }

    /// Scope and addresses of the attribute with this number, counted from 1.
    fn attribute(&self, number_: u32) -> Option<(Option<&str>, IpList<'_>)> {
        let index = number_.checked_sub(1).filter(|index| *index < self.attributes)?;
        let at = self.attributes_at().saturating_add((index as usize).saturating_mul(ATTRIBUTE));
        let scope = u32::from_le_bytes(number(&self.bytes, at)?);
        let ips = u32::from_le_bytes(number(&self.bytes, at.saturating_add(4))?);
        let scope = if scope == NONE { None } else { Some(text(self.body(), scope)?) };
        let ips = if ips == NONE { IpList::default() } else { IpList::read(self.body(), ips)? };
        Some((scope, ips))
    }
}

/// `None` beyond the bound: lists may be shared, and so would take for ever to read.
fn sum_of_entries(sum: u32, more: usize) -> Option<u32> {
    let sum = (sum as usize).saturating_add(more);
    if sum > MAX_IPS { None } else { u32::try_from(sum).ok() }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

/// The first four bytes of a digest as a number of the same order, and the other bytes.
fn split(digest: &Digest) -> (u32, &[u8]) {
    digest.as_bytes().split_first_chunk().map_or((0, &[]), |(lead, rest)| (u32::from_be_bytes(*lead), rest))
}

/// The first four bytes of a digest, as a number of the same order.
pub(super) fn lead_of(digest: &Digest) -> u32 {
    split(digest).0
}

/// The inverse of [`split`].
fn join(lead: u32, rest: &[u8; 28]) -> Digest {
    let mut bytes = [0; 32];
    if let Some((first, last)) = bytes.split_first_chunk_mut::<4>() {
        *first = lead.to_be_bytes();
        last.copy_from_slice(rest);
    }
    Digest::from_bytes(bytes)
}

fn field(fault: Fault) -> &'static str {
    match fault {
        Fault::Outside | Fault::Id => "id",
        Fault::Digest => "sha256",
        Fault::Expiry => "expires_at",
        Fault::Refusal => "refuse",
        Fault::User => "user",
        Fault::Attribute => "attributes",
    }
}

fn problem(fault: Fault) -> &'static str {
    match fault {
        Fault::Outside => "lies outside the chunk",
        Fault::Digest => "digests rise from one token to the next, and none stands twice",
        Fault::Expiry => "Unix time in seconds, at most year 9999, or 0 for never",
        Fault::Refusal => "0 to 3",
        Fault::User => "a user's name, whole and in UTF-8, of 1 to 128 characters",
        Fault::Id => names::TOKEN_ID,
        Fault::Attribute => "the number of an attribute in this chunk, or 0",
    }
}

#[cfg(test)]
mod tests;
