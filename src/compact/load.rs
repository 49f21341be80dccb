//! Compact encoding → table, reading no part that is held already.

mod ids;
mod places;

use std::sync::Arc;

use gatepass_records::{Point, Product};

use super::{CHECKED_FROM, FORMAT, HEAD, LISTED, MAGIC, MAX_PARTS, checksum};
use crate::config::ConfigError;
use crate::memory;
use crate::policy::{LoadError, MAX_BYTES, MAX_TOKEN_IPS, MAX_TOKENS};
use crate::source::Source;
use crate::table::{Chunk, Table};
use ids::{Ids, check_ids};
use places::places;

/// What the list says of a chunk, or of a list of ids: name, length, tokens and checksum.
pub(super) type Listed = [u8; LISTED];

/// What a VM holds of the configuration before.
#[derive(Debug, Default)]
pub struct Held {
    chunks: Arc<[Chunk]>,
    /// What the list said of each of them.
    listed: Vec<Listed>,
    /// The product of the ids of each.
    products: Vec<Product>,
    /// And the lists of ids.
    listed_ids: Vec<Listed>,
    ids: Vec<Ids>,
    /// What products are taken at, drawn with the first configuration.
    point: Option<Point>,
    /// The scopes that there were.
    scopes: Vec<String>,
}

impl Held {
    /// Bytes that are held beside the table itself.
    pub fn bytes(&self) -> usize {
        let listed = size_of_val(&*self.listed).saturating_add(size_of_val(&*self.listed_ids));
        listed.saturating_add(size_of_val(&*self.products)).saturating_add(size_of_val(&*self.ids))
    }
}

/// Head, JSON and list of a compact configuration. Nothing that is listed has been read yet.
#[derive(Debug)]
pub struct Manifest {
    /// JSON and list, behind the part of the head that the checksum is of too.
    checked: Vec<u8>,
    json_len: usize,
    chunks: usize,
    tokens: usize,
}

impl Manifest {
    /// Reads all but the chunks and the ids.
    ///
    /// # Errors
    /// The bytes are no compact configuration, or were damaged.
    pub fn read(source: &dyn Source) -> Result<Self, LoadError> {
        let damaged = |problem: &str| LoadError::from(ConfigError::new("", problem));
        if source.size() > MAX_BYTES {
            return Err(damaged(&format!("a configuration has at most {MAX_BYTES} bytes")));
        }
        let head = source.read(0, HEAD.min(source.size()))?;
        let Some(rest) = head.strip_prefix(&MAGIC) else {
            return Err(damaged("a compact configuration begins with GATEPASS"));
        };
        let mut numbers = rest.as_chunks::<4>().0.iter().copied().map(u32::from_le_bytes);
        let mut next = || numbers.next().and_then(|number| usize::try_from(number).ok());
        let (Some(format), Some(expected), Some(json_len), Some(chunks), Some(tokens), Some(ids)) =
            (next(), next(), next(), next(), next(), next())
        else {
            return Err(damaged("a compact configuration has a head of 32 bytes"));
        };
        if format != FORMAT as usize {
            return Err(damaged("this filter knows format 1 of the compact encoding alone"));
        }
        let most = tokens.min(MAX_PARTS);
        if tokens > MAX_TOKENS || chunks > most || ids > most {
            let problem = format!(
                "at most {MAX_TOKENS} tokens in {MAX_PARTS} chunks are possible, and no chunk or list of ids is empty"
            );
            return Err(ConfigError::new("tokens", problem).into());
        }
        let list_len = chunks.saturating_add(ids).saturating_mul(LISTED);
        let parts_at = HEAD.saturating_add(json_len).saturating_add(list_len);
        if parts_at > source.size() {
            return Err(damaged("the configuration ends before its list of chunks does"));
        }
        let checked = source.read(CHECKED_FROM, parts_at.saturating_sub(CHECKED_FROM))?;
        if checksum(&checked) as usize != expected {
            return Err(damaged("the checksum of head, settings and list of chunks is wrong"));
        }
        Ok(Self { checked, json_len, chunks, tokens })
    }

    /// The JSON of all but the tokens; empty in a `token_set`.
    pub fn json(&self) -> &[u8] {
        self.json_and_list().0
    }

