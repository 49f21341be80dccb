//! Header names: validated ones from the configuration, and the folding under which a forgery is recognised.

use std::fmt;
use std::str::FromStr;

use crate::authorization::is_token_character;

/// Longest configured header name, in bytes.
pub const MAX_HEADER_NAME: usize = 128;

/// Every header that starts so, once folded, is ours and never a client's.
const OWN_PREFIX: &str = "x-gatepass-";

/// Headers that frame, route or authenticate a message, or that proxies and servers set or read for themselves: they
/// name neither an identity nor a token.
const RESERVED: &[&str] = &[
    "accept",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "origin",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-real-ip",
    "x-request-id",
    "x-rewrite-url",
];
/// Families of such headers.
const RESERVED_PREFIXES: &[&str] = &["accept-", "grpc-", "if-", "sec-", "x-envoy-"];

/// A configured header name: lower case, and not one that HTTP itself needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderName(String);

/// Why a header name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidHeaderName {
    /// Not a lower-case field name (RFC 9110 §5.1).
    Grammar,
    /// A header that HTTP or Gatepass itself needs.
    Reserved,
}

impl fmt::Display for InvalidHeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grammar => {
                write!(
                    f,
                    "a header name has 1 to {MAX_HEADER_NAME} lower-case letters, digits and !#$%&'*+-.^_`|~"
                )
            }
            Self::Reserved => f.write_str("this header has a meaning of its own; name another"),
        }
    }
}

impl std::error::Error for InvalidHeaderName {}

impl FromStr for HeaderName {
    type Err = InvalidHeaderName;

    fn from_str(text: &str) -> Result<Self, InvalidHeaderName> {
        let allowed = |b: u8| is_token_character(b) && !b.is_ascii_uppercase();
        if text.is_empty() || text.len() > MAX_HEADER_NAME || !text.bytes().all(allowed) {
            return Err(InvalidHeaderName::Grammar);
        }
        let in_family = RESERVED_PREFIXES.iter().any(|family| starts_with(text, family));
        if in_family || RESERVED.iter().any(|reserved| same(reserved, text)) {
            return Err(InvalidHeaderName::Reserved);
        }
        Ok(Self(text.to_owned()))
    }
}

impl HeaderName {
    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `name` is this header to any upstream: alike once all but letters and digits count as `-`, as
    /// CGI-like servers do (RFC 3875 §4.1.18).
    pub fn matches(&self, name: &str) -> bool {
        same(&self.0, name)
    }
}

/// Whether two names are alike once folded.
pub fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && starts_alike(one, other)
}

/// Whether `name` is this one, in any case, and nothing is folded.
#[inline(always)]
pub(crate) fn is_named(name: &str, known: &str) -> bool {
    // Most names are ruled out by their length alone, many times a request.
    // And nearly all others are in lower case.
    name.len() == known.len() && (name == known || name.eq_ignore_ascii_case(known))
}

/// Whether `name` is one of ours, `x-gatepass-*`, once folded.
pub fn is_own(name: &str) -> bool {
    starts_with(name, OWN_PREFIX)
}

fn starts_with(name: &str, folded: &str) -> bool {
    name.len() >= folded.len() && starts_alike(name, folded)
}

/// Whether the shorter one is the beginning of the other, once both are folded.
fn starts_alike(one: &str, other: &str) -> bool {
    for (a, b) in one.as_bytes().iter().zip(other.as_bytes()) {
        if fold(*a) != fold(*b) {
            return false;
        }
    }
    true
}

#[inline(always)]
fn fold(b: u8) -> u8 {
    if b.is_ascii_alphanumeric() { b.to_ascii_lowercase() } else { b'-' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_that_an_upstream_could_take_for_ours_matches() {
        let user: HeaderName = "x-gatepass-user".parse().unwrap();
        for name in
            ["x-gatepass-user", "x_gatepass_user", "x-gatepass.user", "X-Gatepass-User", "x~gatepass!user"]
        {
            assert!(user.matches(name) && is_own(name), "{name}");
        }
        for name in ["x-gatepass-users", "x-gatepass", "xgatepassuser", "gatepass-user"] {
            assert!(!user.matches(name), "{name}");
        }
        assert!(is_own("x_gatepass_anything") && is_own("x-gatepass-") && !is_own("x-gatepass"));
    }

    #[test]
    fn names_that_http_needs_are_refused() {
        for name in ["x-remote-user", "remote_user", "x-forwarded-user", "private-token"] {
            assert!(name.parse::<HeaderName>().is_ok(), "{name}");
        }
        let spelled = [
            "content_length",
            "x-envoy-expected-rq-timeout-ms",
            "x.envoy.x",
            "grpc-status",
            "sec-fetch-site",
        ];
        for name in spelled.iter().chain(RESERVED) {
            assert_eq!(name.parse::<HeaderName>(), Err(InvalidHeaderName::Reserved), "{name}");
        }
        for name in ["", "X-User", ":path", "a b", "a:b", "ü", &"a".repeat(129)] {
            assert_eq!(name.parse::<HeaderName>(), Err(InvalidHeaderName::Grammar), "{name}");
        }
    }
}
