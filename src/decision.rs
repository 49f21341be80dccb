//! What the filter decides: [`decide`] reads like the decision table of the product's contract, row by row.

mod credentials;

use std::cell::OnceCell;
use std::net::IpAddr;

use crate::config::wire::{Mode, StatedRefusal};
use crate::headers;
use crate::path::RequestPath;
use crate::policy::Policy;
use crate::request::{Request, Surroundings};
use crate::table::Entry;
use credentials::Presented;

/// The whole answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Headers to remove before anything else, by the names they came with.
    pub remove: Vec<&'a str>,
    /// Whether the request goes on.
    pub verdict: Verdict<'a>,
}

/// Whether a request goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It goes upstream.
    Allow(Allow<'a>),
    /// The filter answers.
    Refuse {
        /// Why.
        reason: Refusal,
        /// The token that was recognised, for the log; never for the reply.
        token_id: Option<&'a str>,
    },
}

/// Why a request goes upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allow<'a> {
    /// A token was verified: the upstream is told whose.
    Token(Identity<'a>),
    /// Basic credentials for the upstream to check.
    Password,
    /// Credentials of another kind for the upstream to check.
    Foreign,
    /// No credentials.
    Anonymous,
    /// The path is not protected.
    Unprotected,
}

/// Who was verified, and the headers that say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The owner's name.
    pub user: &'a str,
    /// The token's public id.
    pub token_id: &'a str,
    /// The header that carries `user`.
    pub user_header: &'a str,
    /// The header that carries `token_id`.
    pub token_id_header: &'a str,
}

/// Why the filter answers itself: one variant a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// There is no valid configuration.
    NotReady,
    /// No credentials.
    CredentialsMissing,
    /// Credentials against their grammar, or in more than one place.
    AuthorizationMalformed,
    /// The source address is on none of the lists that must admit it.
    IpNotAllowed,
    /// A token that is unknown, or another user's.
    CredentialsUnknown,
    /// A password where passwords are refused.
    PasswordRefused,
    /// Another scheme or Bearer value where those are refused.
    SchemeRefused,
    /// The token is disabled.
    TokenDisabled,
    /// The token's owner is deactivated or suspended.
    UserInactive,
    /// The settings bar the owner from using tokens.
    UseNotAllowed,
    /// The token has ended.
    TokenExpired,
    /// The token's scope does not admit the request.
    ScopeExceeded,
    /// The host failed the filter. Not an answer that a client can change.
    InternalError,
}

impl Refusal {
    /// All of them, in the order in which they stand above.
    pub const ALL: [Self; 13] = [
        Self::NotReady,
        Self::CredentialsMissing,
        Self::AuthorizationMalformed,
        Self::IpNotAllowed,
        Self::CredentialsUnknown,
        Self::PasswordRefused,
        Self::SchemeRefused,
        Self::TokenDisabled,
        Self::UserInactive,
        Self::UseNotAllowed,
        Self::TokenExpired,
        Self::ScopeExceeded,
        Self::InternalError,
    ];
}

impl From<StatedRefusal> for Refusal {
    fn from(stated: StatedRefusal) -> Self {
        match stated {
            StatedRefusal::TokenDisabled => Self::TokenDisabled,
            StatedRefusal::UserInactive => Self::UserInactive,
            StatedRefusal::UseNotAllowed => Self::UseNotAllowed,
        }
    }
}

/// Decides one request. Without a policy (the filter has no valid configuration) every request is refused.
pub fn decide<'a>(
    policy: Option<&'a Policy>,
    request: Request<'a>,
    around: &impl Surroundings,
) -> Decision<'a> {
    let mut remove = forged_headers(policy, request);
    let verdict = match policy {
        Some(policy) => judge(policy, request, around, &mut remove),
        None => refuse(Refusal::NotReady),
    };
    Decision { remove, verdict }
}

/// Identity headers that a client sent, in any spelling: removed on every path.
fn forged_headers<'a>(policy: Option<&Policy>, request: Request<'a>) -> Vec<&'a str> {
    let mut forged = Vec::new();
    for (name, _) in request.headers() {
        if headers::is_own(name) || policy.is_some_and(|policy| is_identity_header(policy, name)) {
            push_once(&mut forged, name);
        }
    }
    forged
}

/// Trailers that no upstream may take for headers, as gRPC servers do: whoever has been authenticated was so by the
/// headers (RFC 9110 §6.5.1), so credentials and identities in trailers are all forged or out of place.
pub fn forged_trailers<'a>(policy: Option<&Policy>, trailers: Request<'a>) -> Vec<&'a str> {
    let mut forged = forged_headers(policy, trailers);
    if let Some(policy) = policy {
        credentials::names(policy, trailers).for_each(|name| push_once(&mut forged, name));
    }
    forged
}

