//! One chunk: up to 65,535 tokens in bytes that are read where they lie. `docs/plugin-configuration.md` has the layout.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Entry, search};
use crate::address;
use crate::config::wire::StatedRefusal;
use crate::names;
use crate::token::Digest;

/// Bytes before the rows.
pub(super) const HEAD: usize = 8;
/// Bytes of a row.
pub(super) const ROW: usize = 48;
/// Bytes of a user: an offset into the strings.
const USER: usize = 4;
/// Bytes of an attribute: two offsets.
const ATTRIBUTE: usize = 8;
/// In an offset's place: there is none.
pub(super) const NONE: u32 = u32::MAX;
/// 9999-12-31T23:59:59Z. A time in milliseconds is far above it.
pub const MAX_EXPIRY: u64 = 253_402_300_799;

type RowBytes = [u8; ROW];

/// A run of tokens in the order of their digests. Every value in it has been checked.
#[derive(Debug)]
pub struct Chunk {
    bytes: Box<[u8]>,
    rows: usize,
    users: usize,
    attributes: usize,
    ips: usize,
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
    pub fn parse(bytes: Vec<u8>) -> Result<Self, InvalidChunk> {
        let count = |at: usize| number::<2>(&bytes, at).map(|n| usize::from(u16::from_le_bytes(n)));
        let (Some(rows), Some(users), Some(attributes), Some(0)) = (count(0), count(2), count(4), count(6))
        else {
            return Err(invalid("", "a chunk begins with three counts and two zero bytes"));
        };
        let mut chunk = Self { bytes: bytes.into_boxed_slice(), rows, users, attributes, ips: 0 };
        if rows == 0 || chunk.strings_at() > chunk.bytes.len() {
            return Err(invalid("", "a chunk has at least one row, and all that its counts say"));
        }
        chunk.check_users()?;
        chunk.check_attributes()?;
        chunk.ips = chunk.check_rows()?;
        Ok(chunk)
    }

    fn check_users(&self) -> Result<(), InvalidChunk> {
        (0..self.users).try_for_each(|index| {
            let name = self.user(index).ok_or_else(|| invalid(format!("users[{index}]"), "lies outside"))?;
            names::check_user_name(name).map_err(|problem| invalid(format!("users[{index}]"), problem))
        })
    }

    fn check_attributes(&self) -> Result<(), InvalidChunk> {
        (1..=self.attributes).try_for_each(|number| {
            let field = || format!("attributes[{}]", number.saturating_sub(1));
            let (scope, ips) =
                self.attribute(number).ok_or_else(|| invalid(field(), "lies outside the chunk"))?;
            if let Some(problem) = scope.and_then(|name| names::check_scope_name(name).err()) {
                return Err(invalid(field(), problem));
            }
            if !ips.is_valid() {
                return Err(invalid(field(), "a list of addresses has 1 to 1024 ranges without host bits"));
            }
            Ok(())
        })
    }

    /// Checks every row and counts the entries of the address lists.
    fn check_rows(&self) -> Result<usize, InvalidChunk> {
        let strings = self.strings();
        let mut ips = 0_usize;
        let mut last: Option<&RowBytes> = None;
        for (index, row) in self.row_list().iter().enumerate() {
            let error =
                |field: &str, problem: &str| Err(invalid(format!("tokens[{index}].{field}"), problem));
            if last.is_some_and(|last| !rises(last, row)) {
                return error("sha256", "digests rise from one row to the next, and none stands twice");
            }
            last = Some(row);
            if expiry(row) > MAX_EXPIRY {
                return error("expires_at", "Unix time in seconds, at most year 9999, or 0 for never");
            }
            if refusal(row).is_err() {
                return error("refuse", "0 to 3");
            }
            if user_index(row) >= self.users {
                return error("user", "the index of a user in this chunk");
            }
            match id_bytes(row, strings) {
                Some(id) if names::is_token_id(id) => {}
                _ => return error("id", names::TOKEN_ID),
            }
            match attribute_number(row) {
                0 => {}
                number if number <= self.attributes => {
                    let list = self.attribute(number).map_or(0, |(_, ips)| ips.len());
                    ips = ips.saturating_add(list);
                }
                _ => return error("attributes", "the number of an attribute in this chunk, or 0"),
            }
        }
        Ok(ips)
    }

