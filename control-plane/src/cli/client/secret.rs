//! A token on its way to a server.

use std::fmt;

use axum::http::HeaderValue;

use super::failure::Failure;

/// Most bytes of a token: its prefix may be longer than ours.
const MAX_LEN: usize = 256;

/// A token in clear, which shows in no `Debug` and serializes only where that is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// A text that is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("that is no token: one has 1 to {MAX_LEN} visible ASCII characters, without spaces")]
pub struct NoToken;

impl Secret {
    /// The token that `text` is, but for spaces and the end of a line around it.
    ///
    /// # Errors
    /// It cannot be one.
    pub fn parse(text: &str) -> Result<Self, NoToken> {
        let text = text.trim();
        let is_one = (1..=MAX_LEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_one { Ok(Self(text.to_owned())) } else { Err(NoToken) }
    }

    /// What the environment variable `name` holds; empty counts as unset.
    ///
    /// # Errors
    /// It holds something else than a token.
    pub fn of_variable(name: &str) -> Result<Option<Self>, Failure> {
        let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else { return Ok(None) };
        let token = value.to_str().ok_or(NoToken).and_then(Self::parse);
        token.map(Some).map_err(|error| Failure::setup(format!("{name}: {error}")))
    }

    /// The token in clear, for the file that keeps it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The value of `Authorization` (RFC 6750 §2.1), which no log shows.
    pub(super) fn bearer(&self) -> Result<HeaderValue, Failure> {
        let value = HeaderValue::try_from(format!("Bearer {}", self.0));
        let mut value = value.map_err(|_| Failure::setup(NoToken.to_string()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_visible_word_that_debug_does_not_show() {
        let secret = Secret::parse(" gp_abc\r\n").unwrap();
        assert_eq!(secret.expose(), "gp_abc");
        assert!(!format!("{secret:?} {:?}", secret.bearer().unwrap()).contains("gp_abc"));
        for bad in ["", "  \n", "a b", "a\nb", "a\u{7f}", "é", &"a".repeat(257)] {
            assert_eq!(Secret::parse(bad), Err(NoToken), "{bad:?}");
        }
    }
}
