//! Search in a sorted list whose keys are spread evenly, as digests are: a guess, a better guess, then steps that double
//! away from it, then halves. Keys that are not spread evenly cost at most twice a binary search.

/// First step away from a guess.
const FIRST_STEP: usize = 2;

/// About where `key` stands among `count` keys spread evenly between two. Of 512 keys the place that is computed from
/// the ends alone is some ten away (the spread of an order statistic, half the square root of their number); the key
/// that stands there then tells how far, to within a few.
pub(super) fn guess(key: u32, (low, high): (u32, u32), count: usize, key_at: impl Fn(usize) -> u32) -> usize {
    let last = count.saturating_sub(1);
    let span = u64::from(high.saturating_sub(low)).max(1);
    // A key's worth of places; neither product overflows, since a chunk has fewer than 2^16 keys of 32 bits.
    let places = |keys: u32| {
        let places = u64::from(keys).wrapping_mul(count as u64).checked_div(span).unwrap_or(0);
        usize::try_from(places).unwrap_or(usize::MAX)
    };
    let near = places(key.saturating_sub(low)).min(last);
    let found = key_at(near);
    if found < key {
        near.saturating_add(places(key.saturating_sub(found))).min(last)
    } else {
        near.saturating_sub(places(found.saturating_sub(key)))
    }
}

/// How many of the first items are `before`, in a list of `count` items that has all such items first.
pub(super) fn partition_point(count: usize, guess: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    let mut step = FIRST_STEP;
    if guess < count && before(guess) {
        low = guess.saturating_add(1);
        loop {
            let probe = low.saturating_add(step);
            if probe >= high {
                break;
            }
            if !before(probe) {
                high = probe;
                break;
            }
            low = probe.saturating_add(1);
            step = step.saturating_mul(2);
        }
    } else {
        high = guess.min(count);
        while let Some(probe) = high.checked_sub(step) {
            if before(probe) {
                low = probe.saturating_add(1);
                break;
            }
            high = probe;
            step = step.saturating_mul(2);
        }
    }
    while low < high {
        let middle = low.midpoint(high);
        if before(middle) { low = middle.saturating_add(1) } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};
    use std::cell::Cell;

    proptest! {
        #[test]
        fn it_finds_what_a_plain_search_finds_whatever_the_guess(
            mut keys in proptest::collection::vec(prop_oneof![any::<u32>(), 0u32..99], 0..600),
            key in prop_oneof![any::<u32>(), 0u32..99],
            guessed in 0usize..700,
        ) {
            keys.sort_unstable();
            let expected = keys.partition_point(|k| *k < key);
            prop_assert_eq!(partition_point(keys.len(), guessed, |at| keys[at] < key), expected);
            if let (Some(low), Some(high)) = (keys.first(), keys.last()) {
                let guess = guess(key, (*low, *high), keys.len(), |at| keys[at]);
                prop_assert!(guess < keys.len());
                prop_assert_eq!(partition_point(keys.len(), guess, |at| keys[at] < key), expected);
            }
        }
    }

    #[test]
    fn keys_of_hashes_are_found_in_a_few_steps() {
        let hash = |n: u32| u32::from_be_bytes(*Sha256::digest(n.to_be_bytes()).first_chunk().unwrap());
        let mut keys: Vec<u32> = (0..512).map(hash).collect();
        keys.sort_unstable();
        let (low, high) = (keys[0], keys[511]);
        let asked = Cell::new(0);
        let key_at = |at: usize| {
            asked.set(asked.get() + 1);
            keys[at]
        };
        for key in &keys {
            let guess = guess(*key, (low, high), keys.len(), key_at);
            partition_point(keys.len(), guess, |at| key_at(at) < *key);
        }
        assert!(asked.get() < 512 * 6, "{} steps for 512 keys", asked.get());
    }
}
