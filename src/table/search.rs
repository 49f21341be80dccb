//! Search in a sorted list whose keys are spread evenly, as digests are: a guess, then steps that double away from it,
//! then halves. Keys that are not spread evenly cost at most twice a binary search.

/// First step away from a guess. Of 512 even keys the right place is about 11 from the guessed one (the spread of an
/// order statistic, half the square root of their number).
const FIRST_STEP: usize = 8;

/// About where `key` would stand among `count` keys spread evenly from `low` to `high`.
pub(super) fn guess(key: u64, low: u64, high: u64, count: usize) -> usize {
    let span = high.saturating_sub(low);
    let offset = key.saturating_sub(low).min(span);
    // 32 bits of each are enough for a guess, and their product does not overflow.
    let shift = u64::BITS.saturating_sub(span.leading_zeros()).saturating_sub(u32::BITS);
    let (offset, span) = (offset >> shift, (span >> shift).max(1));
    let at = offset.saturating_mul(count as u64).checked_div(span).unwrap_or(0);
    usize::try_from(at).unwrap_or(usize::MAX).min(count.saturating_sub(1))
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

    proptest! {
        #[test]
        fn it_finds_what_a_plain_search_finds_whatever_the_guess(
            mut keys in proptest::collection::vec(any::<u64>(), 0..600),
            key: u64,
            guessed in 0usize..700,
        ) {
            keys.sort_unstable();
            let expected = keys.partition_point(|k| *k < key);
            prop_assert_eq!(partition_point(keys.len(), guessed, |at| keys[at] < key), expected);
            if let (Some(low), Some(high)) = (keys.first(), keys.last()) {
                let guess = guess(key, *low, *high, keys.len());
                prop_assert!(guess < keys.len());
                prop_assert_eq!(partition_point(keys.len(), guess, |at| keys[at] < key), expected);
            }
        }
    }

    #[test]
    fn even_keys_are_found_in_a_few_steps() {
        let keys: Vec<u64> = (0..512u64).map(|n| n * (u64::MAX / 512)).collect();
        for key in &keys {
            let asked = std::cell::Cell::new(0);
            let before = |at: usize| {
                asked.set(asked.get() + 1);
                keys[at] < *key
            };
            partition_point(keys.len(), guess(*key, 0, u64::MAX, keys.len()), before);
            assert!(asked.get() <= 6, "{} steps", asked.get());
        }
    }
}
