//! The tokens that everything is measured with, and the configurations that hold them.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepass::config::wire::{Integer, PluginConfiguration, Report, Settings, Token, VERSION};
use gatepass::token::{PlainToken, Prefix};
use sha1::{Digest as _, Sha1};

use crate::clock;
use crate::random::Random;

/// Tokens of one user.
const TOKENS_PER_USER: usize = 10;
/// Tokens that no table holds.
const UNKNOWN: usize = 20_000;
/// Digits of a ULID (Crockford's base32).
const BASE32: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Well-formed tokens. The table of n tokens has the first n of them.
pub struct Tokens {
    known: Vec<PlainToken>,
    unknown: Vec<PlainToken>,
    seed: u64,
    expires_at: u64,
}

impl Tokens {
    /// Makes `count` tokens. The same seed makes the same ones, so they are for benchmarks only.
    pub fn make(count: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let known = (0..count).map(|_| mint(&mut random)).collect();
        let unknown = (0..UNKNOWN).map(|_| mint(&mut random)).collect();
        // In a year: every look-up compares the time, as it does in use.
        Self { known, unknown, seed, expires_at: clock::unix_seconds() + 365 * 86_400 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// The token at `index` in clear.
    pub fn plain(&self, index: usize) -> &str {
        self.known[index].expose()
    }

    /// One that no table holds.
    pub fn unknown(&self, random: &mut Random) -> &str {
        self.unknown[random.below(UNKNOWN)].expose()
    }

    /// The owner of the token at `index`.
    pub fn user(index: usize) -> String {
        format!("user-{}", index / TOKENS_PER_USER)
    }

    /// The id of the token at `index`: 26 digits, as a ULID has.
    pub fn id(&self, index: usize) -> String {
        let mut random = Random::new(self.seed ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9));
        let bits = (u128::from(random.bits()) << 64) | u128::from(random.bits());
        let digit = |place: u32| char::from(BASE32[(bits >> (5 * place)) as usize % 32]);
        "01".chars().chain((0..24).map(digit)).collect()
    }

    /// The configuration with the first `count` tokens.
    pub fn configuration(&self, count: usize, with_reports: bool) -> PluginConfiguration {
        let token = |index: usize| Token {
            id: self.id(index),
            sha256: self.known[index].digest().to_string(),
            user: Self::user(index),
            expires_at: Some(Integer(self.expires_at)),
            scope: None,
            allowed_ips: Vec::new(),
            refuse: None,
        };
        PluginConfiguration {
            version: Integer(VERSION),
            epoch: "bench".to_owned(),
            revision: "1".to_owned(),
            settings: Settings::default(),
            scopes: Default::default(),
            tokens: Some((0..count).map(token).collect()),
            token_set: None,
            report: with_reports.then(Report::default),
        }
    }

    /// Writes the first `count` tokens in clear, with user and id, a line each: for the Lua script and the ext_authz
    /// server.
    pub fn write_plain(&self, count: usize, path: &Path) -> anyhow::Result<()> {
        let mut text = String::new();
        for index in 0..count {
            writeln!(text, "{} {} {}", self.plain(index), Self::user(index), self.id(index))?;
        }
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Writes the first `count` tokens as passwords of as many users, the way Envoy's `basic_auth` reads them.
    pub fn write_htpasswd(&self, count: usize, path: &Path) -> anyhow::Result<()> {
        let mut text = String::new();
        for index in 0..count {
            let digest = STANDARD.encode(Sha1::digest(self.plain(index)));
            writeln!(text, "{}:{{SHA}}{digest}", Self::only_user(index))?;
        }
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// A user of the token at `index` alone: `basic_auth` knows one password a user.
    pub fn only_user(index: usize) -> String {
        format!("only-{index}")
    }
}

/// How many of a table's first tokens [`change_one`] leaves alone.
pub fn unchanged(count: usize) -> usize {
    count / 2
}

/// Changes one token of a configuration, in its second half, to one that it did not hold before, and raises the
/// revision.
pub fn change_one(configuration: &mut PluginConfiguration, revision: u64, random: &mut Random) {
    configuration.revision = revision.to_string();
    let Some(tokens) = &mut configuration.tokens else { return };
    let count = tokens.len();
    let index = unchanged(count) + random.below(count - unchanged(count));
    if let Some(token) = tokens.get_mut(index) {
        token.sha256 = mint(random).digest().to_string();
    }
}

fn mint(random: &mut Random) -> PlainToken {
    let fill = |buffer: &mut [u8]| -> Result<(), Infallible> {
        random.fill(buffer);
        Ok(())
    };
    match PlainToken::generate(&Prefix::default(), fill) {
        Ok(token) => token,
        Err(never) => match never {},
    }
}
