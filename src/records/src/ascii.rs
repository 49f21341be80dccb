//! Which bytes names are made of, asked about eight at a time.

/// Longest token id, in bytes.
pub const MAX_ID: usize = 64;
/// Longest user name, in characters.
pub const MAX_USER_NAME: usize = 128;

/// Whether these bytes are a token id: 1 to 64 letters, digits, `-`, `_` and `.`.
pub fn is_token_id(id: &[u8]) -> bool {
    (1..=MAX_ID).contains(&id.len()) && all(id, may_be_in_id)
}

/// Whether these bytes are a user name as nearly all are: 1 to 128 visible characters of ASCII, none a colon.
pub fn is_plain_user_name(name: &[u8]) -> bool {
    (1..=MAX_USER_NAME).contains(&name.len()) && all(name, may_be_in_plain_user_name)
}

#[inline(always)]
const fn may_be_in_id(word: u64) -> u64 {
    // Upper case to lower; of the bytes beside letters, none becomes one.
    among(word | every(0x20), b'a', b'z')
        | among(word, b'0', b'9')
        | among(word, b'-', b'.')
        | among(word, b'_', b'_')
}

#[inline(always)]
const fn may_be_in_plain_user_name(word: u64) -> u64 {
    among(word, b'!', b'~') & !among(word, b':', b':')
}

/// Whether `allowed` says yes for every byte with that byte's highest bit. Bytes from 0x80 on are never allowed.
#[inline(always)]
fn all(bytes: &[u8], allowed: fn(u64) -> u64) -> bool {
    let yes = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        allowed(word) & !word
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let last = match bytes.last_chunk::<8>() {
        Some(last) => yes(last),
        // Few bytes: the first one stands for those that are missing.
        None => yes(&std::array::from_fn(|at| rest.get(at).or(rest.first()).copied().unwrap_or(0x80))),
    };
    words.iter().fold(last, |all, word| all & yes(word)) & every(0x80) == every(0x80)
}

/// For each byte of a word its highest bit: whether the byte's seven others lie between those of two in ASCII.
#[inline(always)]
const fn among(word: u64, first: u8, last: u8) -> u64 {
    // Reaches 0x80 from `first` on, and from behind `last` on. No sum of bytes below 0x80 is carried over.
    let word = word & every(0x7f);
    let reached = word.wrapping_add(every(0x80_u8.wrapping_sub(first)));
    let passed = word.wrapping_add(every(0x7f_u8.wrapping_sub(last)));
    reached & !passed & every(0x80)
}

/// A word of this byte.
#[inline(always)]
const fn every(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_in_every_place_of_every_length() {
        let id = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let plain = |b: u8| b.is_ascii_graphic() && b != b':';
        for len in 1..=MAX_ID {
            for (at, byte) in (0..len).flat_map(|at| (0..=255).map(move |byte| (at, byte))) {
                let mut name = vec![b'a'; len];
                name[at] = byte;
                assert_eq!(is_token_id(&name), id(byte), "{name:?}");
                assert_eq!(is_plain_user_name(&name), plain(byte), "{name:?}");
            }
        }
        assert!(!is_token_id(b"") && !is_token_id(&[b'a'; 65]));
        assert!(!is_plain_user_name(b"") && !is_plain_user_name(&[b'a'; 129]));
    }
}
