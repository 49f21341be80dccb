//! Request paths: canonical or ambiguous, and the prefixes that they are compared with.
//!
//! A path that two parsers could read in two ways is never trusted to be outside a protected prefix: Envoy's
//! normalisation leaves `/rest;x/a`, `/a/..%2frest/a` and `/%5crest` as they were sent, and servers resolve them.

use std::borrow::Cow;
use std::fmt;

/// Longest configured path, in bytes.
pub const MAX_CONFIGURED_PATH: usize = 1024;

/// The path of a request, without its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestPath<'a> {
    /// Every parser reads it alike. Escapes are decoded: none of those left can hide a separator.
    Canonical(Cow<'a, [u8]>),
    /// Absent, or readable in more than one way.
    Ambiguous,
}

impl<'a> RequestPath<'a> {
    /// Reads the target of a request: a path and perhaps a query.
    pub fn parse(target: Option<&'a [u8]>) -> Self {
        let Some(target) = target else { return Self::Ambiguous };
        canonical(without_query(target)).map_or(Self::Ambiguous, Self::Canonical)
    }

    /// Whether any of `prefixes` covers the path. An ambiguous path is covered by none.
    pub fn is_within(&self, prefixes: &[PathPrefix]) -> bool {
        match self {
            Self::Canonical(path) => prefixes.iter().any(|prefix| prefix.covers(path)),
            Self::Ambiguous => false,
        }
    }

    /// Whether the path is protected by `prefixes`. An ambiguous path always is.
    pub fn is_protected(&self, prefixes: &[PathPrefix]) -> bool {
        matches!(self, Self::Ambiguous) || self.is_within(prefixes)
    }
}

/// The query of a request's target, without the `?`.
pub fn query(target: &[u8]) -> Option<&[u8]> {
    let at = target.iter().position(|b| *b == b'?')?;
    target.get(at.saturating_add(1)..)
}

fn without_query(target: &[u8]) -> &[u8] {
    target.split(|b| *b == b'?').next().unwrap_or_default()
}

/// A configured prefix that ends at a segment: `/rest/` covers `/rest` and all below it, not `/restless`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPrefix(Vec<u8>);

impl PathPrefix {
    fn covers(&self, path: &[u8]) -> bool {
        path.strip_prefix(self.0.as_slice()).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
    }
}

/// Why a configured path was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPath;

impl fmt::Display for InvalidPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a path begins with '/' and is canonical: no query, wildcard, ';', '\\', '//', '.' or '..' segment, \
             control or non-ASCII byte, and no escape of a letter, digit or one of . - _ ~ / \\ ; %; it covers all \
             that is below it",
        )
    }
}

impl std::error::Error for InvalidPath {}

impl std::str::FromStr for PathPrefix {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let bytes = text.as_bytes();
        let escaped_unreserved = escapes(bytes).any(|value| value.is_some_and(is_unreserved));
        // Taken literally, `/rest/*` would protect next to nothing: whoever writes it means `/rest/`.
        let open = bytes.iter().any(|b| matches!(b, b'?' | b'*'));
        if text.len() > MAX_CONFIGURED_PATH || open || escaped_unreserved {
            return Err(InvalidPath);
        }
        let path = canonical(bytes).ok_or(InvalidPath)?;
        // Without its last slash, `/rest/` covers `/rest` too, and `/` becomes the empty prefix of everything.
        Ok(Self(path.strip_suffix(b"/").unwrap_or(&path).to_vec()))
    }
}

/// The path with its escapes decoded, or `None` if it is ambiguous.
fn canonical(path: &[u8]) -> Option<Cow<'_, [u8]>> {
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b';' | b'\\' | b'#');
    if path.first() != Some(&b'/') || !path.iter().copied().all(plain) {
        return None;
    }
    let decoded = if path.contains(&b'%') { Cow::Owned(decode(path)?) } else { Cow::Borrowed(path) };
    has_plain_segments(&decoded).then_some(decoded)
}

fn decode(path: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%' {
            let value = escape(tail)?;
            if value.is_ascii_control() || matches!(value, b'.' | b'/' | b'\\' | b';' | b'%') {
                return None;
            }
            decoded.push(value);
            rest = tail.get(2..)?;
        } else {
            decoded.push(*first);
            rest = tail;
        }
    }
    // Overlong forms such as %c0%af are a slash to a lenient decoder: only escapes that spell UTF-8 are whole.
    std::str::from_utf8(&decoded).ok()?;
    Some(decoded)
}

/// The values of the escapes in `path`, `None` for a broken one.
fn escapes(path: &[u8]) -> impl Iterator<Item = Option<u8>> {
    path.split(|b| *b == b'%').skip(1).map(escape)
}

fn escape(after_percent: &[u8]) -> Option<u8> {
    let digits = after_percent.first_chunk::<2>()?;
    let mut value = [0];
    hex::decode_to_slice(digits, &mut value).ok()?;
    value.first().copied()
}

