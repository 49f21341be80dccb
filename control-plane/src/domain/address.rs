//! Lists of addresses that credentials may come from.

use std::net::IpAddr;

use gatepass::address::Range;
use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most entries of a token's own list, after ranges have become CIDRs.
pub const MAX_TOKEN_ENTRIES: usize = 64;
/// Most entries of the system-wide list, after ranges have become CIDRs.
pub const MAX_GLOBAL_ENTRIES: usize = 1000;
/// Longest entry as it is written, in bytes: two addresses with room to spare.
pub const MAX_ENTRY: usize = 128;

/// Addresses and CIDRs in canonical form; an empty list admits every address.
///
/// IPv4-mapped IPv6 (`::ffff:10.0.0.1`) counts as IPv4, in the list and in the address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpList(Vec<IpNet>);

impl IpList {
    /// Whether the list admits every address.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of CIDRs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether credentials from `address` are admitted. An unreadable address (`None`) fails every list that has an
    /// entry.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        self.is_empty() || address.is_some_and(|ip| self.0.iter().any(|net| net.contains(&ip.to_canonical())))
    }

    /// Whether every address that `narrower` admits is admitted by this list as well.
    pub fn covers(&self, narrower: &Self) -> bool {
        if self.is_empty() {
            return true;
        }
        // Merged, a CIDR lies in the union of some CIDRs only if it lies in one of them.
        let merged = IpNet::aggregate(&self.0);
        !narrower.is_empty() && narrower.0.iter().all(|net| merged.iter().any(|outer| outer.contains(net)))
    }

    /// The entries as text: addresses without `/32` and `/128`.
    pub fn to_strings(&self) -> Vec<String> {
        self.0.iter().map(entry_text).collect()
    }
}

impl Serialize for IpList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(entry_text))
    }
}

impl<'de> Deserialize<'de> for IpList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut nets: Vec<IpNet> =
            Vec::<Entry>::deserialize(deserializer)?.into_iter().flat_map(|e| e.0).collect();
        nets.sort();
        nets.dedup();
        Ok(Self(nets))
    }
}

/// A list of at most [`MAX_TOKEN_ENTRIES`] CIDRs, which ends being read where it has more: a range of thirteen characters
/// can come to 143 of them.
///
/// # Errors
/// It has more, or an entry is none.
pub fn of_token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpList, D::Error> {
    struct Bounded;
    impl<'de> Visitor<'de> for Bounded {
        type Value = IpList;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list of addresses, CIDRs and ranges")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<IpList, A::Error> {
            let mut nets = Vec::new();
            while let Some(Entry(more)) = entries.next_element()? {
                nets.extend(more);
                if nets.len() > MAX_TOKEN_ENTRIES {
                    let problem =
                        format_args!("comes to more than {MAX_TOKEN_ENTRIES} CIDRs, which is the most");
                    return Err(A::Error::custom(problem));
                }
            }
            nets.sort();
            nets.dedup();
            Ok(IpList(nets))
        }
    }
    deserializer.deserialize_seq(Bounded)
}

fn entry_text(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

/// One entry as it is written: an address, a CIDR or a range `a-b`.
struct Entry(Vec<IpNet>);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_entry(&text).map(Self).ok_or_else(|| {
            D::Error::custom(
                "not an IP address, a CIDR such as 10.0.0.0/8 or a range such as 10.0.0.1-10.0.0.9",
            )
        })
    }
}

fn parse_entry(text: &str) -> Option<Vec<IpNet>> {
    if text.len() > MAX_ENTRY {
        return None;
    }
    if let Some((first, last)) = text.split_once('-') {
        return parse_range(first.trim(), last.trim());
    }
    text.parse::<Range>().ok().map(|range| vec![range.net()])
}

