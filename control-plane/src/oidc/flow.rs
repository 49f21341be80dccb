//! What binds an answer of the provider to the browser that asked: one secret in a cookie, from which state, nonce and
//! PKCE verifier follow. There is nothing to keep here, and nothing to fill up.

use subtle::ConstantTimeEq as _;

use crate::domain::session::Secret;

/// How long somebody may take at the provider, in seconds.
pub const LIFETIME: i64 = 600;

/// One attempt of one browser.
#[derive(Clone, Debug)]
pub struct Flow {
    secret: Secret,
    begun_at: i64,
}

impl Flow {
    /// Begun at `now`, in Unix seconds.
    pub fn new(secret: Secret, now: i64) -> Self {
        Self { secret, begun_at: now }
    }

    /// From what the cookie holds; `None` when it is none of ours, or too old at `now`. Who changes the time changes the
    /// state, too.
    pub fn parse(text: &str, now: i64) -> Option<Self> {
        let (secret, begun_at) = text.split_once('.')?;
        let begun_at: i64 = begun_at.parse().ok()?;
        let flow = Self { secret: Secret::parse(secret)?, begun_at };
        (begun_at <= now && now < begun_at.saturating_add(LIFETIME)).then_some(flow)
    }

    /// What the cookie holds.
    pub fn expose(&self) -> String {
        format!("{}.{}", self.secret.expose(), self.begun_at)
    }

    /// What comes back with the browser (RFC 6749 §10.12).
    pub fn state(&self) -> String {
        self.derive("state")
    }

    /// What stands in the ID token (OpenID Connect Core 1.0 §15.5.2).
    pub fn nonce(&self) -> String {
        self.derive("nonce")
    }

    /// What the code is worth nothing without (RFC 7636 §4.1).
    pub fn verifier(&self) -> String {
        self.derive("verifier")
    }

    /// Whether `state` is this browser's.
    pub fn has_state(&self, state: &str) -> bool {
        state.as_bytes().ct_eq(self.state().as_bytes()).into()
    }

    fn derive(&self, what: &str) -> String {
        self.secret.derive(&format!("gatepass oidc {what} 1 {}", self.begun_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_one_browsers_for_ten_minutes() {
        let flow = Flow::new(Secret::new([7; 32]), 1000);
        let cookie = flow.expose();
        let back = Flow::parse(&cookie, 1599).unwrap();
        assert!(back.has_state(&flow.state()) && back.nonce() == flow.nonce());
        assert!(Flow::parse(&cookie, 1600).is_none(), "too old");
        assert!(Flow::parse(&cookie, 999).is_none(), "of tomorrow");
        for other in [Flow::new(Secret::new([8; 32]), 1000), Flow::new(Secret::new([7; 32]), 1001)] {
            assert!(!other.has_state(&flow.state()));
        }
        let stretched = cookie.replace(".1000", ".1500");
        assert!(!Flow::parse(&stretched, 1600).unwrap().has_state(&flow.state()));
        for bad in ["", ".", "x.1000", cookie.split_once('.').unwrap().0] {
            assert!(Flow::parse(bad, 1000).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_to_others_tells_nothing_else() {
        let flow = Flow::new(Secret::new([7; 32]), 1000);
        let all = [flow.state(), flow.nonce(), flow.verifier(), Secret::new([7; 32]).expose()];
        for (index, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 43, "as a PKCE verifier may be");
            assert!(all.iter().skip(index + 1).all(|other| other != one));
        }
    }
}
