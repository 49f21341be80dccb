//! What Envoy 1.40 does to a request before a filter sees it, with paths untouched, underscores admitted and
//! `x-forwarded-for` believed. It is no rule of the filter's, so the reference does not know it.
//!
//! Envoy refuses some requests by itself; the generator makes none of them.

use std::net::{IpAddr, Ipv4Addr};

use gatepass_tests::random::requests::Sent;
use gatepass_tests::reference::{Header, Request};

/// The request as the filter sees it at that time (Unix time in seconds).
pub fn passed_on(sent: &Sent, now: u64) -> Request {
    let arrived: Vec<Header> = sent
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim_ascii().to_vec()))
        .collect();
    let headers = without_hop_by_hop(joined_authorization(arrived));
    Request {
        method: sent.method.clone(),
        target: Some(sent.target.clone().into_bytes()),
        source: Some(source(&headers)),
        headers,
        now,
    }
}

/// Several `Authorization` headers become one, with commas between; empty ones among them vanish.
fn joined_authorization(headers: Vec<Header>) -> Vec<Header> {
    let (given, mut others): (Vec<Header>, Vec<Header>) =
        headers.into_iter().partition(|(name, _)| name == "authorization");
    if !given.is_empty() {
        let values: Vec<Vec<u8>> = given.into_iter().map(|(_, v)| v).filter(|v| !v.is_empty()).collect();
        others.push(("authorization".to_owned(), values.join(&b',')));
    }
    others
}

/// `Connection` goes, and with it every header that it names but `keep-alive`.
fn without_hop_by_hop(headers: Vec<Header>) -> Vec<Header> {
    let of_connection = headers.iter().filter(|(name, _)| name == "connection");
    let named: Vec<String> = of_connection
        .flat_map(|(_, value)| {
            String::from_utf8_lossy(value)
                .to_ascii_lowercase()
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .chain(["connection".to_owned()])
        .collect();
    headers.into_iter().filter(|(name, _)| !named.contains(name)).collect()
}

/// The last address of `x-forwarded-for`, of which the generator writes one at most; else the peer's.
fn source(headers: &[Header]) -> IpAddr {
    let stated = headers.iter().find(|(name, _)| name == "x-forwarded-for");
    stated.map_or(Ipv4Addr::LOCALHOST.into(), |(_, value)| {
        String::from_utf8_lossy(value).parse().expect("the generator writes addresses")
    })
}

/// Headers that Envoy sets on what it forwards; the generator writes none of them.
pub const SET_BY_ENVOY: [&str; 7] = [
    "host",
    "content-length",
    "x-forwarded-proto",
    "x-request-id",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-internal",
    "x-envoy-external-address",
];
