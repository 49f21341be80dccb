//! The policy that the filter enforces: a plugin configuration, parsed into types that cannot be wrong.

mod load;

pub(crate) use load::parse_token;
pub use load::{
    Draft, LoadError, MAX_BYTES, MAX_METHOD, MAX_METHODS, MAX_PATHS, MAX_RULES, MAX_SCOPES,
    MAX_TOKEN_HEADERS, MAX_TOKEN_IPS, MAX_TOKENS, too_many_tokens,
};

use crate::address::AllowList;
pub use crate::config::wire::{Mode, Report};
use crate::headers::HeaderName;
use crate::path::PathPrefix;
use crate::scope::Scope;
use crate::table::Table;
use crate::token::Prefix;

/// Which of the control plane's states a policy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The control plane's life.
    pub epoch: String,
    /// Rises with every change within an epoch.
    pub revision: u64,
}

/// A validated configuration. Made by [`Policy::parse`] alone.
#[derive(Debug)]
pub struct Policy {
    pub(crate) version: Version,
    pub(crate) anonymous: Mode,
    pub(crate) password_auth: Mode,
    pub(crate) foreign_credentials: Mode,
    pub(crate) allowed_ips: AllowList,
    pub(crate) protected_paths: Vec<PathPrefix>,
    pub(crate) user_header: HeaderName,
    pub(crate) token_id_header: HeaderName,
    pub(crate) forward_authorization: bool,
    pub(crate) token_headers: Vec<HeaderName>,
    pub(crate) token_prefixes: Vec<Prefix>,
    /// By name, in order.
    pub(crate) scopes: Vec<(String, Scope)>,
    pub(crate) table: Table,
    pub(crate) report: Option<Report>,
}

impl Policy {
    /// Epoch and revision.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// How many tokens the policy knows.
    pub fn tokens(&self) -> usize {
        self.table.len()
    }

    /// Whether the configuration asks for usage reports.
    pub fn wants_reports(&self) -> bool {
        self.report.is_some()
    }

    /// Where usage reports go, if any are sent.
    pub fn report(&self) -> Option<&Report> {
        self.report.as_ref()
    }

    /// The scope of this name.
    pub(crate) fn scope(&self, name: &str) -> Option<&Scope> {
        let at = self.scopes.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        self.scopes.get(at).map(|(_, scope)| scope)
    }

    /// The tokens.
    pub fn table(&self) -> &Table {
        &self.table
    }
}