    /// How many tokens there are: at least one.
    pub fn len(&self) -> usize {
        self.rows
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
        self.ips
    }

    /// The lowest digest.
    pub fn first(&self) -> Digest {
        self.row_list().first().map(digest_of).unwrap_or_default()
    }

    /// The highest digest.
    pub fn last(&self) -> Digest {
        self.row_list().last().map(digest_of).unwrap_or_default()
    }

    /// The entry of a token.
    pub fn find(&self, digest: &Digest) -> Option<Entry<'_>> {
        let rows = self.row_list();
        let (first, last) = (leading(rows.first()?), leading(rows.last()?));
        let key = digest.leading();
        let is_before = |at: usize| {
            rows.get(at).is_some_and(|row| {
                let leading = leading(row);
                leading < key || (leading == key && digest_bytes(row) < digest.as_bytes().as_slice())
            })
        };
        let guess = search::guess(key, first, last, rows.len());
        let row = rows.get(search::partition_point(rows.len(), guess, is_before))?;
        if digest_bytes(row) == digest.as_bytes() { self.entry(row) } else { None }
    }

    /// Every token, in the order of the digests.
    pub fn iter(&self) -> impl Iterator<Item = (Digest, Entry<'_>)> {
        self.row_list().iter().filter_map(|row| Some((digest_of(row), self.entry(row)?)))
    }

    /// Every id.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let strings = self.strings();
        self.row_list().iter().filter_map(move |row| std::str::from_utf8(id_bytes(row, strings)?).ok())
    }

    /// Every scope that some token names.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        (1..=self.attributes).filter_map(|number| self.attribute(number)?.0)
    }

    /// `None` would be a fault of [`Chunk::parse`], and then the token is unknown: never admitted.
    fn entry<'a>(&'a self, row: &'a RowBytes) -> Option<Entry<'a>> {
        let (scope, allowed_ips) = match attribute_number(row) {
            0 => (None, IpList::default()),
            number => self.attribute(number)?,
        };
        Some(Entry {
            id: std::str::from_utf8(id_bytes(row, self.strings())?).ok()?,
            user: self.user(user_index(row))?,
            expires_at: Some(expiry(row)).filter(|end| *end != 0),
            scope,
            allowed_ips,
            refuse: refusal(row).ok()?,
        })
    }

    fn row_list(&self) -> &[RowBytes] {
        let rows = self.bytes.get(HEAD..).unwrap_or_default().as_chunks().0;
        rows.get(..self.rows).unwrap_or_default()
    }

    fn users_at(&self) -> usize {
        HEAD.saturating_add(self.rows.saturating_mul(ROW))
    }

    fn attributes_at(&self) -> usize {
        self.users_at().saturating_add(self.users.saturating_mul(USER))
    }

    fn strings_at(&self) -> usize {
        self.attributes_at().saturating_add(self.attributes.saturating_mul(ATTRIBUTE))
    }

    fn strings(&self) -> &[u8] {
        self.bytes.get(self.strings_at()..).unwrap_or_default()
    }

    fn user(&self, index: usize) -> Option<&str> {
        if index >= self.users {
            return None;
        }
        let at = self.users_at().saturating_add(index.saturating_mul(USER));
        self.text(u32::from_le_bytes(number(&self.bytes, at)?))
    }

    /// Scope and addresses of the attribute with this number, counted from 1.
    fn attribute(&self, number_: usize) -> Option<(Option<&str>, IpList<'_>)> {
        let index = number_.checked_sub(1).filter(|index| *index < self.attributes)?;
        let at = self.attributes_at().saturating_add(index.saturating_mul(ATTRIBUTE));
        let scope = u32::from_le_bytes(number(&self.bytes, at)?);
        let ips = u32::from_le_bytes(number(&self.bytes, at.saturating_add(4))?);
        let scope = if scope == NONE { None } else { Some(self.text(scope)?) };
        let ips = if ips == NONE { IpList::default() } else { IpList::read(self.strings(), ips)? };
        Some((scope, ips))
    }

    fn text(&self, offset: u32) -> Option<&str> {
        let rest = self.strings().get(usize::try_from(offset).ok()?..)?;
        let (len, rest) = rest.split_first_chunk::<2>()?;
        std::str::from_utf8(rest.get(..usize::from(u16::from_le_bytes(*len)))?).ok()
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

fn digest_bytes(row: &RowBytes) -> &[u8] {
    row.first_chunk::<32>().map(<[u8; 32]>::as_slice).unwrap_or_default()
}

fn digest_of(row: &RowBytes) -> Digest {
    row.first_chunk::<32>().copied().map(Digest::from_bytes).unwrap_or_default()
}

/// The first 8 bytes of the digest, as a number of the same order.
fn leading(row: &RowBytes) -> u64 {
    row.first_chunk().copied().map_or(0, u64::from_be_bytes)
}

fn rises(one: &RowBytes, next: &RowBytes) -> bool {
    let (low, high) = (leading(one), leading(next));
    low < high || (low == high && digest_bytes(one) < digest_bytes(next))
}

/// Bytes 32 to 37.
fn expiry(row: &RowBytes) -> u64 {
    let low = number::<4>(row, 32).map_or(u32::MAX, u32::from_le_bytes);
    let high = number::<2>(row, 36).map_or(u16::MAX, u16::from_le_bytes);
    u64::from(low) | (u64::from(high) << 32)
}

/// Byte 38.
fn refusal(row: &RowBytes) -> Result<Option<StatedRefusal>, ()> {
    match row.get(38) {
        Some(0) => Ok(None),
        Some(1) => Ok(Some(StatedRefusal::TokenDisabled)),
        Some(2) => Ok(Some(StatedRefusal::UserInactive)),
        Some(3) => Ok(Some(StatedRefusal::UseNotAllowed)),
        _ => Err(()),
    }
}

/// The length in byte 39, the offset in bytes 44 to 47.
fn id_bytes<'a>(row: &RowBytes, strings: &'a [u8]) -> Option<&'a [u8]> {
    let len = row.get(39).copied().map(usize::from)?;
    let at = usize::try_from(u32::from_le_bytes(number(row, 44)?)).ok()?;
    strings.get(at..)?.get(..len)
}

