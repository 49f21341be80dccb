//! Header values → credentials.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use crate::token::{self, Prefix};

/// Longest value of an `Authorization` with Bearer or Basic, in bytes.
pub const MAX_VALUE: usize = 8 * 1024;

/// What one `Authorization` value holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization<'a> {
    /// `Bearer` and one token68 (RFC 6750 §2.1, RFC 9110 §11.2).
    Bearer(&'a [u8]),
    /// `Basic` and its decoded user and secret (RFC 7617 §2).
    Basic(UserPass),
    /// Any other scheme; what follows it is its own business.
    OtherScheme,
    /// Not of its scheme's grammar, or of none.
    Malformed,
}

/// The decoded `user:secret` of Basic.
#[derive(Clone, PartialEq, Eq)]
pub struct UserPass {
    decoded: Vec<u8>,
    colon: usize,
}

impl std::fmt::Debug for UserPass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserPass(…)")
    }
}

impl UserPass {
    /// What stands before the first colon; may be empty.
    pub fn user(&self) -> &[u8] {
        self.decoded.get(..self.colon).unwrap_or_default()
    }

    /// What stands after the first colon; never empty.
    pub fn secret(&self) -> &[u8] {
        self.decoded.get(self.colon.saturating_add(1)..).unwrap_or_default()
    }
}

/// A field value without the white space around it, which is no part of it (RFC 9110 §5.5).
pub fn trim(value: &[u8]) -> &[u8] {
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let start = value.iter().position(|b| !blank(b)).unwrap_or(value.len());
    let end = value.iter().rposition(|b| !blank(b)).map_or(start, |last| last.saturating_add(1));
    value.get(start..end).unwrap_or_default()
}

/// Reads one `Authorization` value. Hosts join repeated headers with a comma, which no token68 holds.
pub fn parse(value: &[u8]) -> Authorization<'_> {
    let value = trim(value);
    let end = value.iter().position(|b| *b == b' ').unwrap_or(value.len());
    let (scheme, rest) = value.split_at_checked(end).unwrap_or_default();
    if scheme.is_empty() || !scheme.iter().copied().all(is_token_character) {
        return Authorization::Malformed;
    }
    let bearer = scheme.eq_ignore_ascii_case(b"bearer");
    if !bearer && !scheme.eq_ignore_ascii_case(b"basic") {
        return Authorization::OtherScheme;
    }
    let spaces = rest.iter().take_while(|b| **b == b' ').count();
    let credentials = rest.get(spaces..).unwrap_or_default();
    if value.len() > MAX_VALUE || !is_token68(credentials) {
        return Authorization::Malformed;
    }
    if bearer { Authorization::Bearer(credentials) } else { parse_basic(credentials) }
}

fn parse_basic(encoded: &[u8]) -> Authorization<'_> {
    let Ok(decoded) = STANDARD.decode(encoded) else { return Authorization::Malformed };
    let Some(colon) = decoded.iter().position(|b| *b == b':') else { return Authorization::Malformed };
    let pair = UserPass { decoded, colon };
    if pair.secret().is_empty() || pair.decoded.iter().any(u8::is_ascii_control) {
        return Authorization::Malformed;
    }
    Authorization::Basic(pair)
}

/// `token` of RFC 9110 §5.6.2.
pub(crate) fn is_token_character(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

/// `token68` of RFC 9110 §11.2: its characters, then only `=`.
fn is_token68(value: &[u8]) -> bool {
    let end = value.iter().rposition(|b| *b != b'=').map_or(0, |last| last.saturating_add(1));
    let body = value.get(..end).unwrap_or_default();
    !body.is_empty() && body.iter().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(b))
}

/// Takes what any decoder might: padding or none, and bits left over.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Whether a token, known or not, stands anywhere in a header's value, in clear or in base64: such a value never goes
/// upstream as a password. Decoders differ in what they skip, so all that is no base64 is skipped, in either alphabet,
/// and what is left is read from each of the four places at which a group of base64 can begin.
pub fn holds_token(value: &[u8], prefixes: &[Prefix]) -> bool {
    let to_standard = |b: &u8| match b {
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        b'+' | b'/' => Some(*b),
        b if b.is_ascii_alphanumeric() => Some(*b),
        _ => None,
    };
    let encoded: Vec<u8> = value.iter().filter_map(to_standard).collect();
    let holds_from =
        |start: usize| decode_from(&encoded, start).is_some_and(|d| token::occurs_in(&d, prefixes));
    token::occurs_in(value, prefixes) || (0..4).any(holds_from)
}

