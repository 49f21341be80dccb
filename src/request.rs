//! A borrowed view of a request's headers, as every rule sees them.

use std::net::IpAddr;

use crate::authorization::trim;
use crate::headers::{is_named, same};
use crate::path;

/// One header: name and raw value. Pseudo-headers (RFC 9113 §8.3) are among them.
pub type Header<'a> = (&'a str, &'a [u8]);

/// What a decision asks of its host, and only when a rule needs it: each answer is a call out of the VM.
pub trait Surroundings {
    /// The address that the request came from, after the host's own handling of trusted proxies; `None` when it
    /// cannot be read.
    fn source_address(&self) -> Option<IpAddr>;

    /// Unix time in seconds; `None` when the host has no clock, and then nothing that expires is admitted.
    fn now(&self) -> Option<u64>;
}

/// A request's headers.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    headers: &'a [Header<'a>],
}

const OVERRIDES: &[&str] =
    &["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"];

impl<'a> Request<'a> {
    /// A view of these headers.
    pub fn new(headers: &'a [Header<'a>]) -> Self {
        Self { headers }
    }

    /// All headers, in the host's order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        self.headers.iter().copied()
    }

    /// The values of the header `name`, given in lower case.
    pub fn values<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.headers().filter(move |(n, _)| is_named(n, name)).map(|(_, value)| value)
    }

    /// The method (`:method`).
    pub fn method(&self) -> Option<&'a [u8]> {
        self.values(":method").next()
    }

    /// Path and query (`:path`); CONNECT may have none.
    pub fn target(&self) -> Option<&'a [u8]> {
        self.values(":path").next()
    }

    /// The names that `Connection` calls hop-by-hop (RFC 9110 §7.6.1).
    pub fn connection_options(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let options = self.values("connection").flat_map(|value| value.split(|b| *b == b','));
        options.filter_map(|option| std::str::from_utf8(trim(option)).ok())
    }

    /// Whether some framework upstream could take the request for one of another method or path.
    pub fn overrides_method_or_path(&self) -> bool {
        self.headers().any(|(name, _)| OVERRIDES.iter().any(|known| same(known, name)))
            || self.target().and_then(path::query).is_some_and(has_method_parameter)
    }

    /// Whether the caller speaks gRPC, by the same rule as Envoy's: the type alone or with `+` and a format.
    pub fn is_grpc(&self) -> bool {
        let mut types = self.values("content-type");
        let (first, second) = (types.next(), types.next());
        let rest = first.and_then(|value| value.strip_prefix(b"application/grpc"));
        second.is_none() && rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+')))
    }
}

/// A query parameter `_method`, in any case, escaped or not, or a name that lenient parsers turn into it: they drop
/// blanks before it, take `.` and blanks for `_`, end it at `[` or NUL, and take `[_method]` for it.
fn has_method_parameter(query: &[u8]) -> bool {
    let names =
        query.split(|b| matches!(b, b'&' | b';')).filter_map(|pair| pair.split(|b| *b == b'=').next());
    names.map(unescape).any(|name| {
        let bracketed = name.strip_prefix(b"[");
        let name = bracketed.unwrap_or(&name);
        let ends = |b: &u8| matches!(b, b'[' | 0) || (bracketed.is_some() && *b == b']');
        let end = name.iter().position(ends).unwrap_or(name.len());
        let name = name.get(..end).unwrap_or_default().trim_ascii_start();
        let read = name.iter().map(|b| if matches!(b, b'.' | b' ') { b'_' } else { b.to_ascii_lowercase() });
        read.eq(*b"_method")
    })
}

fn unescape(name: &[u8]) -> Vec<u8> {
    let name: Vec<u8> = name.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    let mut pieces = name.split(|b| *b == b'%');
    let mut text = pieces.next().unwrap_or_default().to_vec();
    for piece in pieces {
        let mut value = [0];
        match piece.split_first_chunk::<2>() {
            Some((digits, rest)) if hex::decode_to_slice(digits, &mut value).is_ok() => {
                text.extend_from_slice(&value);
                text.extend_from_slice(rest);
            }
            _ => text.extend_from_slice(piece),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<Header<'a>> {
        pairs.iter().map(|(name, value)| (*name, value.as_bytes())).collect()
    }

    #[test]
    fn method_overrides_are_seen_in_headers_and_query() {
        for name in [
            "x-http-method-override",
            "x_http_method",
            "X-Method-Override",
            "x-original-url",
            "x.rewrite.url",
        ] {
            assert!(Request::new(&headers(&[(name, "")])).overrides_method_or_path(), "{name}");
        }
        for target in [
            "/a?_method=PUT",
            "/a?b=c&_method",
            "/a?%5fmethod=x",
            "/a?b;_METHOD=x",
            "/?%5F%6dethod",
            "/?.method=x",
            "/?%20_method=x",
            "/?+_method=x",
            "/?_method[]=x",
            "/?_method%00=x",
            "/?_method%5b=x",
            "/?[_method]=x",
            "/?%5b_method%5D=x",
        ] {
            assert!(Request::new(&headers(&[(":path", target)])).overrides_method_or_path(), "{target}");
        }
        for target in ["/_method", "/a?x=_method", "/a?a_method=1", "/a", "/a?", "/a?%5=1&%"] {
            assert!(!Request::new(&headers(&[(":path", target)])).overrides_method_or_path(), "{target}");
        }
    }

    #[test]
    fn grpc_is_what_envoy_takes_for_it() {
        for (kind, grpc) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc-web", false),
            ("application/grpc;x", false),
            ("application/json", false),
        ] {
            assert_eq!(Request::new(&headers(&[("content-type", kind)])).is_grpc(), grpc, "{kind}");
        }
        let two = headers(&[("content-type", "application/grpc"), ("content-type", "text/plain")]);
        assert!(!Request::new(&two).is_grpc());
    }

    #[test]
    fn connection_options_of_all_headers() {
        let two = headers(&[("connection", "close, Authorization"), ("connection", "x-a ,\tx-b")]);
        let options: Vec<_> = Request::new(&two).connection_options().collect();
        assert_eq!(options, ["close", "Authorization", "x-a", "x-b"]);
    }
}
