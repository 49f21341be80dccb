//! The filter's own decision on a request that nobody has sent: what is asked about is put into the one place of it that a
//! secret would stand in, and the filter's code does the rest.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepass::config::wire;
use gatepass::decision::{Refusal, Verdict, decide};
use gatepass::policy::Policy;
use gatepass::request::{Request, Surroundings};
use gatepass::token::{PlainToken, Prefix};

use crate::domain::settings::Settings;
use crate::domain::token::Token;
use crate::error::Error;
use crate::random::Random;
use crate::snapshot::Snapshot;

/// Stands for a password, and for a Bearer value that is no token of this product's.
const NO_TOKEN: &str = "x";

/// A request, but for its credentials.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// As it reaches the filter.
    pub(super) address: IpAddr,
    pub(super) method: String,
    /// With its query, if it has one.
    pub(super) path: String,
    /// Unix time in seconds.
    pub(super) at: i64,
}

/// What credentials a request has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Credentials<'a> {
    /// None.
    None,
    /// Basic with a user name and what is no token.
    Password(&'a str),
    /// Bearer with what is no token of this product's.
    Other,
    /// The token of this number among those that the gate was made with, by Basic if there is a user name.
    Token { number: usize, basic_user: Option<&'a str> },
}

/// What the filter decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// As in the access log.
    pub(super) decision: &'static str,
    /// Why it refuses, if it does.
    pub(super) refusal: Option<Refusal>,
    /// Whether the token itself was recognised and refused, rather than the request before anybody looked.
    pub(super) of_token: bool,
}

/// The filter, with what it enforces but for the secrets: the tokens that are asked about have others here, drawn for one
/// answer and forgotten with it.
pub(super) struct Gate {
    policy: Policy,
    stand_ins: Vec<PlainToken>,
}

impl Gate {
    /// The filter as proxies run it by `snapshot`, with these tokens; those that the snapshot does not hold are as unknown
    /// here as there.
    pub(super) fn new(
        snapshot: &Snapshot,
        settings: &Settings,
        tokens: &[Token],
        random: &dyn Random,
    ) -> Result<Self, Error> {
        let mut stand_ins = Vec::with_capacity(tokens.len());
        for token in tokens {
            // What the secret begins with tells the filter whether it is a token at all.
            // Of an entry that is not known: it is taken to be one that new tokens have.
            let known = Some(token.prefix.as_str()).filter(|_| !token.is_entry());
            let prefix = known.or_else(|| settings.token_prefixes.first().map(String::as_str));
            let prefix = prefix.and_then(|prefix| prefix.parse::<Prefix>().ok());
            let prefix = prefix.ok_or_else(|| broken("a token's prefix is none"))?;
            stand_ins.push(PlainToken::generate(&prefix, |buffer| random.fill(buffer))?);
        }
        let mut configuration = snapshot.of_some(tokens.iter().map(|token| &token.digest));
        for told in configuration.tokens.iter_mut().flatten() {
            replace_secret(told, tokens, &stand_ins)?;
        }
        let policy = Policy::from_wire(configuration);
        let policy = policy.map_err(|error| broken(&format!("the filter refuses a part of it: {error}")))?;
        Ok(Self { policy, stand_ins })
    }

    /// What the filter decides.
    pub(super) fn decide(&self, asked: &Asked, credentials: Credentials<'_>) -> Outcome {
        let authorization = self.authorization(credentials);
        let mut headers = vec![(":method", asked.method.as_bytes()), (":path", asked.path.as_bytes())];
        headers.extend(authorization.as_ref().map(|value| ("authorization", value.as_bytes())));
        match decide(Some(&self.policy), Request::new(&headers), asked).verdict {
            Verdict::Allow(allow) => Outcome { decision: allow.decision(), refusal: None, of_token: false },
            Verdict::Refuse { reason, token_id } => {
                Outcome { decision: reason.decision(), refusal: Some(reason), of_token: token_id.is_some() }
            }
        }
    }

    fn authorization(&self, credentials: Credentials<'_>) -> Option<String> {
        let basic =
            |user: &str, secret: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")));
        match credentials {
            Credentials::None => None,
            Credentials::Password(user) => Some(basic(user, NO_TOKEN)),
            Credentials::Other => Some(format!("Bearer {NO_TOKEN}")),
            Credentials::Token { number, basic_user } => {
                let secret = self.stand_ins.get(number)?.expose();
                Some(basic_user.map_or_else(|| format!("Bearer {secret}"), |user| basic(user, secret)))
            }
        }
    }
}

fn replace_secret(told: &mut wire::Token, tokens: &[Token], stand_ins: &[PlainToken]) -> Result<(), Error> {
    let mut pairs = tokens.iter().zip(stand_ins);
    let pair = pairs.find(|(token, _)| token.id == told.id);
    let (_, stand_in) = pair.ok_or_else(|| broken("a token is published under another's id"))?;
    told.sha256 = stand_in.digest().to_string();
    Ok(())
}

fn broken(problem: &str) -> Error {
    Error::Internal(format!("the snapshot could not be asked: {problem}"))
}

impl Surroundings for Asked {
    fn source_address(&self) -> Option<IpAddr> {
        Some(self.address)
    }

    fn now(&self) -> Option<u64> {
        u64::try_from(self.at).ok()
    }
}