    fn json_and_list(&self) -> (&[u8], &[u8]) {
        let behind_head = self.checked.get(HEAD.saturating_sub(CHECKED_FROM)..).unwrap_or_default();
        behind_head.split_at_checked(self.json_len).unwrap_or_default()
    }

    /// What the list says of the chunks, and of the lists of ids.
    pub(super) fn listed(&self) -> (&[Listed], &[Listed]) {
        self.json_and_list().1.as_chunks::<LISTED>().0.split_at_checked(self.chunks).unwrap_or_default()
    }

    /// Where the first chunk begins.
    pub(super) fn parts_at(&self) -> usize {
        CHECKED_FROM.saturating_add(self.checked.len())
    }

    /// The table, made of chunks that are held and of those that have to be read; `scopes` are the names that tokens
    /// may use, in order. `held` is left empty if that fails.
    ///
    /// # Errors
    /// The first chunk or list of ids that is wrong, or that could not be read.
    pub fn table(&self, source: &dyn Source, scopes: &[&str], held: &mut Held) -> Result<Table, LoadError> {
        let before = std::mem::take(held);
        let mut reader = Reader::of(source, &before);
        let point = before.point.unwrap_or_else(ids::random_point);
        let (listed, listed_ids) = self.listed();
        let ids_at = self.check_totals(source.size())?;
        let chosen = places(listed, &before.listed)?;
        let (chunks, products) =
            read_chunks(&mut reader, (self.parts_at(), listed), &chosen, &before, point)?;
        check_scopes(&chunks, &chosen, scopes, &before)?;
        let ids = ids::read(&mut reader, (ids_at, listed_ids), &before, point)?;
        check_ids(&products, &ids)?;
        drop(reader);
        memory::reserve(self.checked.len().saturating_add(Table::overhead(chunks.len())))?;
        let table = Table::new(chunks).map_err(|out_of_order| {
            let field = format!("chunks[{}]", out_of_order.chunk);
            ConfigError::new(field, "the digests of a chunk lie behind all those of the chunk before it")
        })?;
        *held = Held {
            chunks: Arc::clone(table.chunks()),
            listed: listed.to_vec(),
            products,
            listed_ids: listed_ids.to_vec(),
            ids,
            point: Some(point),
            scopes: scopes.iter().map(|name| (*name).to_owned()).collect(),
        };
        Ok(table)
    }

    /// Where the lists of ids begin, if all lengths and numbers of tokens add up.
    fn check_totals(&self, size: usize) -> Result<usize, ConfigError> {
        let (chunks, ids) = self.listed();
        let sum = |listed: &[Listed], number: fn(&Listed) -> usize| {
            listed.iter().map(number).fold(0, usize::saturating_add)
        };
        let ids_at = self.parts_at().saturating_add(sum(chunks, len));
        if ids_at.saturating_add(sum(ids, len)) != size {
            return Err(ConfigError::new("", "the listed lengths and the whole length differ"));
        }
        for found in [sum(chunks, tokens), sum(ids, tokens)] {
            if found != self.tokens {
                let problem = format!("the head counts {} tokens, and the list {found}", self.tokens);
                return Err(ConfigError::new("tokens", problem));
            }
        }
        Ok(ids_at)
    }
}

fn number(listed: &Listed, at: usize) -> u32 {
    let number = listed.get(at..).and_then(<[u8]>::first_chunk).copied();
    u32::from_le_bytes(number.unwrap_or_default())
}

fn len(listed: &Listed) -> usize {
    number(listed, 32) as usize
}

fn tokens(listed: &Listed) -> usize {
    number(listed, 36) as usize
}

/// Reads chunks, or lists of ids, one behind the other.
struct Reader<'s> {
    source: &'s dyn Source,
    /// How much is read at a time, at least. For each read the proxy has memory made for a copy; with nothing held,
    /// everything will be read, and many parts are cut from one copy, of always the same size: it leaves no holes.
    ahead: usize,
    window: Vec<u8>,
    window_at: usize,
}

/// Bytes of a window.
const WINDOW: usize = 256 * 1024;

impl<'s> Reader<'s> {
    fn of(source: &'s dyn Source, before: &Held) -> Self {
        let ahead = if before.chunks.is_empty() { WINDOW } else { 0 };
        Self { source, ahead, window: Vec::new(), window_at: 0 }
    }

