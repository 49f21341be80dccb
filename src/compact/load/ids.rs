//! Refuses an id that stands twice: the lists of ids have none twice, and the tokens have the ids of the lists.

use std::hash::{BuildHasher as _, RandomState};

use gatepass_records::{Point, Product};

use super::{Held, Listed, Reader, len, places, tokens};
use crate::config::ConfigError;
use crate::policy::LoadError;

/// What is kept of a list of ids.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    first: u64,
    last: u64,
    product: Product,
}

/// A point of this VM's own.
pub(super) fn random_point() -> Point {
    Point::drawn(RandomState::new().hash_one([].as_slice() as &[u8]))
}

/// Every list of ids, those that are held without reading them.
pub(super) fn read(
    reader: &mut Reader<'_>,
    (mut at, listed): (usize, &[Listed]),
    before: &Held,
    point: Point,
) -> Result<Vec<Ids>, LoadError> {
    let mut all: Vec<Ids> = Vec::new();
    all.try_reserve_exact(listed.len())?;
    for (index, (one, place)) in listed.iter().zip(places(listed, &before.listed_ids)?).enumerate() {
        let within = |error: LoadError| error.within(&format!("ids[{index}]"));
        let ids = match place.and_then(|place| before.ids.get(place)) {
            Some(ids) => *ids,
            None => read_one(reader, at, listed.get(index..).unwrap_or_default(), point).map_err(within)?,
        };
        if all.last().is_some_and(|before| before.last >= ids.first) {
            return Err(within(not_rising()));
        }
        at = at.saturating_add(len(one));
        all.push(ids);
    }
    Ok(all)
}

/// The first of these lists.
fn read_one(reader: &mut Reader<'_>, at: usize, listed: &[Listed], point: Point) -> Result<Ids, LoadError> {
    let bytes = reader.read(at, listed)?;
    let (numbers, rest) = bytes.as_chunks::<8>();
    let ([first, ..], [.., last], []) = (numbers, numbers, rest) else {
        return Err(ConfigError::new("", "a list of ids has at least one number, each of 8 bytes").into());
    };
    if listed.first().map(tokens) != Some(numbers.len()) {
        return Err(ConfigError::new("", "its number of ids is not the listed one").into());
    }
    let product = point.of_rising(numbers).ok_or_else(not_rising)?;
    Ok(Ids { first: u64::from_le_bytes(*first), last: u64::from_le_bytes(*last), product })
}

fn not_rising() -> LoadError {
    ConfigError::new("", "the numbers of ids rise, none stands twice, and all are below 2^61 - 1").into()
}

/// Whether the ids of the tokens, of which these are the products, are those of the lists.
pub(super) fn check_ids(products: &[Product], ids: &[Ids]) -> Result<(), ConfigError> {
    let tokens = products.iter().fold(Product::default(), |all, product| all.and(*product));
    let listed = ids.iter().fold(Product::default(), |all, ids| all.and(ids.product));
    if tokens == listed {
        return Ok(());
    }
    Err(ConfigError::new("ids", "these are not the ids of the tokens, or a token's id stands twice"))
}
