//! Places of this server to which a browser may be sent back: nothing that a request says leads anybody elsewhere.

/// Longest such place, in bytes.
pub const MAX_PLACE: usize = 4096;

/// `place` if it is a path of this server, perhaps with a query, however a browser reads it: no other server's address, and no
/// script.
pub fn local(place: &str) -> Option<&str> {
    let visible = |b: u8| b.is_ascii_graphic() && b != b'\\';
    let is_path = place.starts_with('/') && !place.starts_with("//");
    (is_path && place.len() <= MAX_PLACE && place.bytes().all(visible)).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_sent_back_to_paths_of_ours_alone() {
        for good in ["/", "/tokens", "/manage?user=a%20b&state=active", "/a//b"] {
            assert_eq!(local(good), Some(good));
        }
        let long = format!("/{}", "a".repeat(MAX_PLACE));
        for bad in [
            "",
            "tokens",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "/a b",
            "/a\nb",
            "/\t/evil.example",
            "/ä",
            &long,
        ] {
            assert_eq!(local(bad), None, "{bad:?}");
        }
    }
}