fn is_unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~')
}

/// Whether no segment is `.` or `..`, and none but the last is empty.
fn has_plain_segments(path: &[u8]) -> bool {
    let below_root = path.get(1..).unwrap_or_default();
    let mut segments = below_root.split(|b| *b == b'/').peekable();
    while let Some(segment) = segments.next() {
        let empty_inside = segment.is_empty() && segments.peek().is_some();
        if empty_inside || matches!(segment, b"." | b"..") {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(target: &str) -> RequestPath<'_> {
        RequestPath::parse(Some(target.as_bytes()))
    }

    fn prefixes(texts: &[&str]) -> Vec<PathPrefix> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_prefix_ends_at_a_segment() {
        let rest = prefixes(&["/rest/"]);
        for inside in ["/rest", "/rest/", "/rest/a", "/rest?x=1", "/rest/a?b=/../c", "/%72est/a", "/r%65st"] {
            assert!(path(inside).is_protected(&rest), "{inside}");
            assert!(path(inside).is_within(&rest), "{inside}");
        }
        for outside in ["/", "/restless", "/res", "/open/rest/", "/Rest/a", "/open?/rest/a"] {
            assert!(!path(outside).is_protected(&rest), "{outside}");
        }
        assert_eq!(prefixes(&["/rest"]), rest);
        for everything in ["/", "/x", "/x/y?z"] {
            assert!(path(everything).is_within(&prefixes(&["/"])), "{everything}");
        }
    }

    #[test]
    fn an_ambiguous_path_is_protected_and_within_nothing() {
        let ambiguous = [
            "",
            "*",
            "rest/a",
            "http://h/rest",
            "/rest;x/a",
            "/;/rest/a",
            "/a\\b",
            "//rest/a",
            "/a//b",
            "/a//",
            "/./a",
            "/a/.",
            "/a/..",
            "/open/../rest/a",
            "/a/..%2frest/a",
            "/a/%2e%2e/rest",
            "/%5crest",
            "/a%3bb",
            "/a%25b",
            "/a%00",
            "/a%0a",
            "/a%7f",
            "/a%2",
            "/a%",
            "/a%zz",
            "/a%+1",
            "/a b",
            "/a\tb",
            "/a\u{7f}",
            "/ü",
            "/a%c0%af",
            "/a%ff",
            "/a#b",
            "/%2E/rest",
        ];
        for target in ambiguous {
            assert_eq!(path(target), RequestPath::Ambiguous, "{target:?}");
            assert!(path(target).is_protected(&prefixes(&["/rest/"])), "{target:?}");
            assert!(!path(target).is_within(&prefixes(&["/"])), "{target:?}");
        }
        assert_eq!(RequestPath::parse(None), RequestPath::Ambiguous);
    }

    #[test]
    fn ordinary_paths_are_canonical() {
        for target in
            ["/", "/a/", "/...", "/a/..b", "/a.b~c-d_e", "/a%20b", "/%C3%BC", "/a@b:c,d=e+f!$&'()*", "/a%40b"]
        {
            assert!(matches!(path(target), RequestPath::Canonical(_)), "{target}");
        }
    }

    #[test]
    fn an_escaped_and_a_plain_separator_of_no_path_compare_equal() {
        assert!(path("/a%40b/c").is_within(&prefixes(&["/a@b/"])));
        assert!(path("/a%c3%bc").is_within(&prefixes(&["/a%C3%BC"])));
    }

    #[test]
    fn configured_paths_must_be_canonical() {
        let long = format!("/{}", "a".repeat(MAX_CONFIGURED_PATH));
        let bad =
            ["", "rest", "/a?b", "/a/../b", "/a;b", "//", "/%72est/", "/a%2fb", "/a%2", "/ü", "/a b", &long];
        for text in bad {
            assert_eq!(text.parse::<PathPrefix>(), Err(InvalidPath), "{text:?}");
        }
    }

    #[test]
    fn queries() {
        assert_eq!(query(b"/a?b=c?d"), Some(b"b=c?d".as_slice()));
        assert_eq!(query(b"/a?"), Some(b"".as_slice()));
        assert_eq!(query(b"/a"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(target in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = RequestPath::parse(Some(&target));
            let _ = query(&target);
        }

        #[test]
        fn escaping_unreserved_bytes_never_moves_a_path_out_of_a_prefix(
            tail in "[a-z]{0,8}", escaped in proptest::collection::vec(any::<bool>(), 5),
        ) {
            let mut target = String::from("/");
            for (c, escape) in "rest".chars().zip(&escaped) {
                if *escape { target.push_str(&format!("%{:02x}", c as u8)) } else { target.push(c) }
            }
            target.push('/');
            target.push_str(&tail);
            prop_assert!(path(&target).is_within(&prefixes(&["/rest/"])));
        }
    }
}