/// Bytes 40 and 41.
fn attribute_number(row: &RowBytes) -> usize {
    number(row, 40).map(u16::from_le_bytes).map_or(usize::MAX, usize::from)
}

/// Bytes 42 and 43.
fn user_index(row: &RowBytes) -> usize {
    number(row, 42).map(u16::from_le_bytes).map_or(usize::MAX, usize::from)
}

/// Addresses and ranges of one token, read where they lie; an empty list admits every address, readable or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpList<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> IpList<'a> {
    /// The list at `offset`; `None` if it lies outside or says that it is empty.
    fn read(strings: &'a [u8], offset: u32) -> Option<Self> {
        let rest = strings.get(usize::try_from(offset).ok()?..)?;
        let (count, bytes) = rest.split_first_chunk::<2>()?;
        let list = Self { count: usize::from(u16::from_le_bytes(*count)), bytes };
        (list.count != 0 && list.iter().count() == list.count).then_some(list)
    }

    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no restriction.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether the list admits `address`; an unreadable one (`None`) fails every list that is not empty.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        self.is_empty() || address.is_some_and(|ip| self.iter().any(|range| range.contains(&ip)))
    }

    /// The ranges.
    pub fn iter(&self) -> impl Iterator<Item = IpNet> + use<'a> {
        let mut rest = self.bytes;
        (0..self.count).map_while(move |_| {
            let (range, behind) = read_range(rest)?;
            rest = behind;
            Some(range)
        })
    }

    fn is_valid(&self) -> bool {
        let mapped = |range: &IpNet| match range {
            IpNet::V4(_) => false,
            IpNet::V6(v6) => v6.addr().to_ipv4_mapped().is_some(),
        };
        self.count <= address::MAX_ENTRIES
            && self.iter().all(|range| range.trunc() == range && !mapped(&range))
    }
}

fn read_range(bytes: &[u8]) -> Option<(IpNet, &[u8])> {
    let ([family, bits], rest) = bytes.split_first_chunk::<2>()?;
    match family {
        4 => {
            let (octets, rest) = rest.split_first_chunk::<4>()?;
            Some((Ipv4Net::new(Ipv4Addr::from(*octets), *bits).ok()?.into(), rest))
        }
        6 => {
            let (octets, rest) = rest.split_first_chunk::<16>()?;
            Some((Ipv6Net::new(Ipv6Addr::from(*octets), *bits).ok()?.into(), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
