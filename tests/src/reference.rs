//! What the filter decides, written a second time, from the contract alone: plain, slow, and without a look at the
//! filter. The rows below are those of the contract's table, in its order. `end_to_end/differential.rs` asks the real
//! filter in the real Envoy the same questions and compares.
//!
//! Where the contract leaves room, the filter takes the stricter reading, and so does this:
//! - every escape in a path is decoded (`docs/decisions/0003-decoded-paths.md`);
//! - every `Authorization` must begin with a scheme, which a space or the end follows, or it is malformed ([`credentials`]);
//! - a token counts as held in whatever decodes from base64, not under Basic alone ([`token::held`]);
//! - the names of token headers are compared folded, as those of identity headers are;
//! - `_method` is found in every spelling that some parser takes for it ([`scope`]).

pub mod address;
pub mod credentials;
pub mod enforced;
pub mod path;
pub mod policy;
pub mod scope;
#[cfg(test)]
mod tests;
pub mod token;

use std::net::IpAddr;

use credentials::Credentials;
use policy::{Mode, Policy, Token};

/// A header as it reaches the filter: its name in lower case and its value.
pub type Header = (String, Vec<u8>);

/// A request as it reaches the filter.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, as sent.
    pub method: String,
    /// Path and query; `None` where there is none.
    pub target: Option<Vec<u8>>,
    /// The headers, without the host.
    pub headers: Vec<Header>,
    /// Where it comes from; `None` if that cannot be read.
    pub source: Option<IpAddr>,
    /// Unix time in seconds.
    pub now: u64,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The filter answers by itself.
    Refused {
        /// The problem document's code; the decision's name is `refuse.` and this.
        code: &'static str,
        /// The id of a token that was recognised and refused.
        token_id: Option<String>,
    },
    /// It goes on to the service.
    Forwarded {
        /// The decision's name.
        decision: &'static str,
        /// All headers that the service is to see.
        headers: Vec<Header>,
    },
}

impl Answer {
    fn refused(code: &'static str) -> Self {
        Self::Refused { code, token_id: None }
    }

    fn forwarded(decision: &'static str, headers: Vec<Header>) -> Self {
        Self::Forwarded { decision, headers }
    }

    /// The decision's name, as in the filter state.
    pub fn decision(&self) -> String {
        match self {
            Self::Refused { code, .. } => format!("refuse.{code}"),
            Self::Forwarded { decision, .. } => (*decision).to_owned(),
        }
    }
}

/// The status code that belongs to a refusal.
pub fn status(code: &str) -> u16 {
    match code {
        "not_ready" => 503,
        "credentials_missing" => 401,
        "authorization_malformed" => 400,
        _ => 403,
    }
}

/// What a gRPC caller gets for a status code.
pub fn grpc_status(status: u16) -> &'static str {
    match status {
        400 => "3",
        401 => "16",
        403 => "7",
        503 => "14",
        _ => "13",
    }
}

/// Decides on a request.
pub fn decide(policy: Option<&Policy>, request: &Request) -> Answer {
    // Row 1.
    let Some(policy) = policy else { return Answer::refused("not_ready") };
    let forged = |name: &str| is_identity(policy, name);
    let clean: Vec<Header> = request.headers.iter().filter(|(name, _)| !forged(name)).cloned().collect();
    let target = request.target.as_deref();

    // Row 2.
    if !path::covered(target, &policy.protected_paths).unwrap_or(true) {
        // A header goes with all its lines when one of them holds a token.
        let holds = |(name, value): &&Header| {
            is_credential(policy, name) && token::held(&policy.token_prefixes, value)
        };
        let gone: Vec<&str> = clean.iter().filter(holds).map(|(name, _)| name.as_str()).collect();
        let kept = |(name, _): &&Header| !gone.contains(&name.as_str());
        return Answer::forwarded("allow.unprotected", clean.iter().filter(kept).cloned().collect());
    }

    // Row 3.
    let given: Vec<&Header> = clean.iter().filter(|(name, _)| is_credential(policy, name)).collect();
    if given.is_empty() {
        return match policy.anonymous {
            Mode::Refuse => Answer::refused("credentials_missing"),
            Mode::Forward => Answer::forwarded("allow.anonymous", clean),
        };
    }

    // Row 4.
    let [(name, value)] = given.as_slice() else { return Answer::refused("authorization_malformed") };
    let Some(credentials) = credentials::read(name, value) else {
        return Answer::refused("authorization_malformed");
    };
    if connection_names_what_counts(policy, &request.headers) {
        return Answer::refused("authorization_malformed");
    }

    // Row 5.
    if !address::admitted(&policy.allowed_ips, request.source) {
        return Answer::refused("ip_not_allowed");
    }

    // Row 6.
    if let Some(token) = recognised(policy, &credentials) {
        return decide_on_token(policy, token, request, clean);
    }

    // Row 7.
    let is_token_header = matches!(credentials, Credentials::TokenHeader(_));
    if is_token_header || token::held(&policy.token_prefixes, value) {
        return Answer::refused("credentials_unknown");
    }

    // Rows 8 and 9.
    let (mode, decision, code) = match credentials {
        Credentials::Basic { .. } => (policy.password_auth, "allow.password", "password_refused"),
        _ => (policy.foreign_credentials, "allow.foreign", "scheme_refused"),
    };
    match mode {
        Mode::Forward => Answer::forwarded(decision, clean),
        Mode::Refuse => Answer::refused(code),
    }
}

