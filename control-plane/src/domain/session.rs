//! Sessions of people who are signed in with a browser.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// How somebody has signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// With a password of ours.
    Password,
    /// With a provider of identities.
    Oidc,
}

impl Method {
    /// The name that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Oidc => "oidc",
        }
    }

    /// The method of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Password, Self::Oidc].into_iter().find(|method| method.as_str() == name)
    }
}

/// How long sessions hold, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Without use.
    pub idle: i64,
    /// With use.
    pub absolute: i64,
}

impl Default for Limits {
    /// An hour without use, twelve hours in all.
    fn default() -> Self {
        Self { idle: 60 * 60, absolute: 12 * 60 * 60 }
    }
}

/// One session, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The public id.
    pub id: String,
    /// SHA-256 of what the cookie holds.
    pub secret_hash: SecretHash,
    /// Whose it is.
    pub user_id: i64,
    /// How it began.
    pub method: Method,
    /// Unix time in seconds.
    pub created_at: i64,
    /// Unix time in seconds, to within [`Session::TOUCHED_EVERY`].
    pub last_used_at: i64,
}

impl Session {
    /// How often a use is written, in seconds.
    pub const TOUCHED_EVERY: i64 = 60;

    /// Whether it holds at `now`, in Unix seconds. Ended at equality, as tokens are.
    pub fn holds(&self, limits: Limits, now: i64) -> bool {
        now < self.ends_at(limits) && now < self.last_used_at.saturating_add(limits.idle)
    }

    /// When it ends whatever happens, in Unix seconds.
    pub fn ends_at(&self, limits: Limits) -> i64 {
        self.created_at.saturating_add(limits.absolute)
    }

    /// Whether its last use is to be written again at `now`.
    pub fn is_to_be_touched(&self, now: i64) -> bool {
        now >= self.last_used_at.saturating_add(Self::TOUCHED_EVERY)
    }
}

/// SHA-256 of a session's secret: what is kept of it.
pub type SecretHash = [u8; 32];

/// What the cookie holds: 256 random bits. Its `Debug` hides it.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// From random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From what a cookie holds; `None` when we wrote no such.
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// What the cookie holds.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What is kept of it.
    pub fn hash(&self) -> SecretHash {
        Sha256::digest(self.0).into()
    }

    /// A value that only who knows the secret can know, for one purpose: it does not tell the secret.
    pub fn derive(&self, purpose: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            // HMAC takes keys of every length (RFC 2104 §3).
            return String::new();
        };
        mac.update(purpose.as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// The token against forged requests from other sites: a page gets it, and sends it with each change.
    pub fn csrf_token(&self) -> String {
        self.derive("gatepass csrf 1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_without_use_and_in_any_case() {
        let limits = Limits { idle: 10, absolute: 25 };
        let session = Session {
            id: "1".to_owned(),
            secret_hash: [0; 32],
            user_id: 1,
            method: Method::Password,
            created_at: 100,
            last_used_at: 110,
        };
        assert!(session.holds(limits, 119));
        assert!(!session.holds(limits, 120), "at equality");
        let used = Session { last_used_at: 124, ..session };
        assert!(used.holds(limits, 124));
        assert!(!used.holds(limits, 125), "whatever was done");
    }

    #[test]
    fn what_a_page_gets_is_not_the_secret() {
        let secret = Secret::new([7; 32]);
        let again = Secret::parse(&secret.expose()).unwrap();
        assert_eq!((again.hash(), again.csrf_token()), (secret.hash(), secret.csrf_token()));
        assert_ne!(secret.csrf_token(), secret.expose());
        assert_ne!(secret.csrf_token(), Secret::new([8; 32]).csrf_token());
        assert_ne!(secret.derive("a"), secret.derive("b"));
        assert!(!format!("{secret:?}").contains('7'));
        for bad in ["", "abc", &"a".repeat(44), "!".repeat(43).as_str()] {
            assert!(Secret::parse(bad).is_none(), "{bad}");
        }
    }
}
