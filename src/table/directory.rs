//! From the first bits of a digest to the chunks that begin with them.

/// At most 65,536 beginnings: 256 KiB. A million tokens need 8,192.
const MAX_BITS: u32 = 16;

/// How many of some rising numbers come before each beginning of a number: its first few bits.
#[derive(Debug)]
pub(super) struct Directory {
    /// By beginning, and at the end how many there are.
    before: Box<[u32]>,
    bits: u32,
}

impl Default for Directory {
    fn default() -> Self {
        Self::of(std::iter::empty(), 0)
    }
}

impl Directory {
    /// The directory of `count` numbers, which rise.
    pub(super) fn of(numbers: impl Iterator<Item = u32>, count: usize) -> Self {
        let bits = bits(count);
        let beginnings = beginnings(bits);
        let mut before = Vec::with_capacity(beginnings.saturating_add(1));
        let mut seen = 0_u32;
        for number in numbers {
            let through = beginning(number, bits).saturating_add(1);
            before.resize(through.max(before.len()), seen);
            seen = seen.saturating_add(1);
        }
        before.resize(beginnings.saturating_add(1), seen);
        Self { before: before.into_boxed_slice(), bits }
    }

    /// Bytes that the directory of `count` numbers occupies.
    pub(super) fn size(count: usize) -> usize {
        beginnings(bits(count)).saturating_add(1).saturating_mul(size_of::<u32>())
    }

    /// How many numbers come before all that begin as this one, and how many when those are counted in.
    pub(super) fn range(&self, number: u32) -> (usize, usize) {
        let at = beginning(number, self.bits);
        let count = |at: usize| self.before.get(at).map_or(0, |count| *count as usize);
        (count(at), count(at.saturating_add(1)))
    }

    /// Bytes that it occupies.
    pub(super) fn bytes(&self) -> usize {
        std::mem::size_of_val(&*self.before)
    }
}

/// How many bits a beginning has: twice as many beginnings as numbers, so that most have none or one.
fn bits(count: usize) -> u32 {
    usize::BITS.saturating_sub(count.leading_zeros()).saturating_add(1).min(MAX_BITS)
}

fn beginnings(bits: u32) -> usize {
    1_usize.checked_shl(bits).unwrap_or(1)
}

/// The first bits, as a number.
fn beginning(number: u32, bits: u32) -> usize {
    number.checked_shr(u32::BITS.saturating_sub(bits)).unwrap_or(0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_says_what_counting_says(
            mut numbers in proptest::collection::vec(prop_oneof![any::<u32>(), 0u32..9, (0u32..9).prop_map(|n| n << 28)], 0..300),
            asked in prop_oneof![any::<u32>(), 0u32..9],
        ) {
            numbers.sort_unstable();
            let directory = Directory::of(numbers.iter().copied(), numbers.len());
            for number in numbers.iter().chain([&asked]) {
                let bits = directory.bits;
                let before = numbers.iter().filter(|n| beginning(**n, bits) < beginning(*number, bits)).count();
                let upto = numbers.iter().filter(|n| beginning(**n, bits) <= beginning(*number, bits)).count();
                prop_assert_eq!(directory.range(*number), (before, upto));
            }
        }
    }
}
