//! Texts that people write.

use gatepass::token::{self, Prefix};

/// Longest description, display name and mail address, in characters.
pub const MAX_TEXT: usize = 255;

/// Checks a text of 1 to 255 characters without control characters. A text that holds a token is refused: it would
/// otherwise be kept in clear, in the database and in the audit.
///
/// # Errors
/// What the text should look like, without repeating it.
pub fn check(text: &str, prefixes: &[Prefix]) -> Result<(), &'static str> {
    if text.is_empty() || text.chars().nth(MAX_TEXT).is_some() || text.chars().any(char::is_control) {
        return Err("must have 1 to 255 characters and no control characters");
    }
    if token::occurs_in(text.as_bytes(), prefixes) {
        return Err("must not hold a token: this text is kept in clear");
    }
    Ok(())
}

/// The text in the form in which texts are searched: canonical caseless matching, as for user names.
pub fn fold(text: &str) -> String {
    super::user::name_key(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let prefixes = [Prefix::default()];
        for good in ["a", "nightly build ✓", &"ü".repeat(255)] {
            assert_eq!(check(good, &prefixes), Ok(()), "{good}");
        }
        for bad in ["", "a\nb", "\u{7f}", &"a".repeat(256), "see gp_0123456789ABCDEFGHIJKLMNOPQRSTUV0kO87M"] {
            assert!(check(bad, &prefixes).is_err(), "{bad}");
        }
    }
}
