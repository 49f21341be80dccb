//! The list of addresses of one token.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::address;

/// Addresses and ranges of one token, read where they lie; an empty list admits every address, readable or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpList<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> IpList<'a> {
    /// The list at `offset`; `None` if it lies outside or says that it is empty.
    pub(super) fn read(body: &'a [u8], offset: u32) -> Option<Self> {
        let rest = body.get(offset as usize..)?;
        let (count, bytes) = rest.split_first_chunk::<2>()?;
        let list = Self { count: usize::from(u16::from_le_bytes(*count)), bytes };
        (list.count != 0 && list.iter().count() == list.count).then_some(list)
    }

    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no restriction.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether the list admits `address`; an unreadable one (`None`) fails every list that is not empty.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        self.is_empty() || address.is_some_and(|ip| self.iter().any(|range| range.contains(&ip)))
    }

    /// The ranges.
    pub fn iter(&self) -> impl Iterator<Item = IpNet> + use<'a> {
        let mut rest = self.bytes;
        (0..self.count).map_while(move |_| {
            let (range, behind) = read_range(rest)?;
            rest = behind;
            Some(range)
        })
    }

    /// Whether every range is one that JSON could have.
    pub(super) fn is_valid(&self) -> bool {
        let mapped = |range: &IpNet| match range {
            IpNet::V4(_) => false,
            IpNet::V6(v6) => v6.addr().to_ipv4_mapped().is_some(),
        };
        self.count <= address::MAX_ENTRIES
            && self.iter().all(|range| range.trunc() == range && !mapped(&range))
    }
}

fn read_range(bytes: &[u8]) -> Option<(IpNet, &[u8])> {
    let ([family, bits], rest) = bytes.split_first_chunk::<2>()?;
    match family {
        4 => {
            let (octets, rest) = rest.split_first_chunk::<4>()?;
            Some((Ipv4Net::new(Ipv4Addr::from(*octets), *bits).ok()?.into(), rest))
        }
        6 => {
            let (octets, rest) = rest.split_first_chunk::<16>()?;
            Some((Ipv6Net::new(Ipv6Addr::from(*octets), *bits).ok()?.into(), rest))
        }
        _ => None,
    }
}
