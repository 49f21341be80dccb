//! What binds an answer of the provider to the browser that asked: one secret in a cookie, from which state, nonce and
//! PKCE verifier follow. There is nothing to keep here, and nothing to fill up.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use crate::domain::place::local;
use crate::domain::session::Secret;

/// How long somebody may take at the provider, in seconds.
pub const LIFETIME: i64 = 600;
/// Longest place to go on to that is kept, in bytes: a cookie holds it (RFC 6265 §6.1: 4096 with its name and attributes).
pub const MAX_NEXT: usize = 2048;

/// One attempt of one browser.
#[derive(Clone, Debug)]
pub struct Flow {
    secret: Secret,
    begun_at: i64,
    /// Where the person goes on, here: a [`local`] place.
    next: String,
}

impl Flow {
    /// Begun at `now`, in Unix seconds, by somebody who wants to go on to `next`; to the first page if that is no place of
    /// ours, or too long.
    pub fn new(secret: Secret, now: i64, next: &str) -> Self {
        Self { secret, begun_at: now, next: place(next).unwrap_or("/").to_owned() }
    }

    /// From what the cookie holds; `None` when it is none of ours, or too old at `now`. Who changes the time or the place
    /// changes the state, too.
    pub fn parse(text: &str, now: i64) -> Option<Self> {
        let mut parts = text.split('.');
        let (secret, begun_at, next) = (parts.next()?, parts.next()?, parts.next()?);
        let begun_at: i64 = begun_at.parse().ok()?;
        let next = String::from_utf8(URL_SAFE_NO_PAD.decode(next).ok()?).ok()?;
        let flow = Self { secret: Secret::parse(secret)?, begun_at, next: place(&next)?.to_owned() };
        let holds = begun_at <= now && now < begun_at.saturating_add(LIFETIME);
        (holds && parts.next().is_none()).then_some(flow)
    }

    /// What the cookie holds.
    pub fn expose(&self) -> String {
        format!("{}.{}.{}", self.secret.expose(), self.begun_at, URL_SAFE_NO_PAD.encode(&self.next))
    }

    /// Where the person goes on once signed in: a path of this server, see [`local`].
    pub fn next(&self) -> &str {
        &self.next
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
        self.secret.derive(&format!("gatepass oidc {what} 2 {} {}", self.begun_at, self.next))
    }
}

fn place(next: &str) -> Option<&str> {
    local(next).filter(|next| next.len() <= MAX_NEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_one_browsers_for_ten_minutes() {
        let flow = Flow::new(Secret::new([7; 32]), 1000, "/tokens?all=1");
        let cookie = flow.expose();
        let back = Flow::parse(&cookie, 1599).unwrap();
        assert!(back.has_state(&flow.state()) && back.nonce() == flow.nonce());
        assert_eq!(back.next(), "/tokens?all=1");
        assert!(Flow::parse(&cookie, 1600).is_none(), "too old");
        assert!(Flow::parse(&cookie, 999).is_none(), "of tomorrow");
        let other = |byte, at, next| Flow::new(Secret::new([byte; 32]), at, next);
        for other in
            [other(8, 1000, "/tokens?all=1"), other(7, 1001, "/tokens?all=1"), other(7, 1000, "/tokens")]
        {
            assert!(!other.has_state(&flow.state()));
        }
        let stretched = cookie.replace(".1000.", ".1500.");
        assert!(!Flow::parse(&stretched, 1600).unwrap().has_state(&flow.state()));
        let secret = cookie.split_once('.').unwrap().0;
        let timed = format!("{secret}.1000");
        for bad in ["", ".", "..", "x.1000.Lw", secret, &timed, &format!("{cookie}.Lw")] {
            assert!(Flow::parse(bad, 1000).is_none(), "{bad}");
        }
    }

    #[test]
    fn nobody_is_led_elsewhere() {
        let secret = || Secret::new([7; 32]);
        let long = format!("/{}", "a".repeat(MAX_NEXT));
        for elsewhere in ["https://evil.example/", "//evil.example", "/\\evil.example", "", "tokens", &long] {
            assert_eq!(Flow::new(secret(), 1000, elsewhere).next(), "/", "{elsewhere}");
            // Nor by a cookie that somebody else has set.
            let cookie = format!("{}.1000.{}", secret().expose(), URL_SAFE_NO_PAD.encode(elsewhere));
            assert!(Flow::parse(&cookie, 1000).is_none(), "{elsewhere}");
        }
    }

    #[test]
    fn what_is_shown_to_others_tells_nothing_else() {
        let flow = Flow::new(Secret::new([7; 32]), 1000, "/");
        let all = [flow.state(), flow.nonce(), flow.verifier(), Secret::new([7; 32]).expose()];
        for (index, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 43, "as a PKCE verifier may be");
            assert!(all.iter().skip(index + 1).all(|other| other != one));
        }
    }
}
