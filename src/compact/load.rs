//! Compact encoding → table, reading no chunk that is held already.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Checksum, FORMAT, HEAD, LISTED, MAGIC, MAX_CHUNKS};
use crate::config::ConfigError;
use crate::policy::{LoadError, MAX_BYTES, MAX_TOKEN_IPS, MAX_TOKENS};
use crate::source::Source;
use crate::table::{Chunk, IdSet, Table};

/// SHA-256 of a chunk's bytes, by which a configuration names the chunks that it shares with the one before.
pub type ChunkName = [u8; 32];

/// What a VM holds of the configurations before: the chunks that are enforced, and the ids in them.
#[derive(Debug, Default)]
pub struct Held {
    chunks: Arc<[Chunk]>,
    /// What each of them was called.
    names: Vec<ChunkName>,
    /// And its checksum: a name that is used for two chunks must not keep the first one in force.
    checksums: Vec<u32>,
    ids: Option<IdSet>,
    /// The scopes that there were.
    scopes: Vec<String>,
}

impl Held {
    /// Bytes that are held beside the table itself.
    pub fn bytes(&self) -> usize {
        let names = std::mem::size_of_val(self.names.as_slice());
        let checksums = std::mem::size_of_val(self.checksums.as_slice());
        self.ids.as_ref().map_or(0, IdSet::bytes).saturating_add(names).saturating_add(checksums)
    }
}

/// Head, JSON and list of a compact configuration. No chunk has been read yet.
#[derive(Debug)]
pub struct Manifest {
    /// The JSON of all but the tokens; empty in a `token_set`.
    pub json: Vec<u8>,
    list: Vec<u8>,
    tokens: usize,
    chunks_at: usize,
}

struct Listed {
    name: ChunkName,
    len: usize,
    tokens: usize,
    checksum: u32,
}

impl Manifest {
    /// Reads all but the chunks.
    ///
    /// # Errors
    /// The bytes are no compact configuration, or were damaged.
    pub fn read(source: &(impl Source + ?Sized)) -> Result<Self, LoadError> {
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
        let (Some(format), Some(json_len), Some(count), Some(tokens), Some(checksum)) =
            (next(), next(), next(), next(), next())
        else {
            return Err(damaged("a compact configuration has a head of 28 bytes"));
        };
        if format != FORMAT as usize {
            return Err(damaged("this filter knows format 1 of the compact encoding alone"));
        }
        if tokens > MAX_TOKENS || count > tokens || count > MAX_CHUNKS {
            let problem = format!(
                "at most {MAX_TOKENS} tokens in {MAX_CHUNKS} chunks are possible, and no chunk is empty"
            );
            return Err(ConfigError::new("tokens", problem).into());
        }
        let list_len = count.saturating_mul(LISTED);
        let chunks_at = HEAD.saturating_add(json_len).saturating_add(list_len);
        if chunks_at > source.size() {
            return Err(damaged("the configuration ends before its list of chunks does"));
        }
        let mut json = source.read(HEAD, json_len.saturating_add(list_len))?;
        let mut found = Checksum::default();
        found.update(head.get(..HEAD.saturating_sub(4)).unwrap_or_default());
        found.update(&json);
        if found.get() as usize != checksum {
            return Err(damaged("the checksum of head, settings and list of chunks is wrong"));
        }
        let list = json.split_off(json_len);
        Ok(Self { json, list, tokens, chunks_at })
    }

    fn listed(&self) -> impl Iterator<Item = Listed> {
        self.list.as_chunks::<LISTED>().0.iter().filter_map(|place| {
            let (name, numbers) = place.split_first_chunk::<32>()?;
            let [len, tokens, checksum] = numbers.as_chunks::<4>().0 else { return None };
            Some(Listed {
                name: *name,
                len: usize::try_from(u32::from_le_bytes(*len)).ok()?,
                tokens: usize::try_from(u32::from_le_bytes(*tokens)).ok()?,
                checksum: u32::from_le_bytes(*checksum),
            })
        })
    }

