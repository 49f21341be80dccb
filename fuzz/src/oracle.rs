//! The rules once more, in the plainest way that can be written: slow, and by other means than the crate's.

/// Digits of base62 and of the token's body.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters of secret and checksum behind a token's prefix.
const BODY: usize = 38;

/// CRC-32 (IEEE 802.3), bit by bit.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// XXH64 with seed 0, as its specification says it.
pub fn xxh64(bytes: &[u8]) -> u64 {
    const PRIMES: [u64; 5] = [
        0x9e37_79b1_85eb_ca87,
        0xc2b2_ae3d_27d4_eb4f,
        0x1656_67b1_9e37_79f9,
        0x85eb_ca77_c2b2_ae63,
        0x27d4_eb2f_1656_67c5,
    ];
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    let round = |lane: u64, input: u64| {
        lane.wrapping_add(input.wrapping_mul(PRIMES[1])).rotate_left(31).wrapping_mul(PRIMES[0])
    };
    let (stripes, rest) = bytes.split_at(bytes.len() / 32 * 32);
    let mut sum = PRIMES[4];
    if !stripes.is_empty() {
        let mut lanes = [PRIMES[0].wrapping_add(PRIMES[1]), PRIMES[1], 0, 0_u64.wrapping_sub(PRIMES[0])];
        for (index, eight) in stripes.chunks(8).enumerate() {
            lanes[index % 4] = round(lanes[index % 4], number(eight));
        }
        sum = lanes
            .iter()
            .zip([1, 7, 12, 18])
            .fold(0, |sum: u64, (lane, bits)| sum.wrapping_add(lane.rotate_left(bits)));
        for lane in lanes {
            sum = (sum ^ round(0, lane)).wrapping_mul(PRIMES[0]).wrapping_add(PRIMES[3]);
        }
    }
    sum = sum.wrapping_add(bytes.len() as u64);
    let (eights, rest) = rest.split_at(rest.len() / 8 * 8);
    for eight in eights.chunks(8) {
        sum = (sum ^ round(0, number(eight))).rotate_left(27).wrapping_mul(PRIMES[0]).wrapping_add(PRIMES[3]);
    }
    let (fours, ones) = rest.split_at(rest.len() / 4 * 4);
    for four in fours.chunks(4) {
        sum ^= number(four).wrapping_mul(PRIMES[0]);
        sum = sum.rotate_left(23).wrapping_mul(PRIMES[1]).wrapping_add(PRIMES[2]);
    }
    for one in ones {
        sum = (sum ^ u64::from(*one).wrapping_mul(PRIMES[4])).rotate_left(11).wrapping_mul(PRIMES[0]);
    }
    sum = (sum ^ (sum >> 33)).wrapping_mul(PRIMES[1]);
    sum = (sum ^ (sum >> 29)).wrapping_mul(PRIMES[2]);
    sum ^ (sum >> 32)
}

/// Whether `bytes` is one whole token of this prefix: its shape and a right checksum.
pub fn is_token(bytes: &[u8], prefix: &str) -> bool {
    let Some(body) = bytes.strip_prefix(prefix.as_bytes()) else { return false };
    if body.len() != BODY || !body.iter().all(u8::is_ascii_alphanumeric) {
        return false;
    }
    let (signed, sum) = bytes.split_at(bytes.len() - 6);
    let mut rest = u64::from(crc32(signed));
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    sum == digits
}

/// Whether a token of this prefix stands anywhere in `bytes`.
pub fn contains_token(bytes: &[u8], prefix: &str) -> bool {
    bytes.windows(prefix.len() + BODY).any(|window| is_token(window, prefix))
}

/// Whether a token stands anywhere in a header's value, in clear or in base64 of either alphabet, whatever stands
/// between its characters and wherever its first group begins.
pub fn holds_token(value: &[u8], prefix: &str) -> bool {
    let sextets: Vec<u8> = value.iter().filter_map(|b| sextet(*b)).collect();
    let from = |start: usize| sextets.get(start..).is_some_and(|rest| contains_token(&octets(rest), prefix));
    contains_token(value, prefix) || (0..4).any(from)
}

/// The value of one character of base64, of either alphabet.
fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// The whole bytes that groups of six bits make.
fn octets(sextets: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for value in sextets {
        bits = (bits << 6) | u32::from(*value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    bytes
}

/// Decodes base64 with its padding, of the standard alphabet alone; nothing if it is anything else.
pub fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|b| **b == b'=').count();
    let body = &text[..text.len() - padding];
    let standard = |b: &u8| !matches!(b, b'-' | b'_') && sextet(*b).is_some();
    if !text.len().is_multiple_of(4) || padding > 2 || !body.iter().all(standard) {
        return None;
    }
    let decoded = octets(&body.iter().filter_map(|b| sextet(*b)).collect::<Vec<_>>());
    (encode(&decoded) == text).then_some(decoded)
}

/// Encodes as base64 with padding.
pub fn encode(bytes: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::new();
    for group in bytes.chunks(3) {
        let padded = [group[0], *group.get(1).unwrap_or(&0), *group.get(2).unwrap_or(&0)];
        let bits = padded.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place > group.len() { b'=' } else { digit });
        }
    }
    text
}

/// Whether a header's name is `wanted` to an upstream that takes all but letters and digits for one another.
pub fn same_name(name: &str, wanted: &str) -> bool {
    folded(name) == folded(wanted)
}

/// A name as such an upstream reads it.
pub fn folded(name: &str) -> String {
    let fold = |b: u8| if b.is_ascii_alphanumeric() { char::from(b.to_ascii_lowercase()) } else { '-' };
    name.bytes().map(fold).collect()
}

/// Without spaces and tabs around it.
pub fn trimmed(value: &[u8]) -> &[u8] {
    let mut value = value;
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Every `%xx` decoded; a broken escape stays as it is.
pub fn unescaped(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|b| char::from(*b).to_digit(16));
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, _, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the crate's own documentation: the oracle is held to the contract, not to itself.
    const TOKEN: &[u8] = b"gp_0123456789ABCDEFGHIJKLMNOPQRSTUV0kO87M";

    #[test]
    fn the_oracle_knows_a_token_and_where_it_hides() {
        assert!(is_token(TOKEN, "gp_") && !is_token(&TOKEN[1..], "gp_") && !is_token(TOKEN, "gp"));
        let encoded = encode(&[b"fred:".as_slice(), TOKEN].concat());
        for value in [TOKEN.to_vec(), encoded.clone(), [b"AB".as_slice(), &encoded].concat()] {
            assert!(holds_token(&value, "gp_"));
        }
        assert!(!holds_token(&encoded[..encoded.len() - 8], "gp_") && !holds_token(b"", "gp_"));
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926, "the check value of CRC-32/ISO-HDLC");
    }

    #[test]
    fn checksums_as_in_the_specification_of_xxh64() {
        assert_eq!((xxh64(b""), xxh64(b"123456789")), (0xef46_db37_51d8_e999, 0x8cb8_41db_40e6_ae83));
        assert_eq!(xxh64(b"Nobody inspects the spammish repetition"), 0xfbce_a83c_8a37_8bf1);
    }

    #[test]
    fn base64_as_in_rfc_4648() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(encode(bytes.as_bytes()), text.as_bytes());
            assert_eq!(base64(text.as_bytes()).as_deref(), Some(bytes.as_bytes()));
        }
        for bad in ["Z", "Zg", "Zg=", "Zh==", "Zg==Zg==", "Z===", "Zm9_"] {
            assert_eq!(base64(bad.as_bytes()), None, "{bad}");
        }
    }
}
