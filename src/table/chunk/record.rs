//! The record of one token, and the texts that it refers to.

use super::Place;
use crate::config::wire::StatedRefusal;

/// What a chunk says of one token.
pub(super) struct Record<'a> {
    /// All but the first four bytes of the digest.
    pub(super) digest: &'a [u8; 28],
    rest: &'a [u8; 14],
    /// The public id.
    pub(super) id: &'a [u8],
}

impl<'a> Record<'a> {
    /// `None` if it lies outside.
    pub(super) fn at(body: &'a [u8], place: &Place) -> Option<Self> {
        let [_, _, _, _, offset @ ..] = place;
        let record = body.get(u32::from_le_bytes(*offset) as usize..)?;
        let (digest, record) = record.split_first_chunk::<28>()?;
        let (rest, id) = record.split_first_chunk::<14>()?;
        let [_, _, _, _, _, _, _, len, ..] = rest;
        Some(Self { digest, rest, id: id.get(..usize::from(*len))? })
    }

    /// Bytes 28 to 33.
    pub(super) fn expiry(&self) -> u64 {
        let [a, b, c, d, e, f, ..] = *self.rest;
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
    }

    /// Byte 34.
    pub(super) fn refusal(&self) -> Result<Option<StatedRefusal>, ()> {
        let [_, _, _, _, _, _, refusal, ..] = *self.rest;
        match refusal {
            0 => Ok(None),
            1 => Ok(Some(StatedRefusal::TokenDisabled)),
            2 => Ok(Some(StatedRefusal::UserInactive)),
            3 => Ok(Some(StatedRefusal::UseNotAllowed)),
            _ => Err(()),
        }
    }

    /// Bytes 36 and 37; byte 35 is the length of the id.
    pub(super) fn attribute(&self) -> u32 {
        let [.., low, high, _, _, _, _] = *self.rest;
        u32::from(u16::from_le_bytes([low, high]))
    }

    /// The offset in bytes 38 to 41.
    pub(super) fn user(&self, body: &'a [u8]) -> Option<&'a str> {
        let [.., a, b, c, d] = *self.rest;
        text(body, u32::from_le_bytes([a, b, c, d]))
    }
}

/// A length of two bytes, and so many bytes.
pub(super) fn text(body: &[u8], offset: u32) -> Option<&str> {
    let (len, rest) = body.get(offset as usize..)?.split_first_chunk::<2>()?;
    std::str::from_utf8(rest.get(..usize::from(u16::from_le_bytes(*len)))?).ok()
}
