//! Passwords of people: rules and hashes.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use unicode_normalization::UnicodeNormalization as _;

use crate::error::Error;
use crate::random::{Random, letters_and_digits};

/// Fewest characters of a password.
pub const MIN_LEN: usize = 12;
/// Most characters of a password.
pub const MAX_LEN: usize = 128;
/// Longest text that is tried as a password, in bytes: longer than any password.
pub const MAX_TRIED: usize = 1024;
const INITIAL_LEN: usize = 28;

/// What a password hash costs.
#[derive(Clone, Debug)]
pub struct PasswordHashing(Params);

impl Default for PasswordHashing {
    /// 19 MiB and two passes, the OWASP minimum for Argon2id.
    fn default() -> Self {
        Self(Params::DEFAULT)
    }
}

impl PasswordHashing {
    /// As cheap as Argon2id can be: for tests.
    pub fn cheap() -> Self {
        Self(Params::new(Params::MIN_M_COST, 1, 1, None).unwrap_or(Params::DEFAULT))
    }

    /// The Argon2id hash (RFC 9106) of `password`, as a PHC string.
    ///
    /// # Errors
    /// The random source failed.
    pub fn hash(&self, password: &Password, random: &dyn Random) -> Result<String, Error> {
        let mut salt = [0; 16];
        random.fill(&mut salt)?;
        let hashing = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.0.clone());
        let hash = hashing
            .hash_password_with_salt(password.0.as_bytes(), &salt)
            .map_err(|error| Error::Internal(format!("the password could not be hashed: {error}")))?;
        Ok(hash.to_string())
    }

    /// Does [`Self::hash`] off the async threads: it takes its time.
    ///
    /// # Errors
    /// The random source failed, or the work ended.
    pub async fn hash_apart(&self, password: Password, random: &Arc<dyn Random>) -> Result<String, Error> {
        let (hashing, random) = (self.clone(), Arc::clone(random));
        let done = tokio::task::spawn_blocking(move || hashing.hash(&password, random.as_ref())).await;
        done.map_err(|error| Error::Internal(format!("the work on a password ended: {error}")))?
    }
}

/// Does [`verify`] off the async threads: it takes its time.
///
/// # Errors
/// The work ended.
pub async fn verify_apart(hash: String, text: String) -> Result<bool, Error> {
    let done = tokio::task::spawn_blocking(move || verify(&hash, &text)).await;
    done.map_err(|error| Error::Internal(format!("the work on a password ended: {error}")))
}

/// Whether `text` is the password that `hash` was made of. A hash that cannot be read is nobody's.
pub fn verify(hash: &str, text: &str) -> bool {
    let text: String = text.nfc().collect();
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    Argon2::default().verify_password(text.as_bytes(), &hash).is_ok()
}

/// A password in clear. Its `Debug` hides it.
#[derive(Clone)]
pub struct Password(String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Password {
    /// A password that somebody chose, in Unicode NFC (RFC 8265 §4.2), so that it is the same from every keyboard.
    ///
    /// # Errors
    /// The rules it breaks.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text: String = text.nfc().collect();
        let length = text.chars().count();
        if !(MIN_LEN..=MAX_LEN).contains(&length) || text.chars().any(char::is_control) {
            let rule = format!("must have {MIN_LEN} to {MAX_LEN} characters and no control characters");
            return Err(Error::invalid("password", rule));
        }
        Ok(Self(text))
    }

    /// A random one of 28 letters and digits (166 bits).
    ///
    /// # Errors
    /// The random source failed.
    pub fn random(random: &dyn Random) -> Result<Self, Error> {
        Ok(Self(letters_and_digits(INITIAL_LEN, random)?))
    }

    /// The password in clear, for the one file that shows it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn passwords_have_12_to_128_characters() {
        for good in ["a".repeat(12), "ü".repeat(128), "correct horse battery".to_owned()] {
            assert!(Password::parse(&good).is_ok(), "{good}");
        }
        for bad in ["a".repeat(11), "a".repeat(129), "twelve chars\n".to_owned(), String::new()] {
            assert!(Password::parse(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_hash_is_argon2id_and_verifies() {
        let password = Password::random(&SystemRandom).unwrap();
        assert!(password.expose().len() >= 24);
        let hash = PasswordHashing::cheap().hash(&password, &SystemRandom).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
        assert!(verify(&hash, password.expose()));
        assert!(!verify(&hash, "another password") && !verify("", "") && !verify("$argon2id$", ""));
        let composed =
            PasswordHashing::cheap().hash(&Password::parse("Jörg the thirteenth").unwrap(), &SystemRandom);
        assert!(verify(&composed.unwrap(), "Jo\u{308}rg the thirteenth"), "from another keyboard");
        assert!(PasswordHashing::default().0.m_cost() >= 19 * 1024);
    }
}
