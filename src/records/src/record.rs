//! The record of one token, and the texts that it refers to. `docs/plugin-configuration.md` has the layout.

/// A token's place in a chunk's index: the first four bytes of its digest, and where its record is.
pub type Place = [u8; 8];

/// Bytes of a record before its id.
pub const RECORD: usize = 42;

/// What a chunk says of one token.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// All but the first four bytes of the digest.
    pub digest: &'a [u8; 28],
    rest: &'a [u8; 14],
    /// The public id.
    pub id: &'a [u8],
}

impl<'a> Record<'a> {
    /// `None` if it lies outside.
    #[inline(always)]
    pub fn at(body: &'a [u8], place: &Place) -> Option<Self> {
        let [_, _, _, _, offset @ ..] = place;
        let record = body.get(u32::from_le_bytes(*offset) as usize..)?;
        let (digest, record) = record.split_first_chunk::<28>()?;
        let (rest, id) = record.split_first_chunk::<14>()?;
        let [_, _, _, _, _, _, _, len, ..] = rest;
        Some(Self { digest, rest, id: id.get(..usize::from(*len))? })
    }

    /// Unix time in seconds, 0 for never: bytes 28 to 33.
    #[inline(always)]
    pub fn expiry(&self) -> u64 {
        let [a, b, c, d, e, f, ..] = *self.rest;
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
    }

    /// The number of a stated refusal, 0 for none: byte 34.
    #[inline(always)]
    pub fn refusal(&self) -> u8 {
        let [_, _, _, _, _, _, refusal, ..] = *self.rest;
        refusal
    }

    /// The number of an attribute, 0 for none: bytes 36 and 37; byte 35 is the length of the id.
    #[inline(always)]
    pub fn attribute(&self) -> u32 {
        let [.., low, high, _, _, _, _] = *self.rest;
        u32::from(u16::from_le_bytes([low, high]))
    }

    /// The owner, by the offset in bytes 38 to 41.
    #[inline(always)]
    pub fn user(&self, body: &'a [u8]) -> Option<&'a str> {
        std::str::from_utf8(self.user_bytes(body)?).ok()
    }

    #[inline(always)]
    pub(crate) fn user_bytes(&self, body: &'a [u8]) -> Option<&'a [u8]> {
        let [.., a, b, c, d] = *self.rest;
        bytes_of_text(body, u32::from_le_bytes([a, b, c, d]))
    }
}

/// The first four bytes of a digest in the index, as a number of the same order.
#[inline(always)]
pub fn lead(place: &Place) -> u32 {
    let [a, b, c, d, ..] = *place;
    u32::from_le_bytes([a, b, c, d])
}

/// A length of two bytes, and so many bytes of UTF-8.
pub fn text(body: &[u8], offset: u32) -> Option<&str> {
    std::str::from_utf8(bytes_of_text(body, offset)?).ok()
}

#[inline(always)]
fn bytes_of_text(body: &[u8], offset: u32) -> Option<&[u8]> {
    let (len, rest) = body.get(offset as usize..)?.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_le_bytes(*len)))
}
