//! Ids that have been seen, to refuse one that stands twice among a million without keeping them all a second time.

use std::collections::TryReserveError;
use std::hash::{BuildHasher as _, RandomState};

const FREE: u32 = 0;
const REMOVED: u32 = 1;

/// Fingerprints, one for each id that was added: 4 bytes an id at a load of at most two thirds. It can take two ids for one, so whoever is told
/// "perhaps" looks at the ids themselves; that happens to about one in a thousand sets of a million ids.
#[derive(Debug)]
pub struct IdSet {
    slots: Vec<u32>,
    used: usize,
    /// Keyed, so that nobody can choose ids that all fall into one place.
    hash: RandomState,
}

impl IdSet {
    /// An empty set with room for `ids`.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn with_room(ids: usize) -> Result<Self, TryReserveError> {
        let room = ids.saturating_add(ids / 2).saturating_add(16);
        let mut slots = Vec::new();
        slots.try_reserve_exact(room)?;
        slots.resize(room, FREE);
        Ok(Self { slots, used: 0, hash: RandomState::new() })
    }

    /// Whether so many more ids fit in before it becomes slow.
    pub fn has_room_for(&self, more: usize) -> bool {
        let most = self.slots.len().saturating_sub(self.slots.len() / 8);
        self.used.saturating_add(more) < most
    }

    /// Adds an id; true if it, or one that looks alike, was there before.
    pub fn insert(&mut self, id: &str) -> bool {
        let (start, fingerprint) = self.place(id);
        let (mut at, mut seen) = (start, false);
        while let Some(slot) = self.slots.get_mut(at) {
            if *slot == FREE {
                *slot = fingerprint;
                self.used = self.used.saturating_add(1);
                return seen;
            }
            seen |= *slot == fingerprint;
            at = self.next(at);
            if at == start {
                break;
            }
        }
        true
    }

    /// Takes an id out.
    pub fn remove(&mut self, id: &str) {
        let (start, fingerprint) = self.place(id);
        let mut at = start;
        while let Some(slot) = self.slots.get_mut(at) {
            if *slot == FREE {
                return;
            }
            if *slot == fingerprint {
                // Not free: others may lie behind it. Removed places count as used until the set is made anew.
                *slot = REMOVED;
                return;
            }
            at = self.next(at);
            if at == start {
                return;
            }
        }
    }

    /// Bytes that the set occupies.
    pub fn bytes(&self) -> usize {
        std::mem::size_of_val(self.slots.as_slice())
    }

    /// Where an id is looked for first, and what stands for it there: two halves of one hash.
    fn place(&self, id: &str) -> (usize, u32) {
        let hash = self.hash.hash_one(id);
        let (high, low) = ((hash >> 32) as u32, hash as u32);
        let at = u64::from(low).saturating_mul(self.slots.len() as u64) >> 32;
        (at as usize, high.max(REMOVED.saturating_add(1)))
    }

    fn next(&self, at: usize) -> usize {
        let next = at.saturating_add(1);
        if next < self.slots.len() { next } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn it_says_what_a_plain_count_says(steps in proptest::collection::vec((any::<bool>(), 0u8..40), 0..60)) {
            let mut set = IdSet::with_room(steps.len()).unwrap();
            let mut plain: HashMap<String, usize> = HashMap::new();
            for (insert, id) in steps {
                let id = format!("id-{id}");
                let copies = plain.entry(id.clone()).or_default();
                if insert {
                    // Two of 40 ids look alike in one of 10^7 sets.
                    prop_assert_eq!(set.insert(&id), *copies > 0);
                    *copies += 1;
                } else {
                    set.remove(&id);
                    *copies = copies.saturating_sub(1);
                }
            }
        }
    }

    #[test]
    fn a_full_set_says_perhaps_instead_of_searching_for_ever() {
        let mut set = IdSet::with_room(0).unwrap();
        let told: Vec<bool> = (0..100).map(|n| set.insert(&n.to_string())).collect();
        assert!(told.starts_with(&[false; 10]) && told.ends_with(&[true; 10]));
        assert!(!set.has_room_for(1));
        set.remove("absent");
    }
}
