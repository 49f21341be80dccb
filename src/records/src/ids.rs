//! Whether ids stand once, without looking for any of them.
//!
//! A list of numbers that rise has none twice. If the numbers of all ids are those of such a list, no id stands twice.
//! Whether they are is told by two polynomials, one for each side, whose roots are its numbers: they are compared where
//! nobody could know that they would be, at a point that is drawn at random. Two sides that differ have the same value
//! there in fewer than one case of 2^41, for a million numbers, whoever chose them: polynomials of that degree agree at no
//! more points (the lemma of Schwartz and Zippel). So ids are gone through in the order in which they lie, where a set of
//! them would be a miss of every cache for each.

use twox_hash::XxHash64;

use crate::record::{Place, Record};

/// Numbers are counted modulo this prime, 2^61 - 1.
const PRIME: u64 = (1 << 61) - 1;

/// The number of an id: XXH64 of its bytes with seed 0, modulo 2^61 - 1.
#[inline(always)]
pub fn number_of(id: &[u8]) -> u64 {
    let number = folded(XxHash64::oneshot(0, id));
    if number >= PRIME { number.wrapping_sub(PRIME) } else { number }
}

/// Where the polynomials are compared.
#[derive(Clone, Copy, Debug)]
pub struct Point(u64);

/// What a side's polynomial is there. That of two sides together is the product of both.
#[derive(Clone, Copy, Debug)]
pub struct Product(u64);

impl Point {
    /// The point that a number gives which nobody can guess.
    pub fn drawn(random: u64) -> Self {
        Self(folded(random))
    }

    /// The product of the ids of all records of an index.
    pub fn of_records(self, index: &[Place], body: &[u8]) -> Product {
        index.iter().fold(Product::default(), |product, place| {
            let id = Record::at(body, place).map_or(&[][..], |record| record.id);
            // Not yet below the prime, which the product does not mind.
            product.times(self.minus(folded(XxHash64::oneshot(0, id))))
        })
    }

    /// The product of a list of numbers, little-endian, each above the one before and below 2^61 - 1; `None` if they
    /// are not.
    pub fn of_rising(self, numbers: &[[u8; 8]]) -> Option<Product> {
        let (mut product, mut next) = (Product::default(), 0_u64);
        for number in numbers {
            let number = u64::from_le_bytes(*number);
            if number < next {
                return None;
            }
            next = number.saturating_add(1);
            product = product.times(self.minus(number));
        }
        (next <= PRIME).then_some(product)
    }

    /// The difference from a number of at most 2^61 + 7.
    #[inline(always)]
    fn minus(self, number: u64) -> u64 {
        folded(self.0.wrapping_add(2 * PRIME).wrapping_sub(number))
    }
}

impl Default for Product {
    /// Of no number.
    fn default() -> Self {
        Self(1)
    }
}

impl PartialEq for Product {
    fn eq(&self, other: &Self) -> bool {
        self.0 % PRIME == other.0 % PRIME
    }
}

impl Product {
    /// That of both sides' numbers together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.times(other.0)
    }

    /// Both factors are at most 2^61 + 7. WebAssembly multiplies 64 bits by 64 to 64, so halves of 32 are multiplied.
    #[inline(always)]
    fn times(self, other: u64) -> Self {
        const HALF: u64 = u32::MAX as u64;
        let ((high, low), (other_high, other_low)) =
            ((self.0 >> 32, self.0 & HALF), (other >> 32, other & HALF));
        let middle = high.wrapping_mul(other_low).wrapping_add(low.wrapping_mul(other_high));
        // 2^64 is 8, and 2^32 times what lies from bit 29 on is that itself.
        let sum = high.wrapping_mul(other_high).wrapping_mul(8);
        let sum = sum.wrapping_add(middle >> 29).wrapping_add((middle & ((1 << 29) - 1)) << 32);
        Self(folded(sum.wrapping_add(folded(low.wrapping_mul(other_low)))))
    }
}

