//! The token's shape, checksum and digest.
//!
//! A token is a configured prefix, 32 random base62 characters (190 bits) and 6 base62 characters of CRC-32
//! (IEEE 802.3) over all that precedes them, most significant first. The checksum lets garbage be refused
//! without a hash; the digest is plain SHA-256, which is sound because the secret is random: there is no
//! dictionary to try, so a slow password hash would add cost and no safety.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// Digits of base62, in the order of their values.
pub const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Random characters after the prefix.
pub const SECRET_LEN: usize = 32;
/// Characters of checksum after the secret. 62^6 > 2^32.
pub const CHECKSUM_LEN: usize = 6;
/// Longest prefix: with it a token still fits one SHA-256 block of 55 message bytes.
pub const MAX_PREFIX_LEN: usize = 17;
/// Most prefixes in one configuration.
pub const MAX_PREFIXES: usize = 8;
/// The prefix that is used where none is configured.
pub const DEFAULT_PREFIX: &str = "gp_";

const BODY_LEN: usize = SECRET_LEN + CHECKSUM_LEN;

/// What a token starts with: 1 to 17 letters, digits, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix(String);

/// Why a prefix was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPrefix;

impl fmt::Display for InvalidPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a token prefix is 1 to {MAX_PREFIX_LEN} letters, digits, '_' and '-'")
    }
}

impl std::error::Error for InvalidPrefix {}

impl FromStr for Prefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidPrefix> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if text.is_empty() || text.len() > MAX_PREFIX_LEN || !text.bytes().all(allowed) {
            return Err(InvalidPrefix);
        }
        Ok(Self(text.to_owned()))
    }
}

impl Prefix {
    /// The prefix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self(DEFAULT_PREFIX.to_owned())
    }
}

/// SHA-256 of a whole token: all that is ever stored or pushed. Not a secret, see the module's documentation.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest's 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 8 bytes as a number that has the digests' order.
    pub fn leading(&self) -> u64 {
        self.0.first_chunk().copied().map_or(0, u64::from_be_bytes)
    }

    /// A digest from its 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Why a text is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDigest;

impl fmt::Display for InvalidDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SHA-256 digest is 64 lower-case hex digits")
    }
}

impl std::error::Error for InvalidDigest {}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(InvalidDigest);
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidDigest)?;
        Ok(Self(bytes))
    }
}

/// A token in clear. It has no `Serialize`, and its `Debug` hides it; only its digest may be kept.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainToken(String);

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainToken(…)")
    }
}

impl PlainToken {
    /// Makes a token. `fill` fills a buffer with bytes from a cryptographic random source; bytes that would favour
    /// some digits are rejected, so every digit is equally likely.
    ///
    /// # Errors
    /// The random source's own error.
    pub fn generate<E>(prefix: &Prefix, mut fill: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        // The largest multiple of 62 that fits a byte: what lies above it would favour the first digits.
        const ACCEPTED: u8 = 248;
        let mut text = String::with_capacity(prefix.0.len().saturating_add(BODY_LEN));
        text.push_str(&prefix.0);
        let mut left = SECRET_LEN;
        while left > 0 {
            let mut random = [0; SECRET_LEN];
            fill(&mut random)?;
            for byte in random.into_iter().filter(|b| *b < ACCEPTED).take(left) {
                text.push(digit(u32::from(byte) % 62));
                left = left.saturating_sub(1);
            }
        }
        for c in checksum(text.as_bytes()) {
            text.push(char::from(c));
        }
        Ok(Self(text))
    }

    /// The token in clear, for the one reply that shows it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored in the token's place.
    pub fn digest(&self) -> Digest {
        digest(self.0.as_bytes())
    }

    /// The last 4 characters, by which an owner recognises a token in a list. They are part of the checksum.
    pub fn hint(&self) -> &str {
        self.0.get(self.0.len().saturating_sub(4)..).unwrap_or_default()
    }
}

/// The digest of `value` if the whole of it is a token with one of `prefixes` and a right checksum.
pub fn parse(value: &[u8], prefixes: &[Prefix]) -> Option<Digest> {
    let is_token = |prefix: &Prefix| {
        value.strip_prefix(prefix.0.as_bytes()).is_some_and(|body| body.len() == BODY_LEN)
            && starts_with_token(value, prefix)
    };
    prefixes.iter().any(is_token).then(|| digest(value))
}

/// Whether a token with one of `prefixes` and a right checksum stands anywhere in `value`, known or not.
pub fn occurs_in(value: &[u8], prefixes: &[Prefix]) -> bool {
    prefixes.iter().any(|prefix| {
        let first = prefix.0.as_bytes().first().copied().unwrap_or_default();
        let starts = value.iter().enumerate().filter(|(_, b)| **b == first).map(|(at, _)| at);
        starts.filter_map(|at| value.get(at..)).any(|rest| starts_with_token(rest, prefix))
    })
}

fn starts_with_token(value: &[u8], prefix: &Prefix) -> bool {
    let Some(body) = value.strip_prefix(prefix.0.as_bytes()).and_then(|rest| rest.get(..BODY_LEN)) else {
        return false;
    };
    for b in body {
        if !b.is_ascii_alphanumeric() {
            return false;
        }
    }
    let Some((_, sum)) = body.split_at_checked(SECRET_LEN) else { return false };
    let signed_len = prefix.0.len().saturating_add(SECRET_LEN);
    value.get(..signed_len).is_some_and(|signed| checksum(signed) == sum)
}

fn digest(value: &[u8]) -> Digest {
    Digest(Sha256::digest(value).into())
}

