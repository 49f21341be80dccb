//! What is compared with what.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::http::Requests;
use crate::random::Random;
use crate::tokens::Tokens;

/// Tokens that the rivals know: as many as the Gatepass table that they are compared with.
pub const RIVALS_KNOW: usize = 100_000;

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Credentials {
    /// A known token as Bearer.
    Bearer,
    /// A known token as a Basic password.
    Basic,
    /// The same, of users that have one token each.
    BasicOnly,
    /// A well-formed token that is not known, as Bearer.
    Unknown,
}

/// One row of the comparison: a listener, and what is sent to it.
#[derive(Clone, Debug, Serialize)]
pub struct Variant {
    /// What it is, for people.
    pub label: String,
    /// Its name in the results.
    pub key: String,
    /// Its listener.
    pub listener: String,
    /// What requests carry.
    pub credentials: Credentials,
    /// Tokens in its table, all of which are used.
    pub tokens: usize,
}

impl Variant {
    /// A row: `tokens` in the listener's table are used.
    pub fn new(label: &str, listener: &str, credentials: Credentials, tokens: usize) -> Self {
        let suffix = match credentials {
            Credentials::Bearer => "",
            Credentials::Basic | Credentials::BasicOnly => "-basic",
            Credentials::Unknown => "-refuse",
        };
        let key = format!("{listener}{suffix}");
        Self { label: label.to_owned(), key, listener: listener.to_owned(), credentials, tokens }
    }

    /// The status that every response must have.
    pub fn expected(&self) -> u16 {
        if self.credentials == Credentials::Unknown { 403 } else { 200 }
    }

    /// Writes down `count` requests to `path`, each with a token drawn at random.
    pub fn requests(&self, count: usize, path: &str, tokens: &Tokens, random: &mut Random) -> Requests {
        let mut requests = Requests::default();
        for _ in 0..count {
            let index = random.below(self.tokens);
            let authorization = match self.credentials {
                Credentials::Bearer => format!("Bearer {}", tokens.plain(index)),
                Credentials::Basic => basic(&Tokens::user(index), tokens.plain(index)),
                Credentials::BasicOnly => basic(&Tokens::only_user(index), tokens.plain(index)),
                Credentials::Unknown => format!("Bearer {}", tokens.unknown(random)),
            };
            requests.add(path, &authorization);
        }
        requests
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The listener of Gatepass with that many tokens.
pub fn gatepass_listener(tokens: usize) -> String {
    format!("gatepass-{tokens}")
}

/// Every row, for Gatepass tables of these sizes.
pub fn all(sizes: &[usize]) -> Vec<Variant> {
    use Credentials::{Basic, BasicOnly, Bearer, Unknown};
    let mut rows = vec![
        Variant::new("bare: router only", "bare", Bearer, RIVALS_KNOW),
        Variant::new("no-op wasm filter", "noop", Bearer, RIVALS_KNOW),
        Variant::new("Gatepass's host calls alone", "calls", Bearer, RIVALS_KNOW),
    ];
    for size in sizes {
        let listener = gatepass_listener(*size);
        let plural = if *size == 1 { "" } else { "s" };
        let label = |what: &str| format!("Gatepass, {} token{plural}, {what}", grouped(*size));
        rows.push(Variant::new(&label("Bearer"), &listener, Bearer, *size));
        rows.push(Variant::new(&label("Basic"), &listener, Basic, *size));
        rows.push(Variant::new(&label("refused"), &listener, Unknown, *size));
    }
    rows.extend([
        Variant::new("Gatepass, 100,000, and seatbelt", "gatepass-seatbelt", Bearer, RIVALS_KNOW),
        Variant::new("Gatepass, 100,000, with reports", "gatepass-reports", Bearer, RIVALS_KNOW),
        Variant::new("native api_key_auth, 100,000", "api-key-auth", Bearer, RIVALS_KNOW),
        Variant::new("native basic_auth, 100,000", "basic-auth", BasicOnly, RIVALS_KNOW),
        Variant::new("Lua, 100,000 in clear", "lua", Bearer, RIVALS_KNOW),
        Variant::new("ext_authz over gRPC, 100,000", "ext-authz", Bearer, RIVALS_KNOW),
    ]);
    rows
}

/// A number with commas.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
