//! Address lists.

use std::net::IpAddr;

/// An address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// An address or a CIDR range. An IPv4-mapped one is IPv4.
    ///
    /// # Panics
    /// When it is neither: the generator writes no such configuration, other than those to be rejected.
    pub fn parse(text: &str) -> Self {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(width, |bits| bits.parse().unwrap_or_else(|error| panic!("{text}: {error}")));
        match address.to_canonical() {
            IpAddr::V4(inner) if width == 128 && bits >= 96 => {
                Self { address: inner.into(), bits: bits - 96 }
            }
            _ => Self { address, bits },
        }
    }

    fn contains(self, address: IpAddr) -> bool {
        let first_bits = |address: IpAddr| match address {
            IpAddr::V4(address) => u32::from(address).checked_shr(32 - self.bits).map_or(0, u128::from),
            IpAddr::V6(address) => u128::from(address).checked_shr(128 - self.bits).unwrap_or(0),
        };
        self.address.is_ipv4() == address.is_ipv4() && first_bits(self.address) == first_bits(address)
    }
}

/// Whether a list lets an address in: an empty one does, and what cannot be read fails every other.
pub fn admitted(list: &[Network], source: Option<IpAddr>) -> bool {
    let source = source.map(|address| address.to_canonical());
    list.is_empty() || source.is_some_and(|source| list.iter().any(|network| network.contains(source)))
}
