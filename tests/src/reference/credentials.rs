//! What the headers that carry credentials say.

use base64::Engine as _;

/// The most bytes that a value may have.
const LIMIT: usize = 8 * 1024;

/// Credentials in a form that the grammar knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// `Authorization: Bearer`, with its value.
    Bearer(Vec<u8>),
    /// `Authorization: Basic`, decoded.
    Basic {
        /// Before the first colon.
        user: Vec<u8>,
        /// After it.
        secret: Vec<u8>,
    },
    /// The whole value of a token header.
    TokenHeader(Vec<u8>),
    /// `Authorization` with another scheme.
    Other,
}

/// Row 4: `None` when the value is against the grammar.
pub fn read(name: &str, value: &[u8]) -> Option<Credentials> {
    if value.is_empty() {
        return None;
    }
    if name != "authorization" {
        return Some(Credentials::TokenHeader(value.to_vec()));
    }
    let (scheme, rest) = scheme(value);
    if scheme.is_empty() || !(rest.is_empty() || rest.starts_with(b" ")) {
        return None;
    }
    if !is_ours(scheme) {
        return Some(Credentials::Other);
    }
    if value.len() > LIMIT {
        return None;
    }
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return token68(rest).map(|value| Credentials::Bearer(value.to_vec()));
    }
    basic(token68(rest)?)
}

fn is_ours(scheme: &[u8]) -> bool {
    scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"basic")
}

/// The scheme, which is an RFC 9110 token, and all that follows.
pub fn scheme(value: &[u8]) -> (&[u8], &[u8]) {
    let belongs = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    value.split_at(value.iter().take_while(|byte| belongs(byte)).count())
}

/// At least one space, then a token68 (RFC 9110 §11.2), then nothing.
fn token68(rest: &[u8]) -> Option<&[u8]> {
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let value = &rest[spaces..];
    let belongs = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    let body = value.iter().take_while(|byte| belongs(byte)).count();
    let padded = value[body..].iter().all(|byte| *byte == b'=');
    (spaces > 0 && body > 0 && padded).then_some(value)
}

fn basic(encoded: &[u8]) -> Option<Credentials> {
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    if decoded.iter().any(u8::is_ascii_control) {
        return None;
    }
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (user, secret) = (decoded[..colon].to_vec(), decoded[colon + 1..].to_vec());
    (!secret.is_empty()).then_some(Credentials::Basic { user, secret })
}
