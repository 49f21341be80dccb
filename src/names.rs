//! Names that configuration, control plane and filter agree on.

use std::fmt;

pub use gatepass_records::ascii::{MAX_ID, MAX_USER_NAME};
use gatepass_records::ascii::{is_plain_user_name, is_token_id};

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
    if is_plain_user_name(name.as_bytes()) {
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
