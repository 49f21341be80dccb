//! Parts of what lies in order, cut where a leading bit of its keys changes: the same content always gives the same parts,
//! and a change of one item changes one part, or splits it, or joins two.

/// Bits of a key. Beyond them keys are alike only by intent; parts then simply end when they are full.
pub const KEY_BITS: u32 = u64::BITS;

/// How something is cut.
#[derive(Debug)]
pub struct Cut<T> {
    /// Most items of a part.
    pub most: usize,
    /// By which the items rise.
    pub key: fn(&T) -> u64,
}

impl<T> Cut<T> {
    /// The parts of `items`, whose keys have their first `from` bits in common.
    pub fn parts<'i>(&self, items: &'i [T], from: u32) -> impl Iterator<Item = &'i [T]> + use<'i, T> {
        let Self { most, key } = *self;
        let mut open = if items.is_empty() { Vec::new() } else { vec![(items, from)] };
        std::iter::from_fn(move || {
            while let Some((items, bit)) = open.pop() {
                if items.len() <= most {
                    return Some(items);
                }
                if bit >= KEY_BITS {
                    let (full, rest) = items.split_at_checked(most)?;
                    open.push((rest, bit));
                    return Some(full);
                }
                let zeros = items.partition_point(|item| key(item).checked_shl(bit).unwrap_or(0) >> 63 == 0);
                let (low, high) = items.split_at_checked(zeros)?;
                let next = bit.saturating_add(1);
                // The lower half comes first: it is pushed last.
                open.extend([high, low].into_iter().filter(|half| !half.is_empty()).map(|half| (half, next)));
            }
            None
        })
    }
}
