//! Source addresses and the lists that admit them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// Most entries in one list.
pub const MAX_ENTRIES: usize = 1024;

/// Reads the source address as a host gives it: `ip:port`, `[ip]:port`, or without a port. An IPv4-mapped IPv6
/// address (RFC 4291 §2.5.5.2) counts as IPv4.
pub fn parse_source(bytes: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(bytes).ok()?;
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let address = match text.parse::<SocketAddr>() {
        // A zone (`fe80::1%2`) makes an address that means something else on every interface.
        Ok(SocketAddr::V6(socket)) if socket.scope_id() != 0 => None,
        Ok(socket) => Some(socket.ip()),
        Err(_) => text.parse::<IpAddr>().ok().or_else(bracketed),
    }?;
    Some(address.to_canonical())
}

/// An allow list of addresses and CIDRs; an empty one admits every address, readable or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList(Box<[IpNet]>);

impl AllowList {
    /// A list of these ranges.
    pub fn new(ranges: Vec<Range>) -> Self {
        Self(ranges.into_iter().map(|range| range.0).collect())
    }

    /// Whether there is no restriction.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the list admits `address`; an unreadable one (`None`) fails every list that is not empty.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        self.is_empty() || address.is_some_and(|ip| self.0.iter().any(|range| range.contains(&ip)))
    }
}

/// One entry of a list: an address or a CIDR. IPv4-mapped IPv6 becomes IPv4, host bits are cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range(IpNet);

impl Range {
    /// A range of a list that was read before: without host bits, and no IPv4 address written as IPv6.
    pub(crate) fn of_checked(net: IpNet) -> Self {
        Self(net)
    }

    /// The range as a CIDR.
    pub fn net(&self) -> IpNet {
        self.0
    }
}

/// A range as text: a single address without its prefix length.
pub fn show(net: IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

/// Why an entry was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRange;

impl fmt::Display for InvalidRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an allowed address is an IPv4 or IPv6 address or CIDR, such as 10.0.0.0/8 or 2001:db8::7",
        )
    }
}

impl std::error::Error for InvalidRange {}

impl FromStr for Range {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let net = match text.split_once('/') {
            None => text.parse().ok().map(|address: IpAddr| IpNet::from(address)),
            Some((address, bits)) => read_net(address, bits),
        };
        Ok(Self(net.and_then(unmapped).ok_or(InvalidRange)?.trunc()))
    }
}

fn read_net(address: &str, bits: &str) -> Option<IpNet> {
    let plain = match bits.as_bytes() {
        // Without leading zeros: `/08` is octal to some readers.
        [b'0'] => true,
        [first, rest @ ..] => matches!(first, b'1'..=b'9') && rest.iter().all(u8::is_ascii_digit),
        [] => false,
    };
    let bits = bits.parse().ok().filter(|_| plain)?;
    IpNet::new(address.parse().ok()?, bits).ok()
}

/// `::ffff:10.0.0.0/104` is `10.0.0.0/8`. An IPv4-mapped address with a shorter prefix is `None`: `::ffff:10.0.0.1/32`
/// looks like one IPv4 address and would be a range of IPv6.
fn unmapped(net: IpNet) -> Option<IpNet> {
    const MAPPED_BITS: u8 = 96;
    let IpNet::V6(v6) = net else { return Some(net) };
    let Some(mapped) = v6.addr().to_ipv4_mapped() else { return Some(net) };
    let bits = v6.prefix_len().checked_sub(MAPPED_BITS)?;
    Ipv4Net::new(mapped, bits).ok().map(IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(entries: &[&str]) -> AllowList {
        AllowList::new(entries.iter().map(|entry| entry.parse().unwrap()).collect())
    }

    fn admits(entries: &[&str], source: &str) -> bool {
        list(entries).admits(parse_source(source.as_bytes()))
    }

    #[test]
    fn sources_come_with_and_without_a_port() {
        for text in ["10.0.0.1:80", "10.0.0.1", "[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1", "[::ffff:a00:1]"] {
            assert_eq!(parse_source(text.as_bytes()), Some("10.0.0.1".parse().unwrap()), "{text}");
        }
        for text in ["[2001:db8::7]:443", "2001:db8::7", "[2001:db8::7]"] {
            assert_eq!(parse_source(text.as_bytes()), Some("2001:db8::7".parse().unwrap()), "{text}");
        }
        for text in [
            "",
            "x",
            "10.0.0.1:",
            "10.0.0",
            "010.0.0.1",
            "/tmp/socket",
            "[fe80::1%2]:80",
            "10.0.0.1, 10.0.0.2",
        ] {
            assert_eq!(parse_source(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_source(b"\xff"), None);
    }

    #[test]
    fn an_empty_list_admits_everyone_and_any_other_fails_the_unreadable() {
        assert!(admits(&[], "10.0.0.1:1") && admits(&[], "unreadable"));
        assert!(!admits(&["0.0.0.0/0", "::/0"], "unreadable"));
    }

    #[test]
    fn ranges_at_their_ends() {
        assert!(admits(&["10.0.0.0/8"], "10.255.255.255:1") && admits(&["10.0.0.0/8"], "10.0.0.0"));
        assert!(!admits(&["10.0.0.0/8"], "11.0.0.0") && !admits(&["10.0.0.0/8"], "9.255.255.255"));
        assert!(admits(&["10.1.2.3/8"], "10.9.9.9"), "host bits are cleared");
        assert!(admits(&["2001:db8::7"], "[2001:db8::7]:1") && !admits(&["2001:db8::7"], "2001:db8::8"));
    }

    #[test]
    fn mapped_ipv6_counts_as_ipv4_on_both_sides() {
        assert!(admits(&["10.0.0.0/8"], "[::ffff:10.1.1.1]:1"));
        assert!(admits(&["::ffff:10.0.0.0/104"], "10.1.1.1:1"));
        assert!(!admits(&["::/0"], "10.1.1.1:1") && !admits(&["::/0"], "[::ffff:10.1.1.1]:1"));
        assert!(!admits(&["0.0.0.0/0"], "2001:db8::7"));
        assert!(admits(&["::/0"], "2001:db8::7"));
    }

    #[test]
    fn entries_that_are_no_address_are_refused() {
        for bad in [
            "",
            "10.0.0.0/33",
            "10.0.0",
            "::/129",
            "10.0.0.1-10.0.0.9",
            "host",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "::ffff:127.0.0.1/32",
            "::ffff:10.0.0.0/95",
        ] {
            assert_eq!(bad.parse::<Range>(), Err(InvalidRange), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse_source(&bytes);
            let _ = String::from_utf8_lossy(&bytes).parse::<Range>();
        }
    }
}