/// The same number modulo 2^61 - 1: below 2^61 + 7.
#[inline(always)]
fn folded(number: u64) -> u64 {
    (number & PRIME).wrapping_add(number >> 61)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Records with these ids and nothing else.
    fn records(ids: &[String]) -> (Vec<Place>, Vec<u8>) {
        let (mut index, mut body) = (Vec::new(), Vec::new());
        for id in ids {
            let [a, b, c, d] = u32::try_from(body.len()).unwrap().to_le_bytes();
            index.push([0, 0, 0, 0, a, b, c, d]);
            body.extend_from_slice(&[0; 35]);
            body.push(u8::try_from(id.len()).unwrap());
            body.extend_from_slice(&[0; 6]);
            body.extend_from_slice(id.as_bytes());
        }
        (index, body)
    }

    fn bytes(numbers: &[u64]) -> Vec<[u8; 8]> {
        numbers.iter().map(|number| number.to_le_bytes()).collect()
    }

    proptest! {
        #[test]
        fn products_are_the_same_if_and_only_if_ids_stand_once_and_are_the_list(
            ids in proptest::collection::vec("[a-d]{1,3}", 0..30),
            other in "[a-d]{1,3}",
            random: u64,
        ) {
            let point = Point::drawn(random);
            let (index, body) = records(&ids);
            let list: BTreeSet<u64> = ids.iter().map(|id| number_of(id.as_bytes())).collect();
            let bytes = |list: &BTreeSet<u64>| bytes(&list.iter().copied().collect::<Vec<_>>());
            let found = point.of_records(&index, &body);
            prop_assert_eq!(point.of_rising(&bytes(&list)) == Some(found), list.len() == ids.len());
            let mut another = list.clone();
            if another.insert(number_of(other.as_bytes())) {
                another.pop_first();
                prop_assert_eq!(point.of_rising(&bytes(&another)) == Some(found), another == list && list.len() == ids.len());
            }
            let mut falling = bytes(&list);
            falling.reverse();
            prop_assert_eq!(point.of_rising(&falling).is_none(), list.len() > 1);
        }

        #[test]
        fn it_multiplies_modulo_the_prime(
            one in prop_oneof![any::<u64>(), PRIME - 9..PRIME + 9, Just(u64::MAX), 0..9_u64],
            other in prop_oneof![any::<u64>(), PRIME - 9..PRIME + 9, Just(u64::MAX), 0..9_u64],
            random in prop_oneof![any::<u64>(), PRIME - 9..PRIME + 9, Just(u64::MAX)],
        ) {
            let exact = |product: u128| Product(product.checked_rem(u128::from(PRIME)).unwrap() as u64);
            let product = Product(folded(one)).times(folded(other));
            prop_assert!(product.0 <= (1 << 61) + 7, "{}", product.0);
            prop_assert_eq!(product, exact(u128::from(one).wrapping_mul(u128::from(other))));
            let minus = Point::drawn(random).minus(folded(one));
            prop_assert!(minus <= (1 << 61) + 7, "{}", minus);
            let below = |number: u64| u128::from(number % PRIME);
            prop_assert_eq!(Product(minus), exact(below(random).wrapping_add(u128::from(PRIME)).wrapping_sub(below(one))));
        }
    }

    #[test]
    fn a_number_that_stands_twice_does_not_rise_and_none_is_the_prime() {
        let point = Point::drawn(1);
        assert_eq!(point.of_rising(&[[7; 8], [7; 8]]), None);
        assert_eq!(point.of_rising(&bytes(&[0, 0])), None);
        assert!(point.of_rising(&bytes(&[0, PRIME - 1])).is_some());
        assert_eq!(point.of_rising(&bytes(&[0, PRIME])), None, "it would be 0 a second time");
        assert_eq!(point.of_rising(&bytes(&[u64::MAX])), None);
        assert_eq!(number_of(b"123456789"), 0x8cb8_41db_40e6_ae83 % PRIME, "XXH64 of the usual check value");
    }

    /// The sum of keyed numbers that stood here once was the same for these in one case of some hundred thousand.
    #[test]
    fn numbers_that_were_chosen_to_be_alike_are_told_apart() {
        for random in 0..100_000_u64 {
            let point = Point::drawn(random.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            for x in [0, 3 << 60, 0x0123_4567_89ab_cdef] {
                let twice = point.minus(folded(x));
                let twice = Product(twice).times(twice);
                let others = [x ^ 4 << 57, x ^ 12 << 57].map(|number| point.minus(folded(number)));
                assert_ne!(twice, Product(others[0]).times(others[1]), "{random} {x}");
            }
        }
    }
}