fn is_identity_header(policy: &Policy, name: &str) -> bool {
    policy.user_header.matches(name) || policy.token_id_header.matches(name)
}

fn push_once<'a>(names: &mut Vec<&'a str>, name: &'a str) {
    if !names.contains(&name) {
        names.push(name);
    }
}

/// The rows of the decision table, in order: the first that applies decides.
fn judge<'a>(
    policy: &'a Policy,
    request: Request<'a>,
    around: &impl Surroundings,
    remove: &mut Vec<&'a str>,
) -> Verdict<'a> {
    let path = RequestPath::parse(request.target());
    if !path.is_protected(&policy.protected_paths) {
        credentials::names_holding_tokens(policy, request).for_each(|name| push_once(remove, name));
        return Verdict::Allow(Allow::Unprotected);
    }
    let presented = Presented::read(policy, request);
    if matches!(presented, Presented::Nothing) {
        return match policy.anonymous {
            Mode::Forward => Verdict::Allow(Allow::Anonymous),
            Mode::Refuse => refuse(Refusal::CredentialsMissing),
        };
    }
    if matches!(presented, Presented::Malformed) || credentials::connection_names_ours(policy, request) {
        return refuse(Refusal::AuthorizationMalformed);
    }
    let source = LazySource::new(around);
    if !policy.allowed_ips.is_empty() && !policy.allowed_ips.admits(source.address()) {
        return refuse(Refusal::IpNotAllowed);
    }
    if let Some(entry) = presented.find(policy) {
        return judge_token(policy, entry, request, &path, &source, remove);
    }
    if presented.holds_token(policy) {
        return refuse(Refusal::CredentialsUnknown);
    }
    let (mode, allow, reason) = match presented {
        Presented::Basic { .. } => (policy.password_auth, Allow::Password, Refusal::PasswordRefused),
        _ => (policy.foreign_credentials, Allow::Foreign, Refusal::SchemeRefused),
    };
    match mode {
        Mode::Forward => Verdict::Allow(allow),
        Mode::Refuse => refuse(reason),
    }
}

/// The token's own checks, in their order.
fn judge_token<'a, S: Surroundings>(
    policy: &'a Policy,
    entry: Entry<'a>,
    request: Request<'a>,
    path: &RequestPath<'_>,
    source: &LazySource<'_, S>,
    remove: &mut Vec<&'a str>,
) -> Verdict<'a> {
    if let Some(reason) = token_refusal(policy, &entry, request, path, source) {
        return Verdict::Refuse { reason, token_id: Some(entry.id) };
    }
    if !policy.forward_authorization {
        credentials::names(policy, request).for_each(|name| push_once(remove, name));
    }
    Verdict::Allow(Allow::Token(Identity {
        user: entry.user,
        token_id: entry.id,
        user_header: policy.user_header.as_str(),
        token_id_header: policy.token_id_header.as_str(),
    }))
}

fn token_refusal<S: Surroundings>(
    policy: &Policy,
    entry: &Entry<'_>,
    request: Request<'_>,
    path: &RequestPath<'_>,
    source: &LazySource<'_, S>,
) -> Option<Refusal> {
    if let Some(stated) = entry.refuse {
        return Some(stated.into());
    }
    if entry.expires_at.is_some_and(|end| source.around.now().is_none_or(|now| has_expired(now, end))) {
        return Some(Refusal::TokenExpired);
    }
    if !entry.allowed_ips.is_empty() && !entry.allowed_ips.admits(source.address()) {
        return Some(Refusal::IpNotAllowed);
    }
    // A scope that the policy does not hold admits nothing; `Policy::parse` leaves none such.
    let within =
        entry.scope.is_none_or(|name| policy.scope(name).is_some_and(|scope| scope.admits(&request, path)));
    (!within).then_some(Refusal::ScopeExceeded)
}

/// The one rule of expiry, here and in the control plane: at its very second a token has ended. Both are Unix times in
/// seconds.
pub fn has_expired<Seconds: PartialOrd>(now: Seconds, expires_at: Seconds) -> bool {
    now >= expires_at
}

fn refuse<'a>(reason: Refusal) -> Verdict<'a> {
    Verdict::Refuse { reason, token_id: None }
}

/// Asks for the source address only when a list needs it, and then once.
struct LazySource<'s, S> {
    around: &'s S,
    address: OnceCell<Option<IpAddr>>,
}

impl<'s, S: Surroundings> LazySource<'s, S> {
    fn new(around: &'s S) -> Self {
        Self { around, address: OnceCell::new() }
    }

    fn address(&self) -> Option<IpAddr> {
        *self.address.get_or_init(|| self.around.source_address())
    }
}

#[cfg(test)]
mod tests;
