//! Compact encoding → table, reading no chunk that is held already.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{FORMAT, HEAD, LISTED, MAGIC};
use crate::config::ConfigError;
use crate::policy::{LoadError, MAX_BYTES, MAX_TOKEN_IPS, MAX_TOKENS};
use crate::source::Source;
use crate::table::{Chunk, ChunkName, IdSet, Slot, Table};

/// What a VM holds of the configurations before: the chunks that are enforced, and the ids in them.
#[derive(Debug, Default)]
pub struct Held {
    slots: Arc<[Slot]>,
    ids: Option<IdSet>,
    /// The scopes that there were.
    scopes: Vec<String>,
}

impl Held {
    /// Bytes that are held beside the table itself.
    pub fn bytes(&self) -> usize {
        self.ids.as_ref().map_or(0, IdSet::bytes)
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
        if tokens > MAX_TOKENS || count > tokens {
            let problem = format!("at most {MAX_TOKENS} tokens are possible, and no chunk is empty");
            return Err(ConfigError::new("tokens", problem).into());
        }
        let list_len = count.saturating_mul(LISTED);
        let chunks_at = HEAD.saturating_add(json_len).saturating_add(list_len);
        if chunks_at > source.size() {
            return Err(damaged("the configuration ends before its list of chunks does"));
        }
        let mut json = source.read(HEAD, json_len.saturating_add(list_len))?;
        let mut found = crc32fast::Hasher::new();
        found.update(head.get(..HEAD.saturating_sub(4)).unwrap_or_default());
        found.update(&json);
        if found.finalize() as usize != checksum {
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
        let (slots, kept) = self.read_chunks(source, &before.slots)?;
        check_scopes(&slots, &kept, scopes, &before)?;
        let table = Table::new(slots).map_err(|out_of_order| {
            let field = format!("chunks[{}]", out_of_order.chunk);
            ConfigError::new(field, "the digests of a chunk lie behind all those of the chunk before it")
        })?;
        let ips: usize = table.slots().iter().map(|slot| slot.chunk().ips()).sum();
        if table.len() != self.tokens || ips > MAX_TOKEN_IPS {
            let problem = format!(
                "the head counts {} tokens, and {MAX_TOKEN_IPS} entries in all allowed_ips are possible",
                self.tokens
            );
            return Err(ConfigError::new("tokens", problem).into());
        }
        let ids = check_ids(&table, before, &kept)?;
        let scopes = scopes.iter().map(|name| (*name).to_owned()).collect();
        *held = Held { slots: Arc::clone(table.slots()), ids: Some(ids), scopes };
        Ok(table)
    }

    /// Every chunk in its place, and for each whether it was held.
    fn read_chunks(
        &self,
        source: &(impl Source + ?Sized),
        before: &[Slot],
    ) -> Result<(Vec<Slot>, Vec<bool>), LoadError> {
        let known: HashMap<&ChunkName, &Slot> =
            before.iter().filter_map(|slot| Some((slot.name()?, slot))).collect();
        let count = self.list.len() / LISTED;
        let (mut slots, mut kept) = (Vec::new(), Vec::new());
        slots.try_reserve_exact(count)?;
        kept.try_reserve_exact(count)?;
        let mut at = self.chunks_at;
        for (index, listed) in self.listed().enumerate() {
            let held = known.get(&listed.name).filter(|slot| listed.describes(slot.chunk()));
            slots.push(match held {
                Some(slot) => Slot::clone(slot),
                None => listed.read(source, at).map_err(|error| error.within(&format!("chunks[{index}]")))?,
            });
            kept.push(held.is_some());
            at = at.saturating_add(listed.len);
        }
        if at != source.size() {
            return Err(ConfigError::new("", "the chunks' lengths and the whole length differ").into());
        }
        Ok((slots, kept))
    }
}

impl Listed {
    fn describes(&self, chunk: &Chunk) -> bool {
        self.len == chunk.bytes().len() && self.tokens == chunk.len()
    }

    fn read(&self, source: &(impl Source + ?Sized), at: usize) -> Result<Slot, LoadError> {
        if at.saturating_add(self.len) > source.size() {
            return Err(ConfigError::new("", "lies beyond the configuration's end").into());
        }
        let bytes = source.read(at, self.len)?;
        if crc32fast::hash(&bytes) != self.checksum {
            return Err(ConfigError::new("", "its checksum is wrong").into());
        }
        let chunk =
            Chunk::parse(bytes).map_err(|invalid| ConfigError::new(invalid.field, invalid.problem))?;
        if !self.describes(&chunk) {
            return Err(ConfigError::new("", "its number of tokens is not the listed one").into());
        }
        Ok(Slot::new(Some(self.name), Arc::new(chunk)))
    }
}

/// Refuses a scope that does not exist. Chunks that were held are looked at only if the scopes have changed.
fn check_scopes(slots: &[Slot], kept: &[bool], scopes: &[&str], before: &Held) -> Result<(), ConfigError> {
    let unchanged = before.scopes == scopes;
    for (index, (slot, kept)) in slots.iter().zip(kept).enumerate() {
        if unchanged && *kept {
            continue;
        }
        if let Some(unknown) = slot.chunk().scopes().find(|name| scopes.binary_search(name).is_err()) {
            let problem = format_args!("there is no scope {unknown:?} in scopes");
            return Err(ConfigError::new(format!("chunks[{index}].attributes"), problem));
        }
    }
    Ok(())
}

/// Refuses an id that stands twice. Costs what has changed, as long as the set has room.
fn check_ids(table: &Table, before: Held, kept: &[bool]) -> Result<IdSet, LoadError> {
    let placed = || table.slots().iter().zip(kept);
    let added: usize = placed().filter(|(_, kept)| !**kept).map(|(slot, _)| slot.chunk().len()).sum();
    let reusable = before.ids.filter(|ids| ids.has_room_for(added));
    let all = reusable.is_none();
    let mut ids = match reusable {
        Some(mut ids) => {
            let stays: HashSet<_> =
                placed().filter(|(_, kept)| **kept).map(|(slot, _)| Arc::as_ptr(slot.chunk())).collect();
            let gone = before.slots.iter().filter(|slot| !stays.contains(&Arc::as_ptr(slot.chunk())));
            gone.flat_map(|slot| slot.chunk().ids()).for_each(|id| ids.remove(id));
            ids
        }
        None => IdSet::with_room(table.len())?,
    };
    for (slot, _) in placed().filter(|(_, kept)| all || !**kept) {
        for id in slot.chunk().ids() {
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
    check_ids(table, Held::default(), &vec![false; table.slots().len()]).map(drop)
}

fn stands_twice(table: &Table, id: &str) -> bool {
    table.slots().iter().flat_map(|slot| slot.chunk().ids()).filter(|other| *other == id).nth(1).is_some()
}

/// The JSON within a compact configuration that has been parsed before.
pub(super) fn json_of(bytes: &[u8]) -> Vec<u8> {
    Manifest::read(bytes).map(|manifest| manifest.json).unwrap_or_default()
}
