//! Where a server is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::{Host, Url};

/// A server's URL, without a `/` at its end: `https`, or `http` on this machine. A token is never sent in clear to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    text: String,
    is_in_clear: bool,
    is_local: bool,
}

/// Why a URL names no server that a token may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// No URL of this kind.
    #[error("write https://HOST or https://HOST:PORT")]
    Form,
    /// It holds a name or a password.
    #[error("no user name and no password belong into it")]
    Credentials,
    /// In clear over a network.
    #[error(
        "http only on this machine (localhost, 127.0.0.1, [::1]): a token is not sent in clear; use https"
    )]
    InClear,
}

impl Address {
    /// Whether it is reached without TLS, which is only so on this machine.
    pub fn is_in_clear(&self) -> bool {
        self.is_in_clear
    }

    /// Whether it is on this machine, whatever any table of names says.
    pub fn is_local(&self) -> bool {
        self.is_local
    }

    /// As it is shown and kept.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        // RFC 6761 §6.3; `network` resolves it by itself.
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| InvalidAddress::Form)?;
        if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidAddress::Form);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidAddress::Credentials);
        }
        if url.scheme() == "http" && !is_local(&url) {
            return Err(InvalidAddress::InClear);
        }
        Ok(Self {
            text: url.as_str().trim_end_matches('/').to_owned(),
            is_in_clear: url.scheme() == "http",
            is_local: is_local(&url),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_out_by_tls_or_stays_on_this_machine() {
        for (text, kept) in [
            ("https://gatepass.example.com", "https://gatepass.example.com"),
            ("https://Gatepass.Example.com:443/", "https://gatepass.example.com"),
            ("https://example.com:8443/tokens/", "https://example.com:8443/tokens"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("http://127.9.9.9", "http://127.9.9.9"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.as_str(), kept);
            assert_eq!(kept.parse(), Ok(address), "what is kept is read as what it was");
        }
        for clear in [
            "http://example.com",
            "http://10.0.0.1:8080",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://[2001:db8::1]",
            "http://0.0.0.0:8080",
        ] {
            assert_eq!(clear.parse::<Address>(), Err(InvalidAddress::InClear), "{clear}");
        }
        for bad in
            ["", "example.com", "ftp://example.com", "https://", "https://a/?b", "https://a/#b", "unix:/x"]
        {
            assert_eq!(bad.parse::<Address>(), Err(InvalidAddress::Form), "{bad}");
        }
        for named in
            ["https://fred@example.com", "https://fred:secret@example.com", "http://localhost@example.com"]
        {
            assert_eq!(named.parse::<Address>(), Err(InvalidAddress::Credentials), "{named}");
        }
    }
}