fn parse_range(first: &str, last: &str) -> Option<Vec<IpNet>> {
    let ends = (first.parse::<IpAddr>().ok()?.to_canonical(), last.parse::<IpAddr>().ok()?.to_canonical());
    match ends {
        (IpAddr::V4(a), IpAddr::V4(b)) if a <= b => Some(Ipv4Subnets::new(a, b, 0).map(IpNet::V4).collect()),
        (IpAddr::V6(a), IpAddr::V6(b)) if a <= b => Some(Ipv6Subnets::new(a, b, 0).map(IpNet::V6).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> IpList {
        serde_json::from_value(serde_json::json!(entries)).unwrap()
    }

    #[test]
    fn entries_become_canonical_cidrs() {
        for (written, kept) in [
            (vec!["10.1.2.3"], vec!["10.1.2.3"]),
            (vec!["10.1.2.3/32"], vec!["10.1.2.3"]),
            (vec!["10.1.2.3/8"], vec!["10.0.0.0/8"]),
            (vec!["::ffff:10.1.2.3"], vec!["10.1.2.3"]),
            (vec!["::ffff:10.0.0.0/104"], vec!["10.0.0.0/8"]),
            (vec!["2001:DB8::7"], vec!["2001:db8::7"]),
            (vec!["10.0.0.0-10.0.0.255"], vec!["10.0.0.0/24"]),
            (vec!["10.0.0.1 - 10.0.0.4"], vec!["10.0.0.1", "10.0.0.2/31", "10.0.0.4"]),
            (vec!["10.0.0.9-10.0.0.9"], vec!["10.0.0.9"]),
            (vec!["2001:db8::-2001:db8::1"], vec!["2001:db8::/127"]),
            (vec!["0.0.0.0-255.255.255.255"], vec!["0.0.0.0/0"]),
            (vec!["10.0.0.2", "10.0.0.1", "10.0.0.2"], vec!["10.0.0.1", "10.0.0.2"]),
        ] {
            assert_eq!(list(&written).to_strings(), kept, "{written:?}");
        }
    }

    #[test]
    fn what_is_no_entry_is_named_by_its_place() {
        for bad in [
            "",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.9-10.0.0.1",
            "10.0.0.1-::1",
            "a",
            "10.0.0.1-",
            " 10.0.0.1",
            &format!("10.0.0.1-{}10.0.0.1", " ".repeat(MAX_ENTRY)),
        ] {
            let json = serde_json::json!(["10.0.0.1", bad]).to_string();
            let mut parser = serde_json::Deserializer::from_str(&json);
            let error = serde_path_to_error::deserialize::<_, IpList>(&mut parser).unwrap_err();
            assert_eq!(error.path().to_string(), "[1]", "{bad:?}");
        }
    }

    #[test]
    fn addresses_are_admitted() {
        let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert!(list(&[]).admits(None) && list(&[]).admits(ip("10.0.0.1")));
        assert!(list(&["10.0.0.0/8"]).admits(ip("10.255.255.255")));
        assert!(list(&["10.0.0.0/8"]).admits(ip("::ffff:10.0.0.1")));
        assert!(!list(&["10.0.0.0/8"]).admits(ip("11.0.0.0")));
        assert!(!list(&["::/0"]).admits(ip("10.0.0.1")));
        assert!(!list(&["::/0", "0.0.0.0/0"]).admits(None));
    }

    #[test]
    fn a_narrower_list_is_covered() {
        assert!(list(&[]).covers(&list(&[])));
        assert!(list(&[]).covers(&list(&["10.0.0.1"])));
        assert!(!list(&["10.0.0.1"]).covers(&list(&[])), "the empty list is the widest");
        assert!(list(&["10.0.0.0/8"]).covers(&list(&["10.1.0.0/16", "10.2.0.1"])));
        assert!(!list(&["10.0.0.0/8"]).covers(&list(&["10.1.0.0/16", "11.0.0.1"])));
        assert!(
            list(&["10.0.0.0/9", "10.128.0.0/9"]).covers(&list(&["10.0.0.0/8"])),
            "the halves make the whole"
        );
    }
}
