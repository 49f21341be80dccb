//! The tokens of a configuration in the compact encoding, kept so from one change to the next: a change costs what it
//! changes, and gives the same bytes as encoding everything anew.

mod spans;

use std::collections::BTreeSet;
use std::sync::Arc;

use gatepass_records::number_of;

use super::{Encoding, LISTED, MAX_LIST, listed};
use crate::address;
use crate::config::ConfigError;
use crate::config::wire::{PluginConfiguration, Token};
use crate::policy::{MAX_TOKEN_IPS, MAX_TOKENS, Policy, parse_token, too_many_tokens};
use crate::table::cut::Cut;
use crate::table::{Chunk, Entry, MAX_CHUNK_TOKENS, Row, Table, chunks_from};
use crate::token::Digest;
use spans::{Spans, among};

/// The numbers of ids, bit 60 first: where lists of them are cut.
const ID_CUT: Cut<u64> = Cut { most: MAX_LIST, key: |number| *number << 3 };

/// A part of a configuration, and what the list says of it.
#[derive(Clone, Debug)]
pub(super) struct Part<T> {
    pub(super) content: T,
    pub(super) listed: [u8; LISTED],
}

/// An immutable set of tokens, encoded. A set that follows another by a change shares with it what is the same.
#[derive(Clone, Debug, Default)]
pub struct TokenSet {
    pub(super) chunks: Vec<Part<Chunk>>,
    pub(super) ids: Vec<Part<Arc<[u64]>>>,
    tokens: usize,
}

impl TokenSet {
    /// The set of a configuration's tokens.
    ///
    /// # Errors
    /// The first field for which the filter would refuse the configuration.
    pub fn of(configuration: PluginConfiguration) -> Result<Self, ConfigError> {
        Self::of_table(Policy::from_wire(configuration)?.table())
    }

    pub(super) fn of_table(table: &Table) -> Result<Self, ConfigError> {
        let mut numbers: Vec<u64> = table.iter().map(|(_, entry)| number_of(entry.id.as_bytes())).collect();
        numbers.sort_unstable();
        let chunks: Vec<Part<Chunk>> = table.chunks().iter().cloned().map(chunk_part).collect();
        no_twice(&numbers, &chunks)?;
        let ids = ID_CUT.parts(&numbers, 0).map(ids_part).collect();
        Ok(Self { chunks, ids, tokens: table.len() })
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.tokens
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tokens == 0
    }

    /// The tokens, in the order of their digests.
    pub fn tokens(&self) -> impl Iterator<Item = Token> {
        let all = self.chunks.iter().flat_map(|part| part.content.iter());
        all.map(|(digest, entry)| entry.to_wire(&digest))
    }

    /// The set without the tokens of the digests `gone`, and with those of `put`, each in place of one of the same
    /// digest; `scopes` are the names that these may use, in order. A digest that is not there is gone already.
    ///
    /// # Errors
    /// The first field of `put` that the filter would refuse (`tokens[2].id`), or a bound of the whole.
    pub fn changed(&self, gone: &[Digest], put: &[Token], scopes: &[&str]) -> Result<Self, ConfigError> {
        let mut rows: Vec<Row<'_>> = Vec::new();
        for (index, token) in put.iter().enumerate() {
            let at = |error: ConfigError| error.within(&format!("tokens[{index}]"));
            rows.push(parse_token(token, scopes).map_err(at)?);
        }
        rows.sort_by_key(|row| row.digest);
        if rows.array_windows().any(|[one, other]| one.digest == other.digest) {
            return Err(ConfigError::new("tokens", "two of the tokens have the same digest"));
        }
        let touched: BTreeSet<Digest> =
            rows.iter().map(|row| row.digest).chain(gone.iter().copied()).collect();
        let (chunks, ids_gone) = self.chunks_with(&rows, &touched)?;
        let ids_put = rows.iter().map(|row| number_of(row.id.as_bytes())).collect();
        let ids = self.ids_with(ids_gone, ids_put, &chunks)?;
        let tokens = chunks.iter().map(|part| part.content.len()).sum();
        if tokens > MAX_TOKENS {
            return Err(too_many_tokens());
        }
        if chunks.iter().map(|part| part.content.ips()).sum::<usize>() > MAX_TOKEN_IPS {
            return Err(ConfigError::new("tokens", crate::config::TOO_MANY_ADDRESSES));
        }
        Ok(Self { chunks, ids, tokens })
    }

