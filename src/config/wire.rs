//! The JSON of the plugin configuration, as it is written. Unknown fields, duplicate keys, arrays in an object's place
//! and `null` are errors. [`PluginConfiguration::from_json`] reads it. What also stands in other JSON, such as the control
//! plane's settings, can be read by itself, and is as strict there.

use serde::{Deserialize, Serialize};

pub use super::strict::UniqueMap;
use super::strict::{given, named, object};

/// The only `version` that this crate knows.
pub const VERSION: u64 = 1;

/// A whole number. It may be written as a double, since Istio turns JSON numbers into doubles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Integer(pub u64);

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PluginConfiguration {
    /// The contract's version: 1.
    pub version: Integer,
    /// The control plane's life; revisions are compared only within one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub epoch: String,
    /// A decimal number as a string, since Istio turns JSON numbers into doubles.
    pub revision: String,
    /// What holds for every request.
    pub settings: Settings,
    /// Named scopes; a scope admits a request when any of its rules does.
    #[serde(skip_serializing_if = "UniqueMap::is_empty")]
    pub scopes: UniqueMap<Vec<ScopeRule>>,
    /// Every known token. Either these or `token_set` are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Vec<Token>>,
    /// Every known token in the compact encoding, as base64 (RFC 4648 §4): see [`crate::compact`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_set: Option<String>,
    /// Where usage reports go; none are sent without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

/// What happens to a request that the filter does not itself authenticate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The filter answers.
    #[default]
    Refuse,
    /// The request goes upstream untouched, with no identity.
    Forward,
}

/// What holds for every request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Requests without credentials.
    pub anonymous: Mode,
    /// Basic credentials that are no token.
    pub password_auth: Mode,
    /// Bearer values that are no token, and other schemes.
    pub foreign_credentials: Mode,
    /// Addresses and CIDRs that credentials may come from; empty admits every address.
    pub allowed_ips: Vec<String>,
    /// Prefixes that end at a segment.
    pub protected_paths: Vec<String>,
    /// Names of the headers that tell the upstream who was verified.
    pub identity_headers: IdentityHeaders,
    /// Whether the credentials of an admitted token go upstream as well.
    pub forward_authorization: bool,
    /// Further headers whose whole value is a token.
    pub token_headers: Vec<String>,
    /// What tokens start with; the first is used for new ones.
    pub token_prefixes: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            anonymous: Mode::Refuse,
            password_auth: Mode::Refuse,
            foreign_credentials: Mode::Refuse,
            allowed_ips: Vec::new(),
            protected_paths: vec!["/".to_owned()],
            identity_headers: IdentityHeaders::default(),
            forward_authorization: false,
            token_headers: Vec::new(),
            token_prefixes: vec![crate::token::DEFAULT_PREFIX.to_owned()],
        }
    }
}

/// Names of the identity headers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, default)]
pub struct IdentityHeaders {
    /// Carries the owner's name.
    pub user: String,
    /// Carries the token's id.
    pub token_id: String,
}

impl Default for IdentityHeaders {
    fn default() -> Self {
        Self { user: "x-gatepass-user".to_owned(), token_id: "x-gatepass-token-id".to_owned() }
    }
}

/// One rule of a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct ScopeRule {
    /// Methods that the rule admits, in upper case.
    pub methods: Vec<String>,
    /// Path prefixes that the rule admits; every path without it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
}

/// One token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Token {
    /// The public id.
    pub id: String,
    /// SHA-256 of the whole token in lower-case hex.
    pub sha256: String,
    /// The owner, whom the upstream is told.
    pub user: String,
    /// Unix time in seconds at which the token ends; never without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Integer>,
    /// A scope's name; every request without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Addresses and CIDRs that the token may be used from; empty admits every address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_ips: Vec<String>,
    /// A stated refusal: the token is known and not admitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refuse: Option<StatedRefusal>,
}

/// Why a known token is refused whatever the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatedRefusal {
    /// Disabled by its owner, a manager or an admin.
    TokenDisabled,
    /// The owner is deactivated or suspended.
    UserInactive,
    /// The settings bar the owner from using tokens.
    UseNotAllowed,
}

/// Where usage reports go.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The proxy's cluster that leads to the control plane.
    pub cluster: String,
    /// The path that reports are posted to.
    pub path: String,
    /// Milliseconds between reports.
    pub interval_ms: Integer,
}

impl Default for Report {
    fn default() -> Self {
        let (cluster, path) = ("gatepass".to_owned(), "/dataplane/v1/usage".to_owned());
        Self { cluster, path, interval_ms: Integer(10_000) }
    }
}

object!(IdentityHeaders, ScopeRule);
named!(Mode { Refuse = "refuse", Forward = "forward" });
named!(StatedRefusal {
    TokenDisabled = "token_disabled",
    UserInactive = "user_inactive",
    UseNotAllowed = "use_not_allowed",
});
