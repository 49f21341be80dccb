//! Tokens → chunks, cut by the bits of the digests: see [`super::cut`].

use std::collections::HashMap;

use super::chunk::{ATTRIBUTE, HEAD, NONE, PLACE, refusal};
use super::cut::Cut;
use crate::address::Range;
use crate::config::wire::StatedRefusal;
use crate::token::Digest;
use gatepass_records::RECORD;
use ipnet::IpNet;

/// Most tokens of a chunk that is built here. Smaller chunks make a push of one token cheaper and the list of chunks
/// longer, which every push reads: at a million tokens both come to the same size here.
pub const MAX_CHUNK_TOKENS: usize = 512;

/// One token on its way into a chunk.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// SHA-256 of the token.
    pub digest: Digest,
    /// The public id: at most 64 bytes.
    pub id: &'a str,
    /// The owner.
    pub user: &'a str,
    /// Unix time in seconds; 0 for never.
    pub expires_at: u64,
    /// A scope's name.
    pub scope: Option<&'a str>,
    /// Where the token may be used from; empty for everywhere.
    pub allowed_ips: Vec<Range>,
    /// A refusal that holds whatever the request.
    pub refuse: Option<StatedRefusal>,
}

/// The bytes of the chunks for `rows`, which stand in the order of their digests.
pub fn chunks<'r, 'a>(rows: &'r [Row<'a>]) -> impl Iterator<Item = Vec<u8>> + use<'r, 'a> {
    chunks_from(rows, 0)
}

/// The same for rows whose digests have their first `from` bits in common.
pub(crate) fn chunks_from<'r, 'a>(
    rows: &'r [Row<'a>],
    from: u32,
) -> impl Iterator<Item = Vec<u8>> + use<'r, 'a> {
    Cut { most: MAX_CHUNK_TOKENS, key: |row: &Row<'a>| row.digest.leading() }.parts(rows, from).map(write)
}

/// What stands behind a chunk's index, and where in it what several tokens share.
#[derive(Default)]
struct Shared<'a> {
    body: Vec<u8>,
    texts: HashMap<&'a [u8], u32>,
    lists: Vec<(&'a [Range], u32)>,
    attributes: Vec<(u32, u32)>,
}

fn write(rows: &[Row<'_>]) -> Vec<u8> {
    let mut shared = Shared::default();
    let mut index = Vec::with_capacity(rows.len().saturating_mul(PLACE));
    for row in rows {
        let at = shared.record(row);
        let [a, b, c, d, ..] = *row.digest.as_bytes();
        index.extend_from_slice(&[d, c, b, a]);
        index.extend_from_slice(&at.to_le_bytes());
    }
    shared.finish(rows.len(), &index)
}

impl<'a> Shared<'a> {
    /// Writes the record of a token, and behind it what it is the first to name: a look-up then finds both in one
    /// place.
    fn record(&mut self, row: &'a Row<'_>) -> u32 {
        let attribute = self.attribute(row.scope, &row.allowed_ips);
        let at = position(&self.body);
        let behind = RECORD.saturating_add(row.id.len()).saturating_add(self.body.len());
        let known = self.texts.get(row.user.as_bytes()).copied();
        let user = known.unwrap_or(u32::try_from(behind).unwrap_or(NONE));
        let [_, _, _, _, digest @ ..] = row.digest.as_bytes();
        let [e0, e1, e2, e3, e4, e5, ..] = row.expires_at.to_le_bytes();
        let refuse = refusal::number(row.refuse);
        self.body.extend_from_slice(digest);
        self.body.extend_from_slice(&[e0, e1, e2, e3, e4, e5, refuse]);
        self.body.push(u8::try_from(row.id.len()).unwrap_or(0));
        self.body.extend_from_slice(&attribute.to_le_bytes());
        self.body.extend_from_slice(&user.to_le_bytes());
        self.body.extend_from_slice(row.id.as_bytes());
        if known.is_none() {
            self.text(row.user);
        }
        at
    }

    /// 0 for neither scope nor addresses, else a number from 1 on.
    fn attribute(&mut self, scope: Option<&'a str>, ips: &'a [Range]) -> u16 {
        if scope.is_none() && ips.is_empty() {
            return 0;
        }
        let scope = scope.map_or(NONE, |name| self.text(name));
        let ips = if ips.is_empty() { NONE } else { self.list(ips) };
        let known = self.attributes.iter().position(|known| *known == (scope, ips));
        if known.is_none() {
            self.attributes.push((scope, ips));
        }
        count(known.map_or(self.attributes.len(), |place| place.saturating_add(1)))
    }

    fn text(&mut self, text: &'a str) -> u32 {
        if let Some(offset) = self.texts.get(text.as_bytes()) {
            return *offset;
        }
        let offset = position(&self.body);
        self.body.extend_from_slice(&count(text.len()).to_le_bytes());
        self.body.extend_from_slice(text.as_bytes());
        self.texts.insert(text.as_bytes(), offset);
        offset
    }

    fn list(&mut self, ips: &'a [Range]) -> u32 {
        if let Some((_, offset)) = self.lists.iter().find(|(known, _)| *known == ips) {
            return *offset;
        }
        let offset = position(&self.body);
        self.body.extend_from_slice(&count(ips.len()).to_le_bytes());
        for range in ips {
            match range.net() {
                IpNet::V4(net) => {
                    self.body.extend_from_slice(&[4, net.prefix_len()]);
                    self.body.extend_from_slice(&net.addr().octets());
                }
                IpNet::V6(net) => {
                    self.body.extend_from_slice(&[6, net.prefix_len()]);
                    self.body.extend_from_slice(&net.addr().octets());
                }
            }
        }
        self.lists.push((ips, offset));
        offset
    }

    fn finish(self, rows: usize, index: &[u8]) -> Vec<u8> {
        let attributes = self.attributes.len().saturating_mul(ATTRIBUTE);
        let size =
            HEAD.saturating_add(index.len()).saturating_add(attributes).saturating_add(self.body.len());
        let mut chunk = Vec::with_capacity(size);
        for number in [rows, self.attributes.len(), 0, 0] {
            chunk.extend_from_slice(&count(number).to_le_bytes());
        }
        chunk.extend_from_slice(index);
        for (scope, ips) in self.attributes {
            chunk.extend_from_slice(&scope.to_le_bytes());
            chunk.extend_from_slice(&ips.to_le_bytes());
        }
        chunk.extend_from_slice(&self.body);
        chunk
    }
}

/// A chunk has at most [`MAX_CHUNK_TOKENS`] rows, and everything counted here is bounded by that or by a name's length.
fn count(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// 512 rows with 1024 addresses each take 9 MiB: far below 4 GiB.
fn position(body: &[u8]) -> u32 {
    u32::try_from(body.len()).unwrap_or(NONE)
}
