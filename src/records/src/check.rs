//! Checks every record of a chunk.

use crate::ascii::{is_plain_user_name, is_token_id};
use crate::record::{Place, Record, lead};

/// What a record may be refused for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The record lies outside the chunk.
    Outside,
    /// The digest is not higher than the one before.
    Digest,
    /// The expiry is above the highest.
    Expiry,
    /// The number of the refusal is above the highest.
    Refusal,
    /// The owner is no user name.
    User,
    /// The id is no token id.
    Id,
    /// There is no such attribute.
    Attribute,
}

/// The highest of what a record may have.
#[derive(Clone, Copy, Debug)]
pub struct Highest {
    /// Unix time in seconds.
    pub expiry: u64,
    /// The number of a refusal.
    pub refusal: u8,
    /// The number of an attribute.
    pub attribute: u32,
}

/// Checks the records of a whole index. `may_be_user` is asked about names that are not plain.
///
/// # Errors
/// The number of the first token that is wrong, and what is.
pub fn check(
    index: &[Place],
    body: &[u8],
    highest: Highest,
    may_be_user: fn(&str) -> bool,
) -> Result<(), (usize, Fault)> {
    let mut last: Option<(u32, &[u8; 28])> = None;
    for (number, place) in index.iter().enumerate() {
        let fault = |fault| Err((number, fault));
        let Some(record) = Record::at(body, place) else { return fault(Fault::Outside) };
        let digest = (lead(place), record.digest);
        if last.is_some_and(|last| last >= digest) {
            return fault(Fault::Digest);
        }
        last = Some(digest);
        if record.expiry() > highest.expiry {
            return fault(Fault::Expiry);
        }
        if record.refusal() > highest.refusal {
            return fault(Fault::Refusal);
        }
        let Some(user) = record.user_bytes(body) else { return fault(Fault::User) };
        if !is_plain_user_name(user) && !std::str::from_utf8(user).is_ok_and(may_be_user) {
            return fault(Fault::User);
        }
        if !is_token_id(record.id) {
            return fault(Fault::Id);
        }
        if record.attribute() > highest.attribute {
            return fault(Fault::Attribute);
        }
    }
    Ok(())
}
