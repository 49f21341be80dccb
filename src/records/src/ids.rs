//! Whether ids stand once, without looking for any of them.
//!
//! A list of numbers that rise has none twice. If the numbers of all ids are those of such a list, no id stands twice.
//! Whether they are is told by a sum over each side, of what a keyed function makes of the numbers: two sides that
//! differ by mistake have the same sum in about one case of 2^64. So ids are gone through in the order in which they lie,
//! where a set of them would be a miss of every cache for each.
//!
//! The function is quick and no more: whoever writes configurations can look for sides that differ and have one sum under
//! one key in some hundred thousand, and so bring an id in twice. The same writer could as well give a token to anybody.

use twox_hash::XxHash64;

use crate::record::{Place, Record};

/// The number of an id: XXH64 of its bytes with seed 0.
#[inline(always)]
pub fn number_of(id: &[u8]) -> u64 {
    XxHash64::oneshot(0, id)
}

/// Sums by one key.
#[derive(Clone, Copy, Debug)]
pub struct Sums {
    key: (u64, u64),
}

impl Sums {
    /// Sums by two numbers that nobody can guess.
    pub fn by(one: u64, other: u64) -> Self {
        Self { key: (one, other | 1) }
    }

    /// The sum of the ids of all records of an index.
    pub fn of_records(self, index: &[Place], body: &[u8]) -> u64 {
        index.iter().fold(0, |sum, place| {
            let id = Record::at(body, place).map_or(&[][..], |record| record.id);
            sum.wrapping_add(self.term(number_of(id)))
        })
    }

    /// The sum of a list of numbers, little-endian, each above the one before; `None` if they are not.
    pub fn of_rising(self, numbers: &[[u8; 8]]) -> Option<u64> {
        let (mut sum, mut last) = (0_u64, None);
        for number in numbers {
            let number = u64::from_le_bytes(*number);
            if last.is_some_and(|last| last >= number) {
                return None;
            }
            last = Some(number);
            sum = sum.wrapping_add(self.term(number));
        }
        Some(sum)
    }

    /// The finalizer of MurmurHash3 with the key in place of nothing and of one of its constants.
    #[inline(always)]
    fn term(self, number: u64) -> u64 {
        let mut term = number ^ self.key.0;
        term = (term ^ term >> 33).wrapping_mul(self.key.1);
        term = (term ^ term >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        term ^ term >> 33
    }
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

    proptest! {
        #[test]
        fn sums_are_the_same_if_and_only_if_ids_stand_once_and_are_the_list(
            ids in proptest::collection::vec("[a-d]{1,3}", 0..30),
            other in "[a-d]{1,3}",
            one: u64,
            two: u64,
        ) {
            let sums = Sums::by(one, two);
            let (index, body) = records(&ids);
            let list: BTreeSet<u64> = ids.iter().map(|id| number_of(id.as_bytes())).collect();
            let bytes = |list: &BTreeSet<u64>| list.iter().map(|n| n.to_le_bytes()).collect::<Vec<_>>();
            let found = sums.of_records(&index, &body);
            prop_assert_eq!(sums.of_rising(&bytes(&list)) == Some(found), list.len() == ids.len());
            let mut another = list.clone();
            if another.insert(number_of(other.as_bytes())) {
                another.pop_first();
                prop_assert_eq!(sums.of_rising(&bytes(&another)) == Some(found), another == list && list.len() == ids.len());
            }
            let mut falling = bytes(&list);
            falling.reverse();
            prop_assert_eq!(sums.of_rising(&falling).is_none(), list.len() > 1);
        }
    }

    #[test]
    fn a_number_that_stands_twice_does_not_rise() {
        assert_eq!(Sums::by(1, 2).of_rising(&[[7; 8], [7; 8]]), None);
        assert_eq!(number_of(b"123456789"), 0x8cb8_41db_40e6_ae83, "XXH64 of the usual check value");
    }
}
