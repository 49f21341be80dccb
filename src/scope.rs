//! What a scoped token may do.

use crate::path::{PathPrefix, RequestPath};
use crate::request::Request;

/// A named scope: it admits a request when any of its rules does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// At least one.
    pub rules: Vec<Rule>,
}

/// Methods, and the paths that they are admitted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Methods in upper case, compared exactly (RFC 9110 §9.1).
    pub methods: Vec<String>,
    /// Path prefixes; `None` admits every path, an ambiguous one as well.
    pub paths: Option<Vec<PathPrefix>>,
}

impl Rule {
    fn admits(&self, method: &[u8], path: &RequestPath<'_>) -> bool {
        self.methods.iter().any(|m| m.as_bytes() == method)
            && self.paths.as_ref().is_none_or(|prefixes| path.is_within(prefixes))
    }
}

impl Scope {
    /// Whether the request is within the scope. One that asks the upstream to take it for another method or path
    /// never is, whatever it asks for.
    pub fn admits(&self, request: &Request<'_>, path: &RequestPath<'_>) -> bool {
        let Some(method) = request.method() else { return false };
        !request.overrides_method_or_path() && self.rules.iter().any(|rule| rule.admits(method, path))
    }
}
