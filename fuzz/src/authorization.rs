//! `Authorization` values. The input is one value, as a client sent it.

use gatepass::authorization::{self, Authorization, MAX_VALUE};
use gatepass::token::Prefix;

use crate::oracle;

/// A token that stands in no configuration.
const MINTED: &str = "gp_0123456789ABCDEFGHIJKLMNOPQRSTUV0kO87M";
/// Longer ones would only be slower.
const LONGEST: usize = 3 * MAX_VALUE;

/// Nothing panics, what is taken follows the grammar, and a token is seen wherever it stands.
pub fn check(value: &[u8]) {
    let value = &value[..value.len().min(LONGEST)];
    follows_the_grammar(value);
    assert_eq!(holds(value), oracle::holds_token(value, "gp_"));
    // Kept short: what surrounds a token is looked at in many ways.
    hides_no_token(&value[..value.len().min(256)]);
}

fn holds(value: &[u8]) -> bool {
    authorization::holds_token(value, &[Prefix::default()])
}

fn follows_the_grammar(value: &[u8]) {
    let trimmed = oracle::trimmed(value);
    let scheme = trimmed.split(|b| *b == b' ').next().unwrap_or_default();
    let spaces = trimmed[scheme.len()..].iter().take_while(|b| **b == b' ').count();
    let word = &trimmed[scheme.len() + spaces..];
    match authorization::parse(value) {
        Authorization::Bearer(token) => {
            assert!(scheme.eq_ignore_ascii_case(b"bearer") && trimmed.len() <= MAX_VALUE);
            assert_eq!(token, word);
            assert!(!token.is_empty() && token.iter().all(|b| is_token68(*b)), "{token:?}");
        }
        Authorization::Basic(pair) => {
            assert!(scheme.eq_ignore_ascii_case(b"basic") && trimmed.len() <= MAX_VALUE);
            let decoded = [pair.user(), b":", pair.secret()].concat();
            assert_eq!(oracle::encode(&decoded), word, "what is taken is what was sent");
            assert!(!pair.secret().is_empty() && !pair.user().contains(&b':'));
            assert!(!decoded.iter().any(|b| *b < 0x20 || *b == 0x7f), "{decoded:?}");
        }
        Authorization::OtherScheme => {
            assert!(!scheme.is_empty() && scheme.iter().all(u8::is_ascii_graphic));
            assert!(!scheme.eq_ignore_ascii_case(b"bearer") && !scheme.eq_ignore_ascii_case(b"basic"));
        }
        Authorization::Malformed => {
            let bearer = scheme.eq_ignore_ascii_case(b"bearer") && trimmed.len() <= MAX_VALUE;
            let letters = |b: &u8| b.is_ascii_alphanumeric();
            assert!(!(bearer && !word.is_empty() && word.iter().all(letters)), "a plain word was refused");
        }
    }
}

/// What RFC 9110 §11.2 lets stand in one token68.
fn is_token68(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b)
}

/// The input surrounds a token, in clear and encoded in all the ways that some upstream might decode.
fn hides_no_token(around: &[u8]) {
    let (before, after) = around.split_at(around.len() / 2);
    let clear = [before, MINTED.as_bytes(), after].concat();
    assert!(holds(&clear), "in clear");
    let encoded = oracle::encode(&clear);
    let url: Vec<u8> = encoded
        .iter()
        .map(|b| {
            if *b == b'+' {
                b'-'
            } else if *b == b'/' {
                b'_'
            } else {
                *b
            }
        })
        .collect();
    let unpadded = encoded.split(|b| *b == b'=').next().unwrap_or_default();
    for (how, text) in [("padded", encoded.as_slice()), ("unpadded", unpadded), ("URL alphabet", &url)] {
        for start in 0..4 {
            let junk = &b"AbC"[..start.min(3)];
            assert!(holds(&[b"Basic ", junk, text].concat()), "{how}, {start} characters before it");
        }
    }
    // Characters that are no base64 are skipped by some decoders, wherever they stand.
    let strange =
        around.iter().copied().find(|b| !b.is_ascii_alphanumeric() && !b"+/-_".contains(b)).unwrap_or(b'\n');
    let broken: Vec<u8> = encoded.chunks(19).flat_map(|line| [line, &[strange]].concat()).collect();
    assert!(holds(&broken), "with {strange:#x} between its characters");
}
