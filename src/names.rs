//! Names that configuration, control plane and filter agree on.

use std::fmt;

/// Longest user name, in characters.
pub const MAX_USER_NAME: usize = 128;
/// Longest token id or scope name, in bytes.
pub const MAX_ID: usize = 64;

/// Why a name was refused, as a sentence about what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidName(&'static str);

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidName {}

/// A user name has 1 to 128 characters and no control character, colon or outer space: what RFC 7617 §2 lets stand
/// before the colon of Basic credentials, and what a header value can carry.
///
/// # Errors
/// What a user name looks like.
pub fn check_user_name(name: &str) -> Result<(), InvalidName> {
    // Nearly all names, and a million of them in one configuration.
    let plain = |b: u8| b.is_ascii_graphic() && b != b':';
    if (1..=MAX_USER_NAME).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    let long = name.chars().nth(MAX_USER_NAME).is_some();
    if name.is_empty() || long || name.trim() != name || name.chars().any(|c| c.is_control() || c == ':') {
        return Err(InvalidName(
            "a user name has 1 to 128 characters and no control character, colon or outer space",
        ));
    }
    Ok(())
}

/// What a token id looks like.
pub(crate) const TOKEN_ID: &str = "a token id has 1 to 64 letters, digits, '-', '_' and '.'";

/// A token id has 1 to 64 letters, digits, `-`, `_` and `.`.
///
/// # Errors
/// What an id looks like.
pub fn check_token_id(id: &str) -> Result<(), InvalidName> {
    if is_token_id(id.as_bytes()) { Ok(()) } else { Err(InvalidName(TOKEN_ID)) }
}

/// Whether these bytes are a token id.
pub(crate) fn is_token_id(id: &[u8]) -> bool {
    // A table, not comparisons: this runs for each byte of each id of a configuration.
    const ALLOWED: [bool; 256] = {
        let mut allowed = [false; 256];
        let mut byte = 0_usize;
        while byte < 256 {
            #[expect(clippy::indexing_slicing, reason = "at compile time")]
            {
                allowed[byte] =
                    (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'_' | b'.');
                byte += 1;
            }
        }
        allowed
    };
    let allowed = |b: &u8| ALLOWED.get(usize::from(*b)).copied().unwrap_or(false);
    (1..=MAX_ID).contains(&id.len()) && id.iter().all(allowed)
}

/// A scope's name has 1 to 64 lower-case letters, digits, `-` and `_`.
///
/// # Errors
/// What a scope's name looks like.
pub fn check_scope_name(name: &str) -> Result<(), InvalidName> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    if name.is_empty() || name.len() > MAX_ID || !name.bytes().all(allowed) {
        return Err(InvalidName("a scope's name has 1 to 64 lower-case letters, digits, '-' and '_'"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names() {
        for good in ["fred", "a", "Jörg Müller", "fred@example.com", &"ü".repeat(128)] {
            assert_eq!(check_user_name(good), Ok(()), "{good:?}");
        }
        for bad in
            ["", " fred", "fred ", "\u{a0}fred", "fr:ed", "fr\ned", "fr\u{85}ed", "\u{7f}", &"a".repeat(129)]
        {
            assert!(check_user_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ids_and_scope_names() {
        assert!(check_token_id("01JD0ZQ8M2").is_ok() && check_scope_name("read_only").is_ok());
        assert!(["", "a b", "ü", &"a".repeat(65)].iter().all(|bad| check_token_id(bad).is_err()));
        assert!(["", "Read", "a b", &"a".repeat(65)].iter().all(|bad| check_scope_name(bad).is_err()));
    }
}