    /// The table, made of chunks that are held and of those that have to be read; `scopes` are the names that tokens
    /// may use, in order. `held` is left empty if that fails.
    ///
    /// # Errors
    /// The first chunk that is wrong, or that could not be read.
    pub fn table(
        &self,
        source: &(impl Source + ?Sized),
        scopes: &[&str],
        held: &mut Held,
    ) -> Result<Table, LoadError> {
        let before = std::mem::take(held);
        let Placed { chunks, names, checksums, kept, stays } = self.read_chunks(source, &before)?;
        check_scopes(&chunks, &kept, scopes, &before)?;
        let table = Table::new(chunks).map_err(|out_of_order| {
            let field = format!("chunks[{}]", out_of_order.chunk);
            ConfigError::new(field, "the digests of a chunk lie behind all those of the chunk before it")
        })?;
        if table.len() != self.tokens {
            let problem = format!("the head counts {} tokens, and there are {}", self.tokens, table.len());
            return Err(ConfigError::new("tokens", problem).into());
        }
        let ids = check_ids(&table, before, &kept, &stays)?;
        let scopes = scopes.iter().map(|name| (*name).to_owned()).collect();
        let chunks = Arc::clone(table.chunks());
        *held = Held { chunks, names, checksums, ids: Some(ids), scopes };
        Ok(table)
    }

    /// Every chunk in its place.
    fn read_chunks(&self, source: &(impl Source + ?Sized), before: &Held) -> Result<Placed, LoadError> {
        let count = self.list.len() / LISTED;
        let mut placed = Placed::default();
        placed.chunks.try_reserve_exact(count)?;
        placed.names.try_reserve_exact(count)?;
        placed.checksums.try_reserve_exact(count)?;
        placed.kept.try_reserve_exact(count)?;
        placed.stays.try_reserve_exact(before.chunks.len())?;
        placed.stays.resize(before.chunks.len(), false);
        let mut names = Names::of(&before.names);
        let (mut at, mut ips) = (self.chunks_at, 0_usize);
        for (index, listed) in self.listed().enumerate() {
            let held = names.find(&listed.name).and_then(|place| Some((before.chunks.get(place)?, place)));
            let is_same = |place: usize| before.checksums.get(place) == Some(&listed.checksum);
            let held = held.filter(|(chunk, place)| listed.describes(chunk) && is_same(*place));
            if let Some(stays) = held.and_then(|(_, place)| placed.stays.get_mut(place)) {
                *stays = true;
            }
            placed.names.push(listed.name);
            placed.checksums.push(listed.checksum);
            placed.chunks.push(match held {
                Some((chunk, _)) => Chunk::clone(chunk),
                None => listed.read(source, at).map_err(|error| error.within(&format!("chunks[{index}]")))?,
            });
            placed.kept.push(held.is_some());
            at = at.saturating_add(listed.len);
            // At once, not when all is read: reading lists is what takes long.
            ips = ips.saturating_add(placed.chunks.last().map_or(0, Chunk::ips));
            if ips > MAX_TOKEN_IPS {
                let problem = format!("{MAX_TOKEN_IPS} entries in all allowed_ips together are possible");
                return Err(ConfigError::new("tokens", problem).into());
            }
        }
        if at != source.size() {
            return Err(ConfigError::new("", "the chunks' lengths and the whole length differ").into());
        }
        Ok(placed)
    }
}

/// Every chunk of a configuration in its place.
#[derive(Default)]
struct Placed {
    chunks: Vec<Chunk>,
    names: Vec<ChunkName>,
    checksums: Vec<u32>,
    /// For each, whether it was held.
    kept: Vec<bool>,
    /// For each of those that were held, whether it has a place.
    stays: Vec<bool>,
}

/// Finds chunks that are held by their names. Nearly always the next one is the next one here, too.
struct Names<'b> {
    held: &'b [ChunkName],
    next: usize,
    misses: usize,
    /// Made when so many were not the next one that it pays.
    all: HashMap<&'b [u8], u32>,
}

impl<'b> Names<'b> {
    /// As many names are looked for one by one; making the map costs about as much.
    const FEW: usize = 32;

    fn of(held: &'b [ChunkName]) -> Self {
        Self { held, next: 0, misses: 0, all: HashMap::new() }
    }

