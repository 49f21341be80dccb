//! The shape of a token, written out: CRC-32 bit by bit, base62 digit by digit.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest as _, Sha256};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
const RANDOM: usize = 32;
const CHECKSUM: usize = 6;

/// A whole token: the prefix, the 32 random characters and the checksum over both.
pub fn whole(prefix: &str, random: &[u8]) -> String {
    let mut token = prefix.as_bytes().to_vec();
    token.extend_from_slice(random);
    token.extend(checksum(&token));
    String::from_utf8_lossy(&token).into_owned()
}

/// The base62 character with this value.
pub fn digit(value: usize) -> u8 {
    ALPHABET[value % 62]
}

/// SHA-256 in lower-case hex.
pub fn digest(value: &[u8]) -> String {
    Sha256::digest(value).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the whole value is of a configured prefix's shape and has a right checksum.
pub fn is_token(prefixes: &[String], value: &[u8]) -> bool {
    prefixes.iter().any(|prefix| {
        let Some(rest) = value.strip_prefix(prefix.as_bytes()) else { return false };
        rest.len() == RANDOM + CHECKSUM
            && rest.iter().all(|byte| ALPHABET.contains(byte))
            && value.ends_with(&checksum(&value[..value.len() - CHECKSUM]))
    })
}

/// "Holds a token": anywhere in the raw value of a header, or in what any part of it decodes to. The contract asks for
/// the decoding of Basic alone; the filter looks at whatever could be base64, in either alphabet and padded or not, so
/// that a token hides under no other scheme either.
pub fn held(prefixes: &[String], value: &[u8]) -> bool {
    let decoded = |part: &[u8]| {
        let part: Vec<u8> = part
            .iter()
            .map(|b| {
                if *b == b'-' {
                    b'+'
                } else if *b == b'_' {
                    b'/'
                } else {
                    *b
                }
            })
            .collect();
        LENIENT.decode(part).unwrap_or_default()
    };
    let belongs = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    contains_token(prefixes, value)
        || value.split(|byte| !belongs(byte)).any(|part| contains_token(prefixes, &decoded(part)))
}

fn contains_token(prefixes: &[String], value: &[u8]) -> bool {
    let lengths = prefixes.iter().map(|prefix| prefix.len() + RANDOM + CHECKSUM);
    lengths.into_iter().any(|length| value.windows(length).any(|part| is_token(prefixes, part)))
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut rest = crc32(bytes) as usize;
    let mut digits = [b'0'; CHECKSUM];
    for place in digits.iter_mut().rev() {
        *place = digit(rest % 62);
        rest /= 62;
    }
    digits
}

/// CRC-32 of IEEE 802.3, reflected: polynomial 0xEDB88320, all ones before and after.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}