    /// The bytes of the first of these parts, which begins at `at`. Those behind it are read along, as long as they fit in
    /// whole.
    fn read(&mut self, at: usize, parts: &[Listed]) -> Result<&[u8], LoadError> {
        let Some(listed) = parts.first() else { return Ok(&[]) };
        let len = len(listed);
        let end = at.saturating_add(len);
        if at < self.window_at || end > self.window_at.saturating_add(self.window.len()) {
            // Given back before the next one is made.
            self.window = Vec::new();
            let together = parts.iter().map(self::len).scan(0_usize, |sum, len| {
                *sum = sum.saturating_add(len);
                Some(*sum)
            });
            let most = together.take_while(|sum| *sum <= self.ahead).last().unwrap_or(0);
            self.window = self.source.read(at, most.max(len))?;
            self.window_at = at;
        }
        let start = at.saturating_sub(self.window_at);
        let bytes = self.window.get(start..).and_then(|bytes| bytes.get(..len)).unwrap_or_default();
        if checksum(bytes) == number(listed, 40) {
            Ok(bytes)
        } else {
            Err(ConfigError::new("", "its checksum is wrong").into())
        }
    }
}

/// Every chunk in its place, and the product of its ids: made at once, while the caches have them.
fn read_chunks(
    reader: &mut Reader<'_>,
    (mut at, listed): (usize, &[Listed]),
    chosen: &[Option<usize>],
    before: &Held,
    point: Point,
) -> Result<(Vec<Chunk>, Vec<Product>), LoadError> {
    let (mut chunks, mut products) = (Vec::new(), Vec::new());
    chunks.try_reserve_exact(listed.len())?;
    products.try_reserve_exact(listed.len())?;
    let mut ips = 0_usize;
    for (index, (one, place)) in listed.iter().zip(chosen).enumerate() {
        let held =
            place.and_then(|place| Some((before.chunks.get(place)?.clone(), *before.products.get(place)?)));
        let (chunk, product) = match held {
            Some(held) => held,
            None => {
                let chunk = read_chunk(reader, at, listed.get(index..).unwrap_or_default())
                    .map_err(|error| error.within(&format!("chunks[{index}]")))?;
                let (places, body) = chunk.records();
                let product = point.of_records(places, body);
                (chunk, product)
            }
        };
        at = at.saturating_add(len(one));
        // At once, not when all is read: reading lists is what takes long.
        ips = ips.saturating_add(chunk.ips());
        if ips > MAX_TOKEN_IPS {
            let problem = format!("{MAX_TOKEN_IPS} entries in all allowed_ips together are possible");
            return Err(ConfigError::new("tokens", problem).into());
        }
        chunks.push(chunk);
        products.push(product);
    }
    Ok((chunks, products))
}

/// The first of these chunks.
fn read_chunk(reader: &mut Reader<'_>, at: usize, listed: &[Listed]) -> Result<Chunk, LoadError> {
    let bytes = reader.read(at, listed)?;
    let chunk =
        Chunk::parse(shared(bytes)?).map_err(|invalid| ConfigError::new(invalid.field, invalid.problem))?;
    if listed.first().map(tokens) != Some(chunk.len()) {
        return Err(ConfigError::new("", "its number of tokens is not the listed one").into());
    }
    Ok(chunk)
}

/// The same bytes, to be shared.
fn shared(bytes: &[u8]) -> Result<Arc<[u8]>, LoadError> {
    memory::reserve(bytes.len())?;
    Ok(bytes.into())
}

/// Refuses a scope that does not exist. Chunks that were held are looked at only if the scopes have changed.
fn check_scopes(
    chunks: &[Chunk],
    chosen: &[Option<usize>],
    scopes: &[&str],
    before: &Held,
) -> Result<(), ConfigError> {
    let unchanged = before.scopes == scopes;
    for (index, (chunk, place)) in chunks.iter().zip(chosen).enumerate() {
        if unchanged && place.is_some() {
            continue;
        }
        if let Some(unknown) = chunk.scopes().find(|name| scopes.binary_search(name).is_err()) {
            let problem = format_args!("there is no scope \"{unknown}\" in scopes");
            return Err(ConfigError::new(format!("chunks[{index}].attributes"), problem));
        }
    }
    Ok(())
}

/// The JSON within a compact configuration that has been parsed before.
pub(super) fn json_of(bytes: &[u8]) -> Vec<u8> {
    Manifest::read(&bytes).map(|manifest| manifest.json().to_vec()).unwrap_or_default()
}
