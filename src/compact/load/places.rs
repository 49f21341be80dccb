//! Finds what is held already.

use super::Listed;
use crate::policy::LoadError;

/// How far from where it is expected a part is looked for.
const FAR: usize = 32;

/// For each part that is listed, its place among those that are held; `None` if it has to be read. A part is the same
/// one if all that the list says of it is: a name alone could be used twice.
///
/// Both lists have one order, that of digests or of ids, so what stays is found near to where the part before it was.
/// What has moved further, because so many parts before it were split or joined, is read again.
#[inline(never)]
pub(super) fn places(listed: &[Listed], held: &[Listed]) -> Result<Vec<Option<usize>>, LoadError> {
    let mut places = Vec::new();
    places.try_reserve_exact(listed.len())?;
    let mut next = 0_usize;
    for listed in listed {
        let from = next.saturating_sub(FAR);
        let near = held.iter().enumerate().skip(from).take(FAR.saturating_mul(2));
        let found = |place: &usize| held.get(*place) == Some(listed);
        let place = Some(next).filter(found).or_else(|| near.map(|(place, _)| place).find(found));
        // Most often one has changed, and the one behind it is next.
        next = place.unwrap_or(next).saturating_add(1);
        places.push(place);
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compact::LISTED;

    fn parts(numbers: impl IntoIterator<Item = u16>) -> Vec<Listed> {
        let part = |number: u16| {
            let mut part = [0; LISTED];
            part[..2].copy_from_slice(&number.to_le_bytes());
            part
        };
        numbers.into_iter().map(part).collect()
    }

    #[test]
    fn what_stays_is_found_between_what_changes_is_split_and_is_joined() {
        let held = parts(0..1000);
        // Every tenth has changed, every eleventh is two now, and every twelfth and the one behind it are one.
        let mut listed = Vec::new();
        let mut skip = false;
        for part in 0..1000 {
            match part {
                _ if std::mem::take(&mut skip) => {}
                _ if part % 10 == 0 => listed.push(2000 + part),
                _ if part % 11 == 0 => listed.extend([4000 + part, 6000 + part]),
                _ if part % 12 == 0 => {
                    listed.push(8000 + part);
                    skip = true;
                }
                _ => listed.push(part),
            }
        }
        let found = places(&parts(listed.iter().copied()), &held).unwrap();
        let wanted: Vec<_> =
            listed.iter().map(|part| Some(usize::from(*part)).filter(|p| *p < 1000)).collect();
        assert_eq!(found, wanted);
        assert_eq!(places(&parts([7]), &[]).unwrap(), [None]);
    }
}
