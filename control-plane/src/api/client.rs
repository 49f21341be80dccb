//! Where a request comes from.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use gatepass::address;
use ipnet::IpNet;

/// Proxies that end TLS in front of this server; only their `x-forwarded-for` counts.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(pub Vec<IpNet>);

impl TrustedProxies {
    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }

    /// Whether `peer` may speak to this server in clear: a stated proxy, which ends TLS, or somebody on this machine.
    pub fn admits(&self, peer: IpAddr) -> bool {
        peer.to_canonical().is_loopback() || self.trusts(peer)
    }

    /// The client's address: the peer's, or behind trusted proxies the last hop, from the right, that is none of them.
    /// `None` when a trusted proxy tells something unreadable: that fails every IP list.
    pub(super) fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let mut client = peer.ip().to_canonical();
        let mut lines: Vec<&[u8]> = headers.get_all("x-forwarded-for").iter().map(|v| v.as_bytes()).collect();
        while self.trusts(client) {
            let Some(line) = lines.pop() else { break };
            let (rest, hop) = match line.iter().rposition(|b| *b == b',') {
                Some(comma) => (line.get(..comma), line.get(comma + 1..)),
                None => (None, Some(line)),
            };
            lines.extend(rest);
            client = address::parse_source(hop?.trim_ascii())?;
        }
        Some(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_the_last_hop_that_is_no_trusted_proxy() {
        let proxies = TrustedProxies(vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
        for (peer, forwarded, expected) in [
            ("192.0.2.1:5", vec![], Some("192.0.2.1")),
            ("192.0.2.1:5", vec!["198.51.100.7"], Some("192.0.2.1")),
            ("10.0.0.1:5", vec![], Some("10.0.0.1")),
            ("10.0.0.1:5", vec!["198.51.100.7"], Some("198.51.100.7")),
            ("10.0.0.1:5", vec!["203.0.113.9, 198.51.100.7"], Some("198.51.100.7")),
            ("10.0.0.1:5", vec!["203.0.113.9", "198.51.100.7"], Some("198.51.100.7")),
            ("10.0.0.1:5", vec!["198.51.100.7, 10.0.0.2"], Some("198.51.100.7")),
            ("10.0.0.1:5", vec!["198.51.100.7", "10.0.0.2,10.0.0.3"], Some("198.51.100.7")),
            ("10.0.0.1:5", vec!["10.0.0.3, 10.0.0.2"], Some("10.0.0.3")),
            ("[::1]:5", vec!["198.51.100.7:4711"], Some("198.51.100.7")),
            ("[::1]:5", vec!["[2001:db8::1]:4711"], Some("2001:db8::1")),
            ("[::1]:5", vec!["[2001:db8::1]"], Some("2001:db8::1")),
            ("[::ffff:10.0.0.1]:5", vec!["::ffff:198.51.100.7"], Some("198.51.100.7")),
            ("10.0.0.1:5", vec!["unknown"], None),
            ("10.0.0.1:5", vec!["198.51.100.7, "], None),
            ("10.0.0.1:5", vec!["x, 198.51.100.7"], Some("198.51.100.7")),
        ] {
            let mut headers = HeaderMap::new();
            for line in &forwarded {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            let expected = expected.map(|text| text.parse::<IpAddr>().unwrap());
            assert_eq!(proxies.client(peer.parse().unwrap(), &headers), expected, "{peer} {forwarded:?}");
        }
    }
}
