//! A host and a port.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// An address or a name, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    host: String,
    port: u16,
}

/// Neither `name:port`, nor `address:port`, nor `[address]:port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected HOST:PORT, such as jira.internal:8080, 10.1.2.3:8080 or [2001:db8::7]:8080")]
pub struct InvalidHostPort;

impl HostPort {
    /// As Envoy's `core.v3.Address`, in YAML.
    pub(super) fn socket_address(&self) -> String {
        let host = super::quoted(&self.host);
        format!("{{socket_address: {{address: {host}, port_value: {}}}}}", self.port)
    }

    /// Envoy's type of a cluster that leads there: names are looked up again and again.
    pub(super) fn discovery(&self) -> &'static str {
        if self.host.parse::<IpAddr>().is_ok() { "STATIC" } else { "STRICT_DNS" }
    }
}

impl From<SocketAddr> for HostPort {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

impl FromStr for HostPort {
    type Err = InvalidHostPort;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let (host, port) = text.rsplit_once(':').ok_or(InvalidHostPort)?;
        let is_label = |label: &str| {
            let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            inner && (1..=63).contains(&label.len())
        };
        let port = port.parse().ok().filter(|port| *port > 0).ok_or(InvalidHostPort)?;
        if host.len() > 253 || !host.trim_end_matches('.').split('.').all(is_label) {
            return Err(InvalidHostPort);
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_have_a_port() {
        for (text, host, discovery) in [
            ("jira.internal:8080", "jira.internal", "STRICT_DNS"),
            ("10.1.2.3:8080", "10.1.2.3", "STATIC"),
            ("[2001:db8::7]:8080", "2001:db8::7", "STATIC"),
        ] {
            let parsed: HostPort = text.parse().unwrap();
            assert_eq!((parsed.host.as_str(), parsed.port, parsed.discovery()), (host, 8080, discovery));
        }
        for text in [
            "",
            "jira",
            "jira:",
            "jira:0",
            "jira:70000",
            ":80",
            "a b:80",
            "http://jira:80",
            "a..b:80",
            "::1:80",
        ] {
            assert_eq!(text.parse::<HostPort>(), Err(InvalidHostPort), "{text}");
        }
    }
}