fn decode_from(encoded: &[u8], start: usize) -> Option<Vec<u8>> {
    let rest = encoded.get(start..)?;
    // A last character alone holds less than a byte.
    let whole = if rest.len() % 4 == 1 { rest.split_last()?.1 } else { rest };
    LENIENT.decode(whole).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOKEN: &str = "gp_0123456789ABCDEFGHIJKLMNOPQRSTUV0kO87M";

    fn basic(pair: &[u8]) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(pair)).into_bytes()
    }

    #[test]
    fn schemes_are_taken_in_any_case_and_with_any_number_of_spaces() {
        for value in ["Bearer abc", "bearer abc", "BEARER   abc", " Bearer abc ", "Bearer abc\t"] {
            assert_eq!(parse(value.as_bytes()), Authorization::Bearer(b"abc"), "{value:?}");
        }
        for value in ["Basic YTpi", "bAsIc  YTpi"] {
            let Authorization::Basic(pair) = parse(value.as_bytes()) else { panic!("{value:?}") };
            assert_eq!((pair.user(), pair.secret()), (b"a".as_slice(), b"b".as_slice()));
        }
    }

    #[test]
    fn what_the_grammar_of_bearer_and_basic_does_not_allow_is_malformed() {
        let malformed: &[&[u8]] = &[
            b"",
            b" ",
            b"Bearer",
            b"Bearer ",
            b"Bearer a,b",
            b"Bearer a b",
            b"Bearer a\tb",
            b"Bearer\ta",
            b"Bearer \ta",
            b"Basic \tYTpi",
            b"Bearer \xff",
            b"Bearer a\xc3\xbc",
            b"Bearer \"a\"",
            b"Bearer a=b",
            b"Bearer =",
            b"Bearer a, Bearer b",
            b"Bearer,a",
            b"Bearer:a",
            b"Basic",
            b"Basic !",
            b"Basic YTpi, Basic YTpi",
            b"Basic YTpi YTpi",
            b"Basic YTpi=",
            b"Basic YTp",
            b"Basic YTp\xff",
            b",Bearer a",
            b"\xff\xfe",
            b"(x) y",
        ];
        for value in malformed {
            assert_eq!(parse(value), Authorization::Malformed, "{:?}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn basic_needs_a_colon_a_secret_and_no_control_characters() {
        for pair in [b"fred".as_slice(), b"fred:", b":", b"fr\ned:x", b"fred:x\0", b"fred:\x7f", b""] {
            assert_eq!(parse(&basic(pair)), Authorization::Malformed, "{pair:?}");
        }
        for (pair, user, secret) in [
            (b"fred:a:b".as_slice(), b"fred".as_slice(), b"a:b".as_slice()),
            (b":x", b"", b"x"),
            (b"::", b"", b":"),
            (b"j\xf6rg:\xff", b"j\xf6rg", b"\xff"),
        ] {
            let value = basic(pair);
            let Authorization::Basic(parsed) = parse(&value) else { panic!("{pair:?}") };
            assert_eq!((parsed.user(), parsed.secret()), (user, secret));
        }
    }

    #[test]
    fn bearer_and_basic_end_at_8_kib_and_other_schemes_do_not() {
        let bearer = |len: usize| format!("Bearer {}", "a".repeat(len - 7)).into_bytes();
        assert!(matches!(parse(&bearer(MAX_VALUE)), Authorization::Bearer(_)));
        assert_eq!(parse(&bearer(MAX_VALUE + 1)), Authorization::Malformed);
        assert_eq!(parse(&bearer(16 * 1024)), Authorization::Malformed);
        assert_eq!(parse(&basic(&[b':'; 12 * 1024])), Authorization::Malformed);
        assert_eq!(
            parse(&[b"Negotiate ".as_slice(), &[b'a'; 16 * 1024]].concat()),
            Authorization::OtherScheme
        );
    }

    #[test]
    fn other_schemes_keep_their_own_grammar() {
        for value in [
            b"Digest username=\"a\", realm=\"b\"".as_slice(),
            b"Negotiate YTpi",
            b"gp_abc",
            b"AWS4 a, b=\xff",
        ] {
            assert_eq!(parse(value), Authorization::OtherScheme);
        }
    }

    #[test]
    fn a_token_is_seen_wherever_it_hides() {
        let prefixes = [Prefix::default()];
        let encoded = STANDARD.encode(format!("fred:{TOKEN}"));
        let hiding = [
            TOKEN.to_owned(),
            format!("Token {TOKEN}"),
            format!("Digest a=\"{TOKEN}\""),
            format!("Basic {encoded}"),
            format!("Basic {}", STANDARD.encode(format!("{TOKEN}:x"))),
            format!("Basic {}", STANDARD.encode(format!("fred:{TOKEN}:x"))),
            format!("Basic {}", encoded.trim_end_matches('=')),
            format!("Basic {encoded}===="),
            format!("Basic {} {}", encoded.split_at(9).0, encoded.split_at(9).1),
            format!("Basic {}=!{}", encoded.split_at(7).0, encoded.split_at(7).1),
            format!("Basic A{encoded}"),
            format!("Basic AB{encoded}A"),
            format!("Digest x, Basic {encoded}"),
            format!(
                "Basic {}",
                STANDARD.encode(format!("\u{3f}\u{fe}\u{fffe}:{TOKEN}")).replace('+', "-").replace('/', "_")
            ),
        ];
        for value in hiding {
            assert!(holds_token(value.as_bytes(), &prefixes), "{value}");
        }
        for value in
            ["", "Basic ZnJlZDpzZWNyZXQ=", "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", &TOKEN[..40]]
        {
            assert!(!holds_token(value.as_bytes(), &prefixes), "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(value in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&value);
            let _ = parse(&[b"Basic ".as_slice(), &value].concat());
            let _ = parse(&basic(&value));
            let _ = holds_token(&value, &[Prefix::default()]);
        }

        #[test]
        fn a_bearer_value_is_its_word(word in "[A-Za-z0-9._~+/-]{1,60}={0,2}") {
            let value = format!("Bearer {word}");
            prop_assert_eq!(parse(value.as_bytes()), Authorization::Bearer(word.as_bytes()));
        }

        #[test]
        fn basic_splits_at_the_first_colon(user in "[^:\\p{Cc}]{0,20}", secret in "[^\\p{Cc}]{1,20}") {
            let value = basic(format!("{user}:{secret}").as_bytes());
            let Authorization::Basic(pair) = parse(&value) else { return Err(TestCaseError::fail("no Basic")) };
            prop_assert_eq!((pair.user(), pair.secret()), (user.as_bytes(), secret.as_bytes()));
        }
    }
}