fn checksum(signed: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut rest = crc32(signed);
    let mut text = [b'0'; CHECKSUM_LEN];
    for place in text.iter_mut().rev() {
        *place = ALPHABET.get((rest % 62) as usize).copied().unwrap_or(b'0');
        rest /= 62;
    }
    text
}

/// CRC-32 of IEEE 802.3, a byte at a time: for the 35 bytes of a token the tables of a quicker way are only larger.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        let [low, ..] = sum.to_le_bytes();
        sum = (sum >> 8) ^ REMAINDERS.get(usize::from(low ^ byte)).copied().unwrap_or_default();
    }
    !sum
}

/// What each byte leaves after division by the polynomial 0x04C11DB7, bits reversed.
const REMAINDERS: [u32; 256] = {
    let mut remainders = [0; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        let (mut rest, mut bit) = (byte as u32, 0);
        while bit < 8 {
            rest = if rest & 1 == 1 { (rest >> 1) ^ 0xEDB8_8320 } else { rest >> 1 };
            bit += 1;
        }
        #[expect(clippy::indexing_slicing, reason = "at compile time")]
        {
            remainders[byte] = rest;
        }
        byte += 1;
    }
    remainders
};

fn digit(value: u32) -> char {
    ALPHABET.get(value as usize).copied().map_or('0', char::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    /// Computed with Python's zlib.crc32 and hashlib, not with this code.
    const KNOWN: &str = "gp_0123456789ABCDEFGHIJKLMNOPQRSTUV";

    fn zeros() -> PlainToken {
        let fill = |buffer: &mut [u8]| -> Result<(), Infallible> {
            buffer.fill(0);
            Ok(())
        };
        PlainToken::generate(&Prefix::default(), fill).unwrap()
    }

    #[test]
    fn a_token_has_41_characters_and_parses_to_its_digest() {
        let token = zeros();
        assert_eq!(token.expose().len(), 41);
        assert_eq!(parse(token.expose().as_bytes(), &[Prefix::default()]), Some(token.digest()));
    }

    #[test]
    fn checksum_and_digest_agree_with_an_independent_implementation() {
        let token = format!("{KNOWN}{}", "0kO87M");
        let found = parse(token.as_bytes(), &[Prefix::default()]).map(|d| d.to_string());
        assert_eq!(
            found.as_deref(),
            Some("76af36046176b3b1df719d951e21f17b3f89239c509adad04fae613cc7723499")
        );
    }

    proptest::proptest! {
        #[test]
        fn the_checksum_is_that_of_an_independent_implementation(bytes: Vec<u8>) {
            proptest::prop_assert_eq!(crc32(&bytes), crc32fast::hash(&bytes));
        }
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        assert_eq!(format!("{:?}", zeros()), "PlainToken(…)");
    }

    #[test]
    fn bytes_that_would_favour_some_digits_are_drawn_again() {
        let mut calls = 0;
        let fill = |buffer: &mut [u8]| -> Result<(), Infallible> {
            calls += 1;
            buffer.fill(if calls == 1 { 248 } else { 61 });
            Ok(())
        };
        let token = PlainToken::generate(&Prefix::default(), fill).unwrap();
        assert!(token.expose().starts_with(&format!("gp_{}", "z".repeat(32))));
    }

    #[test]
    fn one_changed_missing_or_added_character_is_no_token() {
        let token = zeros().expose().to_owned();
        let prefixes = [Prefix::default()];
        for place in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'x' { b'y' } else { b'x' };
            assert_eq!(parse(&changed, &prefixes), None, "place {place}");
        }
        assert_eq!(parse(&token.as_bytes()[..40], &prefixes), None);
        assert_eq!(parse(format!("{token}0").as_bytes(), &prefixes), None);
        assert_eq!(parse(format!(" {token}").as_bytes(), &prefixes), None);
        assert_eq!(parse(b"", &prefixes), None);
    }

    #[test]
    fn a_token_is_found_wherever_it_stands() {
        let token = zeros().expose().to_owned();
        let prefixes = [Prefix::default()];
        for text in [token.clone(), format!("x{token}"), format!("gp_gp_{token}zzz"), format!("a {token}, b")]
        {
            assert!(occurs_in(text.as_bytes(), &prefixes), "{text}");
        }
        let cut = &token[..40];
        assert!(!occurs_in(cut.as_bytes(), &prefixes));
        assert!(!occurs_in(b"", &prefixes));
    }

    #[test]
    fn an_older_prefix_stays_known_while_it_is_listed() {
        let old = zeros();
        let new: Prefix = "acme_".parse().unwrap();
        assert!(parse(old.expose().as_bytes(), &[new.clone(), Prefix::default()]).is_some());
        assert!(parse(old.expose().as_bytes(), &[new]).is_none());
    }

    #[test]
    fn prefixes_have_a_bound_and_an_alphabet() {
        assert!("a".parse::<Prefix>().is_ok());
        assert!("a".repeat(17).parse::<Prefix>().is_ok());
        for bad in ["", "aaaaaaaaaaaaaaaaaa", "a b", "ü", "a:", "a,"] {
            assert_eq!(bad.parse::<Prefix>(), Err(InvalidPrefix), "{bad:?}");
        }
    }

    #[test]
    fn digests_are_64_lower_case_hex_digits() {
        let text = zeros().digest().to_string();
        assert_eq!(text.parse::<Digest>().map(|d| d.to_string()), Ok(text.clone()));
        for bad in [text.to_uppercase(), text[..63].to_owned(), format!("{text}0"), "g".repeat(64)] {
            assert_eq!(bad.parse::<Digest>(), Err(InvalidDigest), "{bad}");
        }
    }
}