    /// The token of a digest.
    pub fn find(&self, digest: &Digest) -> Option<Entry<'_>> {
        let behind = self.chunks.partition_point(|part| part.content.begins_at_or_before(digest));
        self.chunks.get(behind.checked_sub(1)?)?.content.find(digest)
    }

    /// The chunks without the `touched` digests and with `rows`, and the numbers of the ids that went.
    fn chunks_with(
        &self,
        rows: &[Row<'_>],
        touched: &BTreeSet<Digest>,
    ) -> Result<(Vec<Part<Chunk>>, Vec<u64>), ConfigError> {
        let spans: Spans =
            self.chunks.iter().map(|part| (first_lead(&part.content), part.content.len())).collect();
        let ids_gone =
            touched.iter().filter_map(|digest| Some(number_of(self.find(digest)?.id.as_bytes()))).collect();
        let less =
            touched.iter().filter(|digest| self.find(digest).is_some()).map(|digest| (digest.leading(), -1));
        let more = rows.iter().map(|row| (row.digest.leading(), 1));
        let mut chunks = Vec::with_capacity(self.chunks.len().saturating_add(1));
        let mut next = 0;
        for region in spans.regions(less.chain(more).collect(), MAX_CHUNK_TOKENS) {
            chunks.extend(self.chunks.get(next..region.parts.start).unwrap_or_default().iter().cloned());
            next = region.parts.end;
            let old = self.chunks.get(region.parts.clone()).unwrap_or_default();
            let mut within: Vec<Row<'_>> = old
                .iter()
                .flat_map(|part| part.content.iter())
                .filter(|(digest, _)| !touched.contains(digest))
                .map(|(digest, entry)| Row {
                    digest,
                    id: entry.id,
                    user: entry.user,
                    expires_at: entry.expires_at.unwrap_or(0),
                    scope: entry.scope,
                    allowed_ips: entry.allowed_ips.iter().map(address::Range::of_checked).collect(),
                    refuse: entry.refuse,
                })
                .collect();
            let new = among(rows, &region.keys, |row| row.digest.leading());
            within.extend(rows.get(new).unwrap_or_default().iter().cloned());
            within.sort_by_key(|row| row.digest);
            for bytes in chunks_from(&within, region.bits) {
                let chunk = Chunk::parse(bytes.into());
                chunks.push(chunk_part(
                    chunk.map_err(|invalid| ConfigError::new(invalid.field, invalid.problem))?,
                ));
            }
        }
        chunks.extend(self.chunks.get(next..).unwrap_or_default().iter().cloned());
        Ok((chunks, ids_gone))
    }

    /// The lists without the numbers `gone` and with those that were `put`.
    fn ids_with(
        &self,
        gone: Vec<u64>,
        mut put: Vec<u64>,
        chunks: &[Part<Chunk>],
    ) -> Result<Vec<Part<Arc<[u64]>>>, ConfigError> {
        put.sort_unstable();
        no_twice(&put, chunks)?;
        let both: BTreeSet<u64> =
            gone.iter().copied().filter(|number| put.binary_search(number).is_ok()).collect();
        let gone: BTreeSet<u64> = gone.into_iter().filter(|number| !both.contains(number)).collect();
        put.retain(|number| !both.contains(number));
        let key = ID_CUT.key;
        let spans: Spans =
            self.ids.iter().map(|part| (part.content.first().map_or(0, key), part.content.len())).collect();
        let deltas =
            gone.iter().map(|number| (key(number), -1)).chain(put.iter().map(|number| (key(number), 1)));
        let mut ids = Vec::with_capacity(self.ids.len().saturating_add(1));
        let mut next = 0;
        for region in spans.regions(deltas.collect(), MAX_LIST) {
            ids.extend(self.ids.get(next..region.parts.start).unwrap_or_default().iter().cloned());
            next = region.parts.end;
            let old = self.ids.get(region.parts.clone()).unwrap_or_default();
            let kept = old
                .iter()
                .flat_map(|part| part.content.iter().copied())
                .filter(|number| !gone.contains(number));
            let new = put.get(among(&put, &region.keys, key)).unwrap_or_default();
            let mut within: Vec<u64> = kept.chain(new.iter().copied()).collect();
            within.sort_unstable();
            no_twice(&within, chunks)?;
            ids.extend(ID_CUT.parts(&within, region.bits).map(ids_part));
        }
        ids.extend(self.ids.get(next..).unwrap_or_default().iter().cloned());
        Ok(ids)
    }

    /// The configuration of these tokens and of all else in `rest`, whose own tokens do not count.
    ///
    /// # Errors
    /// The first field for which the filter would refuse it.
    pub fn encode(&self, rest: &PluginConfiguration) -> Result<Encoding<'_>, ConfigError> {
        let rest = PluginConfiguration { tokens: Some(Vec::new()), token_set: None, ..rest.clone() };
        Policy::from_wire(rest.clone())?;
        for (index, part) in self.chunks.iter().enumerate() {
            if let Some(unknown) = part.content.scopes().find(|name| !rest.scopes.0.contains_key(*name)) {
                let problem = format_args!("there is no scope \"{unknown}\" in scopes");
                return Err(ConfigError::new(format!("chunks[{index}].attributes"), problem));
            }
        }
        let rest = PluginConfiguration { tokens: None, ..rest };
        let json = serde_json::to_vec(&rest).map_err(|error| ConfigError::new("", error))?;
        Ok(Encoding::of(&json, self))
    }
}

fn chunk_part(chunk: Chunk) -> Part<Chunk> {
    Part { listed: listed(chunk.bytes(), chunk.len()), content: chunk }
}

fn ids_part(numbers: &[u64]) -> Part<Arc<[u64]>> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    Part { listed: listed(&bytes, numbers.len()), content: numbers.into() }
}

fn first_lead(chunk: &Chunk) -> u64 {
    chunk.iter().next().map_or(0, |(digest, _)| digest.leading())
}

/// Refuses a number that stands twice in a rising list, with the ids that have it.
fn no_twice(numbers: &[u64], chunks: &[Part<Chunk>]) -> Result<(), ConfigError> {
    let Some([twice, _]) = numbers.array_windows().find(|[one, other]| one == other) else { return Ok(()) };
    let all = chunks.iter().flat_map(|part| part.content.iter());
    let mut alike = all.filter(|(_, entry)| number_of(entry.id.as_bytes()) == *twice);
    let [one, other] = [alike.next(), alike.next()].map(|token| token.map_or("", |(_, entry)| entry.id));
    let problem = format_args!("the ids {one} and {other} have the same number: one of them has to change");
    Err(ConfigError::new("tokens", problem))
}

#[cfg(test)]
mod tests;
