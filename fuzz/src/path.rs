//! Request paths. The input is a request's target and, on further lines, the prefixes that are protected.

use gatepass::path::{PathPrefix, RequestPath};

use crate::oracle;

/// A canonical path is read alike by every decoder, an ambiguous one is always protected, and a prefix covers what it
/// covers segment by segment.
pub fn check(input: &[u8]) {
    let mut lines = input.split(|b| *b == b'\n');
    let target = lines.next().unwrap_or_default();
    let texts: Vec<&str> = lines.take(8).filter_map(|line| str::from_utf8(line).ok()).collect();
    let mut prefixes: Vec<(&str, PathPrefix)> =
        texts.into_iter().filter_map(|text| Some((text, text.parse().ok()?))).collect();
    prefixes.push(("/rest/", "/rest/".parse().expect("a canonical path")));
    for (text, prefix) in &prefixes {
        covers_itself(text, prefix);
    }
    let path = RequestPath::parse(Some(target));
    let parsed: Vec<PathPrefix> = prefixes.iter().map(|(_, prefix)| prefix.clone()).collect();
    match &path {
        RequestPath::Ambiguous => {
            assert!(path.is_protected(&parsed) && path.is_protected(&[]), "ambiguous and not protected");
            assert!(!path.is_within(&parsed), "ambiguous and within a prefix");
        }
        RequestPath::Canonical(decoded) => {
            for (reader, reading) in readings(target) {
                assert_eq!(&reading, decoded.as_ref(), "{reader} reads another path");
                let covered = prefixes.iter().any(|(text, _)| covers(text, &reading));
                assert!(!covered || path.is_protected(&parsed), "{reader}: covered and not protected");
            }
            let covered = prefixes.iter().any(|(text, _)| covers(text, decoded));
            assert_eq!(path.is_protected(&parsed), covered);
            assert_eq!(path.is_within(&parsed), covered);
            assert!(path.is_protected(&["/".parse().expect("the root")]), "the root covers everything");
        }
    }
}

/// A configured prefix is a canonical path itself, and covers itself and what is below.
fn covers_itself(text: &str, prefix: &PathPrefix) {
    let below = format!("{}/a", text.trim_end_matches('/'));
    for path in [text, &below] {
        let path = RequestPath::parse(Some(path.as_bytes()));
        assert!(path.is_within(std::slice::from_ref(prefix)), "{text:?} does not cover {path:?}");
        assert!(!matches!(path, RequestPath::Ambiguous), "{text:?} is ambiguous");
    }
}

/// Segment by segment, the prefix decoded as a browser would read it.
fn covers(prefix: &str, path: &[u8]) -> bool {
    let prefix = oracle::unescaped(prefix.as_bytes());
    let wanted: Vec<&[u8]> = prefix.split(|b| *b == b'/').filter(|segment| !segment.is_empty()).collect();
    let found: Vec<&[u8]> = path.split(|b| *b == b'/').skip(1).collect();
    path.first() == Some(&b'/') && found.starts_with(&wanted)
}

/// How servers read a target's path: each of them is out there.
fn readings(target: &[u8]) -> [(&'static str, Vec<u8>); 6] {
    let path = target.split(|b| *b == b'?').next().unwrap_or_default();
    let once = oracle::unescaped(path);
    let slashes = |path: &[u8]| path.iter().map(|b| if *b == b'\\' { b'/' } else { *b }).collect::<Vec<_>>();
    let bare = without_parameters(path);
    [
        ("who decodes once", once.clone()),
        ("who decodes twice", oracle::unescaped(&once)),
        ("who resolves dots after decoding", resolved(&slashes(&once))),
        ("who resolves dots and then decodes", oracle::unescaped(&resolved(&slashes(path)))),
        ("who drops parameters", resolved(&oracle::unescaped(&bare))),
        ("who ends at NUL and at a fragment", ended(&once)),
    ]
}

/// `/a;x=1/b` → `/a/b`.
fn without_parameters(path: &[u8]) -> Vec<u8> {
    let segments =
        path.split(|b| *b == b'/').map(|segment| segment.split(|b| *b == b';').next().unwrap_or_default());
    segments.collect::<Vec<_>>().join(&b'/')
}

/// Without empty and dot segments; a slash at the end stays.
fn resolved(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let segments: Vec<&[u8]> = path.split(|b| *b == b'/').collect();
    for segment in &segments {
        match *segment {
            b"" | b"." => {}
            b".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    let slash = !kept.is_empty() && segments.last().is_some_and(|last| matches!(*last, b"" | b"." | b".."));
    [b"/".as_slice(), &kept.join(&b'/'), if slash { b"/" } else { b"" }].concat()
}

/// Up to the first NUL; fragments are cut from the raw path, where an escape is none.
fn ended(decoded: &[u8]) -> Vec<u8> {
    decoded.split(|b| *b == 0).next().unwrap_or_default().to_vec()
}
