//! The decision table of the product's contract, each row at its boundaries.

use std::cell::Cell;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::address::parse_source;
use crate::request::Header;
use crate::token::{PlainToken, Prefix};

mod rows;
mod tokens;

const NOW: u64 = 1_800_000_000;

/// The token whose random bytes all are `seed`.
fn token(seed: u8) -> PlainToken {
    let fill = |buffer: &mut [u8]| -> Result<(), std::convert::Infallible> {
        buffer.fill(seed);
        Ok(())
    };
    PlainToken::generate(&Prefix::default(), fill).unwrap()
}

fn freds() -> String {
    token(1).expose().to_owned()
}

fn unknown() -> String {
    token(9).expose().to_owned()
}

fn bearer(value: &str) -> String {
    format!("Bearer {value}")
}

fn basic(user: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")))
}

/// Fred's token 1 with `fields` added, below `/rest/`, with `settings` added.
fn policy(settings: Value, fields: Value) -> Policy {
    let mut all = json!({"protected_paths": ["/rest/"]});
    let mut freds = json!({"id": "t1", "sha256": token(1).digest().to_string(), "user": "fred"});
    for (target, source) in [(&mut all, settings), (&mut freds, fields)] {
        target.as_object_mut().unwrap().extend(source.as_object().unwrap().clone());
    }
    let configuration = json!({
        "version": 1, "revision": "1", "settings": all, "tokens": [freds],
        "scopes": {"read_only": [{"methods": ["GET", "HEAD", "OPTIONS"]},
                                 {"methods": ["POST"], "paths": ["/rest/api/2/search"]}]},
    });
    Policy::parse(configuration.to_string().as_bytes()).unwrap()
}

/// A host that counts what it is asked, since each question is a call out of the VM.
struct Host {
    source: Option<IpAddr>,
    now: Option<u64>,
    asked: Cell<u32>,
}

impl Host {
    fn at(source: &str) -> Self {
        Self { source: parse_source(source.as_bytes()), now: Some(NOW), asked: Cell::new(0) }
    }
}

impl Surroundings for Host {
    fn source_address(&self) -> Option<IpAddr> {
        self.asked.set(self.asked.get() + 1);
        self.source
    }

    fn now(&self) -> Option<u64> {
        self.asked.set(self.asked.get() + 1);
        self.now
    }
}

/// Leaked: a test's headers may live as long as the test.
fn request(target: &str, headers: &[(&str, &str)]) -> Vec<Header<'static>> {
    let keep = |text: &str| -> &'static str { Box::leak(Box::from(text)) };
    let mut all: Vec<Header<'static>> = vec![(":method", b"GET"), (":path", keep(target).as_bytes())];
    all.extend(headers.iter().map(|(name, value)| (keep(name), keep(value).as_bytes())));
    all
}

/// The decision's name for `GET /rest/a` with these headers, from 10.0.0.1.
fn decision(policy: &Policy, headers: &[(&str, &str)]) -> &'static str {
    decide(Some(policy), Request::new(&request("/rest/a", headers)), &Host::at("10.0.0.1:1"))
        .verdict
        .decision()
}

fn authorized(policy: &Policy, value: &str) -> &'static str {
    decision(policy, &[("authorization", value)])
}
