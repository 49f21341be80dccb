//! Which parts of something that is cut have to be cut anew.

use std::ops::{Range, RangeInclusive};

use crate::table::cut::KEY_BITS;

/// Where the parts of something that is cut begin.
pub(super) struct Spans {
    /// The first key of each part.
    firsts: Vec<u64>,
    /// How many items come before each part, and at the end how many there are.
    before: Vec<usize>,
}

/// What has to be cut anew: the items whose keys begin with certain bits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) keys: RangeInclusive<u64>,
    pub(super) bits: u32,
    pub(super) parts: Range<usize>,
}

impl FromIterator<(u64, usize)> for Spans {
    fn from_iter<I: IntoIterator<Item = (u64, usize)>>(parts: I) -> Self {
        let (mut firsts, mut before, mut sum) = (Vec::new(), vec![0], 0_usize);
        for (first, count) in parts {
            sum = sum.saturating_add(count);
            firsts.push(first);
            before.push(sum);
        }
        Self { firsts, before }
    }
}

impl Spans {
    /// What has to be cut anew after these changes of numbers of items at keys.
    pub(super) fn regions(&self, mut deltas: Vec<(u64, i64)>, most: usize) -> Vec<Region> {
        deltas.sort_unstable();
        let (keys, changes): (Vec<u64>, Vec<i64>) = deltas.into_iter().unzip();
        let mut sums = vec![0_i64];
        sums.extend(changes.iter().scan(0_i64, |sum, change| {
            *sum = sum.saturating_add(*change);
            Some(*sum)
        }));
        let change = |region: &Region| {
            let Range { start, end } = among(&keys, &region.keys, |key| *key);
            sums.get(end).copied().unwrap_or(0).saturating_sub(sums.get(start).copied().unwrap_or(0))
        };
        let mut regions: Vec<Region> = Vec::new();
        for key in &keys {
            if regions.last().is_none_or(|last| !last.keys.contains(key)) {
                regions.push(self.region(*key, change, most));
            }
        }
        regions
    }

    /// The smallest number of leading bits by which so few keys are like this one that they are one part, before the change
    /// or after it.
    fn region(&self, key: u64, change: impl Fn(&Region) -> i64, most: usize) -> Region {
        let mut region = self.alike(key, 0);
        for bits in 1..=KEY_BITS {
            let count = |at: usize| self.before.get(at).copied().unwrap_or(0);
            let before = count(region.parts.end).saturating_sub(count(region.parts.start));
            let after = i64::try_from(before).unwrap_or(i64::MAX).saturating_add(change(&region));
            if before <= most || usize::try_from(after).unwrap_or(0) <= most {
                break;
            }
            region = self.alike(key, bits);
        }
        region
    }

    /// The keys that have their first bits in common with this one.
    fn alike(&self, key: u64, bits: u32) -> Region {
        let below = u64::MAX.checked_shr(bits).unwrap_or(0);
        let keys = key & !below..=key | below;
        let parts = among(&self.firsts, &keys, |first| *first);
        Region { keys, bits, parts }
    }
}

/// Where the items are, in a list that rises by their keys, whose keys these are.
pub(super) fn among<T>(items: &[T], keys: &RangeInclusive<u64>, key: impl Fn(&T) -> u64) -> Range<usize> {
    items.partition_point(|item| key(item) < *keys.start())
        ..items.partition_point(|item| key(item) <= *keys.end())
}
