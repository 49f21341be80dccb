//! Where credentials stand in a request, and which entry they name.

use crate::authorization::{self, Authorization, UserPass, trim};
use crate::headers::{is_named, same};
use crate::policy::Policy;
use crate::request::Request;
use crate::table::Entry;
use crate::token;

const AUTHORIZATION: &str = "authorization";

/// What a request presents, whole.
pub(super) enum Presented<'a> {
    /// No credential header at all.
    Nothing,
    /// Against the grammar, or in more than one place.
    Malformed,
    /// A Bearer value and the whole header.
    Bearer { value: &'a [u8], raw: &'a [u8] },
    /// A user and secret and the whole header.
    Basic { pair: UserPass, raw: &'a [u8] },
    /// Another scheme.
    OtherScheme { raw: &'a [u8] },
    /// The whole value of a token header.
    TokenHeader { value: &'a [u8] },
}

impl<'a> Presented<'a> {
    /// Reads the credentials of a request.
    pub(super) fn read(policy: &Policy, request: Request<'a>) -> Self {
        let mut found = credential_headers(policy, request);
        let Some((name, raw)) = found.next() else { return Self::Nothing };
        if found.next().is_some() {
            return Self::Malformed;
        }
        if is_named(name, AUTHORIZATION) { Self::read_authorization(raw) } else { Self::read_token(raw) }
    }

    fn read_authorization(raw: &'a [u8]) -> Self {
        match authorization::parse(raw) {
            Authorization::Bearer(value) => Self::Bearer { value, raw },
            Authorization::Basic(pair) => Self::Basic { pair, raw },
            Authorization::OtherScheme => Self::OtherScheme { raw },
            Authorization::Malformed => Self::Malformed,
        }
    }

    fn read_token(raw: &'a [u8]) -> Self {
        match trim(raw) {
            [] => Self::Malformed,
            value => Self::TokenHeader { value },
        }
    }

    /// The entry of the token that is presented, if it is known and, for Basic, the named user's.
    pub(super) fn find<'p>(&self, policy: &'p Policy) -> Option<Entry<'p>> {
        let look_up = |value| policy.table.find(&token::parse(value, &policy.token_prefixes)?);
        match self {
            Self::Bearer { value, .. } | Self::TokenHeader { value } => look_up(value),
            Self::Basic { pair, .. } => {
                look_up(pair.secret()).filter(|entry| entry.user.as_bytes() == pair.user())
            }
            Self::Nothing | Self::Malformed | Self::OtherScheme { .. } => None,
        }
    }

    /// Whether the value holds a token that nobody may see, or should have been one.
    pub(super) fn holds_token(&self, policy: &Policy) -> bool {
        match self {
            Self::TokenHeader { .. } => true,
            Self::Bearer { raw, .. } | Self::Basic { raw, .. } | Self::OtherScheme { raw } => {
                authorization::holds_token(raw, &policy.token_prefixes)
            }
            Self::Nothing | Self::Malformed => false,
        }
    }
}

/// `Authorization` and the configured token headers, each as often as it came.
fn credential_headers<'a>(
    policy: &Policy,
    request: Request<'a>,
) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    request.headers().filter(|(name, _)| is_credential_header(policy, name))
}

fn is_credential_header(policy: &Policy, name: &str) -> bool {
    is_named(name, AUTHORIZATION) || policy.token_headers.iter().any(|header| header.matches(name))
}

/// The names of the headers that carry credentials.
pub(super) fn names<'a>(policy: &Policy, request: Request<'a>) -> impl Iterator<Item = &'a str> {
    credential_headers(policy, request).map(|(name, _)| name)
}

/// The names of those whose value holds a token: not even an unprotected upstream gets to see one.
pub(super) fn names_holding_tokens<'a>(
    policy: &Policy,
    request: Request<'a>,
) -> impl Iterator<Item = &'a str> {
    credential_headers(policy, request)
        .filter(|(_, value)| authorization::holds_token(value, &policy.token_prefixes))
        .map(|(name, _)| name)
}

/// Whether `Connection` asks the next hop to drop a header that carries credentials or an identity.
pub(super) fn connection_names_ours(policy: &Policy, request: Request<'_>) -> bool {
    request.connection_options().any(|option| {
        same(option, AUTHORIZATION)
            || policy.user_header.matches(option)
            || policy.token_id_header.matches(option)
            || policy.token_headers.iter().any(|header| header.matches(option))
    })
}
