//! The id under which the log tells of a request.

use axum::http::{HeaderMap, HeaderName};

/// Carries the id, in requests and replies.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Lengths of ids that are taken.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=64;

/// The id that a request brings, as proxies make them: hex digits and hyphens, 8 to 64 in all. So are UUIDs and trace
/// ids, and so is no token, which the log must not hold.
pub(crate) fn given(headers: &HeaderMap) -> Option<String> {
    let mut lines = headers.get_all(HEADER).iter();
    let id = lines.next()?.to_str().ok()?;
    let known = |b: u8| b.is_ascii_hexdigit() || b == b'-';
    let taken = lines.next().is_none() && LENGTH.contains(&id.len()) && id.bytes().all(known);
    taken.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HEADER, line.parse().unwrap());
        }
        given(&headers)
    }

    #[test]
    fn only_what_looks_like_an_id_is_taken() {
        for good in [
            "12345678",
            "0af7651916cd43dd8448eb211c80319c",
            "4bf92f35-77b3-4da6-a3ce-929d0e0e4736",
            "4BF92F35-77B3-4DA6-A3CE-929D0E0E4736",
            &"a".repeat(64),
        ] {
            assert_eq!(taken(&[good]).as_deref(), Some(good));
        }
        for bad in [
            "",
            "1234567",
            &"a".repeat(65),
            "request-1",
            "12345678 ",
            "12345678,9abcdef0",
            "12345678\t",
            "gp_0123456789ABCDEFGHIJKLMNOPQRSTUV0kO87M",
            "ä234567890",
        ] {
            assert_eq!(taken(&[bad]), None, "{bad}");
        }
        assert_eq!(taken(&[]), None);
        assert_eq!(taken(&["12345678", "12345678"]), None);
    }
}
