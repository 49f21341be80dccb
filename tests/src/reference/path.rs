//! Paths: which of them two servers could read in two ways, and what a prefix covers.

/// Whether one of the prefixes covers the target's path; `None` when the path is ambiguous.
pub fn covered(target: Option<&[u8]>, prefixes: &[String]) -> Option<bool> {
    let path = canonical(target?)?;
    Some(prefixes.iter().any(|prefix| {
        // Configured paths are canonical, or their configuration would have been refused.
        let prefix = canonical(prefix.as_bytes()).unwrap_or_default();
        let prefix = prefix.strip_suffix(b"/").unwrap_or(&prefix);
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }))
}

/// The path without its query and with its escapes decoded; `None` when it is ambiguous.
pub fn canonical(target: &[u8]) -> Option<Vec<u8>> {
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let odd = |byte: &u8| !byte.is_ascii_graphic() || b";\\#".contains(byte);
    if !path.starts_with(b"/") || path.iter().any(odd) || path.windows(2).any(|two| two == b"//") {
        return None;
    }
    let decoded = decoded(path)?;
    let dots = |segment: &[u8]| segment == b"." || segment == b"..";
    let ambiguous = decoded.split(|byte| *byte == b'/').any(dots) || std::str::from_utf8(&decoded).is_err();
    (!ambiguous).then_some(decoded)
}

/// `None` for a broken escape and for one that could change what the path means.
fn decoded(path: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    let mut rest = path.iter();
    while let Some(byte) = rest.next() {
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let mut hex = || char::from(*rest.next()?).to_digit(16);
        let byte = u8::try_from(hex()? * 16 + hex()?).ok()?;
        if byte.is_ascii_control() || b"./\\;%".contains(&byte) {
            return None;
        }
        decoded.push(byte);
    }
    Some(decoded)
}
