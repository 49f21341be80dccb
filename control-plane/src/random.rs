//! Where randomness comes from, and what is made of it.

use gatepass::token::ALPHABET;
use jiff::Timestamp;
use ulid::Ulid;

/// The random source failed.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes: {0}")]
pub struct RandomError(String);

/// A cryptographic random source.
pub trait Random: Send + Sync {
    /// Fills `buffer` with random bytes.
    ///
    /// # Errors
    /// The source failed; `buffer` must not be used.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError>;
}

/// The operating system's random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(buffer).map_err(|error| RandomError(error.to_string()))
    }
}

/// A new id that sorts by its time of creation (ULID: 26 letters and digits).
///
/// # Errors
/// The source failed.
pub fn sortable_id(now: Timestamp, random: &dyn Random) -> Result<String, RandomError> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes)?;
    let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or(0);
    Ok(Ulid::from_parts(milliseconds, u128::from_be_bytes(bytes)).to_string())
}

/// `bytes` random bytes in lower-case hex.
///
/// # Errors
/// The source failed.
pub fn hex_text<const BYTES: usize>(random: &dyn Random) -> Result<String, RandomError> {
    let mut bytes = [0; BYTES];
    random.fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

/// `length` random letters and digits, each equally likely.
///
/// # Errors
/// The source failed.
pub fn letters_and_digits(length: usize, random: &dyn Random) -> Result<String, RandomError> {
    // 248 is the largest multiple of 62 in a byte: what lies above it would favour the first digits.
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bytes = [0; 32];
        random.fill(&mut bytes)?;
        let digits = bytes.iter().filter(|b| **b < 248).filter_map(|b| ALPHABET.get(usize::from(b % 62)));
        text.extend(digits.take(length - text.len()).map(|b| char::from(*b)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time() {
        let id = |ms| sortable_id(Timestamp::from_millisecond(ms).unwrap(), &SystemRandom).unwrap();
        assert!(id(1_000) < id(1_001));
        assert_eq!(id(1_000).len(), 26);
    }

    #[test]
    fn texts_have_the_stated_length_and_alphabet() {
        let text = letters_and_digits(33, &SystemRandom).unwrap();
        assert!(text.len() == 33 && text.bytes().all(|b| b.is_ascii_alphanumeric()), "{text}");
        assert_eq!(hex_text::<16>(&SystemRandom).unwrap().len(), 32);
    }
}