    fn find(&mut self, name: &ChunkName) -> Option<usize> {
        let place = if self.held.get(self.next) == Some(name) {
            Some(self.next)
        } else if self.misses < Self::FEW {
            self.misses = self.misses.saturating_add(1);
            self.held.iter().position(|held| held == name)
        } else {
            if self.all.is_empty() {
                let names = self.held.iter().map(ChunkName::as_slice);
                self.all = names.zip(0..).collect();
            }
            self.all.get(name.as_slice()).map(|place| *place as usize)
        };
        if let Some(place) = place {
            self.next = place.saturating_add(1);
        } else {
            // Most often one has changed: the one behind it is next.
            self.next = self.next.saturating_add(1);
        }
        place
    }
}

impl Listed {
    fn describes(&self, chunk: &Chunk) -> bool {
        self.len == chunk.bytes().len() && self.tokens == chunk.len()
    }

    fn read(&self, source: &(impl Source + ?Sized), at: usize) -> Result<Chunk, LoadError> {
        if at.saturating_add(self.len) > source.size() {
            return Err(ConfigError::new("", "lies beyond the configuration's end").into());
        }
        let bytes = source.read(at, self.len)?;
        if Checksum::of(&bytes) != self.checksum {
            return Err(ConfigError::new("", "its checksum is wrong").into());
        }
        let chunk = Chunk::parse(shared(&bytes)?)
            .map_err(|invalid| ConfigError::new(invalid.field, invalid.problem))?;
        if !self.describes(&chunk) {
            return Err(ConfigError::new("", "its number of tokens is not the listed one").into());
        }
        Ok(chunk)
    }
}

/// The same bytes, to be shared. The allocation would trap where there is no memory: it is tried out before.
fn shared(bytes: &[u8]) -> Result<Arc<[u8]>, LoadError> {
    /// What stands before shared bytes: two counts.
    const COUNTS: usize = 2 * size_of::<usize>();
    Vec::<usize>::new().try_reserve_exact(bytes.len().saturating_add(COUNTS).div_ceil(size_of::<usize>()))?;
    Ok(bytes.into())
}

/// Refuses a scope that does not exist. Chunks that were held are looked at only if the scopes have changed.
fn check_scopes(chunks: &[Chunk], kept: &[bool], scopes: &[&str], before: &Held) -> Result<(), ConfigError> {
    let unchanged = before.scopes == scopes;
    for (index, (chunk, kept)) in chunks.iter().zip(kept).enumerate() {
        if unchanged && *kept {
            continue;
        }
        if let Some(unknown) = chunk.scopes().find(|name| scopes.binary_search(name).is_err()) {
            let problem = format_args!("there is no scope {unknown:?} in scopes");
            return Err(ConfigError::new(format!("chunks[{index}].attributes"), problem));
        }
    }
    Ok(())
}

/// Refuses an id that stands twice. Costs what has changed, as long as the set has room.
fn check_ids(table: &Table, before: Held, kept: &[bool], stays: &[bool]) -> Result<IdSet, LoadError> {
    let placed = || table.chunks().iter().zip(kept);
    let added: usize = placed().filter(|(_, kept)| !**kept).map(|(chunk, _)| chunk.len()).sum();
    let reusable = before.ids.filter(|ids| ids.has_room_for(added));
    let all = reusable.is_none();
    let mut ids = match reusable {
        Some(mut ids) => {
            let gone = before.chunks.iter().zip(stays).filter(|(_, stays)| !**stays);
            gone.flat_map(|(chunk, _)| chunk.ids()).for_each(|id| ids.remove(id));
            ids
        }
        None => IdSet::with_room(table.len())?,
    };
    for (chunk, _) in placed().filter(|(_, kept)| all || !**kept) {
        for id in chunk.ids() {
            if ids.insert(id) && stands_twice(table, id) {
                return Err(ConfigError::new("tokens", format_args!("the id {id} stands here twice")).into());
            }
        }
    }
    Ok(ids)
}

/// Refuses an id that stands twice in a table that shares nothing with one before.
///
/// # Errors
/// The id, or a lack of memory.
pub fn check_all_ids(table: &Table) -> Result<(), LoadError> {
    check_ids(table, Held::default(), &vec![false; table.chunks().len()], &[]).map(drop)
}

fn stands_twice(table: &Table, id: &str) -> bool {
    table.chunks().iter().flat_map(Chunk::ids).filter(|other| *other == id).nth(1).is_some()
}

/// The JSON within a compact configuration that has been parsed before.
pub(super) fn json_of(bytes: &[u8]) -> Vec<u8> {
    Manifest::read(bytes).map(|manifest| manifest.json).unwrap_or_default()
}