/// Row 6: the token that the credentials match, and for Basic with its owner's name.
fn recognised<'p>(policy: &'p Policy, credentials: &Credentials) -> Option<&'p Token> {
    let (value, user) = match credentials {
        Credentials::Bearer(value) | Credentials::TokenHeader(value) => (value, None),
        Credentials::Basic { user, secret } => (secret, Some(user)),
        Credentials::Other => return None,
    };
    if !token::is_token(&policy.token_prefixes, value) {
        return None;
    }
    let digest = token::digest(value);
    let token = policy.tokens.iter().find(|token| token.sha256 == digest)?;
    user.is_none_or(|user| user == token.user.as_bytes()).then_some(token)
}

/// The token's own checks, and what the service sees of an admitted one.
fn decide_on_token(policy: &Policy, token: &Token, request: &Request, clean: Vec<Header>) -> Answer {
    let refused = |code| Answer::Refused { code, token_id: Some(token.id.clone()) };
    if let Some(code) = token.refuse {
        return refused(code);
    }
    if token.expires_at.is_some_and(|expires_at| request.now >= expires_at) {
        return refused("token_expired");
    }
    if !address::admitted(&token.allowed_ips, request.source) {
        return refused("ip_not_allowed");
    }
    if token.scope.as_ref().is_some_and(|rules| !scope::admits(rules, request)) {
        return refused("scope_exceeded");
    }
    let kept = |name: &str| policy.forward_authorization || !is_credential(policy, name);
    let mut headers: Vec<Header> = clean.into_iter().filter(|(name, _)| kept(name)).collect();
    headers.push((policy.user_header.clone(), token.user.clone().into_bytes()));
    headers.push((policy.token_id_header.clone(), token.id.clone().into_bytes()));
    Answer::forwarded("allow.token", headers)
}

/// A name with all but letters and digits mapped to `-`.
pub fn folded(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

fn is_identity(policy: &Policy, name: &str) -> bool {
    let name = folded(name);
    name == folded(&policy.user_header)
        || name == folded(&policy.token_id_header)
        || name.starts_with("x-gatepass-")
}

/// Token headers in any spelling that folds to them: the service may not tell `x_api_key` from `x-api-key`.
fn is_credential(policy: &Policy, name: &str) -> bool {
    let name = folded(name);
    name == "authorization" || policy.token_headers.iter().any(|header| folded(header) == name)
}

/// Row 4: `Connection` would have the next proxy take out what the decision rests on. Envoy takes out the header and
/// what it names before any filter, so that only other proxies let it come this far.
fn connection_names_what_counts(policy: &Policy, headers: &[Header]) -> bool {
    headers.iter().filter(|(name, _)| name == "connection").any(|(_, value)| {
        let value = String::from_utf8_lossy(value).to_ascii_lowercase();
        let counts = |name: &str| is_credential(policy, name) || is_identity(policy, name);
        value.split(',').any(|name| counts(name.trim()))
    })
}
