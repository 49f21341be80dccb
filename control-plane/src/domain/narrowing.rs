//! Edits of a token. They only narrow it: nobody who was refused before is admitted after.

use gatepass::config::wire::ScopeRule;
use gatepass::path::{PathPrefix, RequestPath};
use serde::Deserialize;
use utoipa::ToSchema;

use super::address::{IpList, MAX_TOKEN_ENTRIES};
use super::choice::given;
use super::malformed::Malformed;
use super::settings::Settings;
use super::token::Token;
use super::{text, time};
use crate::schema;

/// What is to change. A missing field stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TokenPatch {
    /// What it is for.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = schema::Text, required = false)]
    pub description: Option<String>,
    /// An earlier end, in the future.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = schema::Time, required = false)]
    pub expires_at: Option<Option<String>>,
    /// A narrower scope. It is never taken away.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = schema::ScopeName, required = false)]
    pub scope: Option<Option<String>>,
    /// Fewer addresses, and never none: an empty list would admit every address.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = schema::TokenIps, required = false)]
    pub allowed_ips: Option<IpList>,
    /// Whether it may manage; only `false`, unless it may.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = bool, required = false)]
    pub control_plane: Option<bool>,
    /// Whether it works: `false` disables it, for the time being.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = bool, required = false)]
    pub enabled: Option<bool>,
}

/// `token` with the edits of `patch`, but for `enabled`, at `now` in Unix seconds.
///
/// # Errors
/// The first field that is wrong, or that would widen the token.
pub fn narrowed(
    token: &Token,
    patch: &TokenPatch,
    settings: &Settings,
    now: i64,
) -> Result<Token, Malformed> {
    let mut new = token.clone();
    if let Some(description) = &patch.description {
        text::check(description, &settings.prefixes()).map_err(|problem| invalid("description", problem))?;
        new.description.clone_from(description);
    }
    if let Some(end) = &patch.expires_at {
        new.expires_at = Some(earlier(token, end.as_deref(), now)?);
    }
    if let Some(scope) = &patch.scope {
        new.scope = Some(narrower_scope(token, scope.as_deref(), settings)?);
    }
    if let Some(list) = &patch.allowed_ips {
        new.allowed_ips = fewer(token, list)?;
    }
    match patch.control_plane {
        Some(true) if !token.control_plane => {
            return Err(invalid("control_plane", "can only be taken away: create another token"));
        }
        Some(may_manage) => new.control_plane = may_manage,
        None => {}
    }
    Ok(new)
}

fn earlier(token: &Token, text: Option<&str>, now: i64) -> Result<i64, Malformed> {
    let wrong = |problem| invalid("expires_at", problem);
    let text = text.ok_or_else(|| wrong("can only become earlier, and cannot be removed"))?;
    let end =
        time::parse(text).map_err(|_| wrong("must be an RFC 3339 time such as 2027-01-31T00:00:00Z"))?;
    if token.expires_at.is_some_and(|old| end > old) {
        return Err(wrong("can only become earlier: create or rotate a token for a later end"));
    }
    // What stays as it is may be sent along, also when it has passed.
    if end <= now && token.expires_at != Some(end) {
        return Err(wrong("must lie in the future: to end a token now, revoke it"));
    }
    Ok(end)
}

fn fewer(token: &Token, list: &IpList) -> Result<IpList, Malformed> {
    let wrong = |problem: &str| invalid("allowed_ips", problem);
    if list.is_empty() && !token.allowed_ips.is_empty() {
        return Err(wrong("cannot be emptied: an empty list admits every address"));
    }
    if list.is_empty() {
        return Err(wrong("must name at least one address: a list cannot be removed, and there is none"));
    }
    if list.len() > MAX_TOKEN_ENTRIES {
        let count = list.len();
        return Err(wrong(&format!("comes to {count} CIDRs, and {MAX_TOKEN_ENTRIES} is the most")));
    }
    if !token.allowed_ips.covers(list) {
        return Err(wrong("must lie within the addresses that the token has now"));
    }
    Ok(list.clone())
}

fn narrower_scope(token: &Token, name: Option<&str>, settings: &Settings) -> Result<String, Malformed> {
    let wrong = |problem: String| invalid("scope", problem);
    let name =
        name.ok_or_else(|| wrong("cannot be removed: without one every request is admitted".to_owned()))?;
    if token.scope.as_deref() == Some(name) {
        return Ok(name.to_owned());
    }
    let Some(rules) = settings.scopes.0.get(name) else {
        let known: Vec<_> = settings.scopes.0.keys().map(String::as_str).collect();
        return Err(wrong(format!("is not one of {}", known.join(", "))));
    };
    let Some(old) = &token.scope else { return Ok(name.to_owned()) };
    let within =
        settings.scopes.0.get(old).is_some_and(|old| rules.iter().all(|rule| admits_all_of(old, rule)));
    if !within {
        return Err(wrong(format!(
            "must be within {old}: each method and path of {name} has to stand in one of its rules"
        )));
    }
    Ok(name.to_owned())
}

/// Whether the rules `outer` are seen to admit whatever `inner` admits: each of its methods on each of its paths stands
/// in one of them. Rules that only together would admit it are not put together: then it counts as wider.
fn admits_all_of(outer: &[ScopeRule], inner: &ScopeRule) -> bool {
    let paths: Vec<Option<&str>> = match &inner.paths {
        None => vec![None],
        Some(paths) => paths.iter().map(|path| Some(path.as_str())).collect(),
    };
    let pairs = inner.methods.iter().flat_map(|method| paths.iter().map(move |path| (method, *path)));
    let mut pairs = pairs.map(|(method, path)| outer.iter().any(|rule| admits(rule, method, path)));
    pairs.all(|admitted| admitted)
}

/// Whether `rule` admits the method on the path and on all that is below it; on every path without one.
fn admits(rule: &ScopeRule, method: &String, path: Option<&str>) -> bool {
    rule.methods.contains(method)
        && match (&rule.paths, path) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(outer), Some(path)) => {
                let prefixes: Vec<PathPrefix> = outer.iter().filter_map(|path| path.parse().ok()).collect();
                RequestPath::parse(Some(path.as_bytes())).is_within(&prefixes)
            }
        }
}

fn invalid(field: &str, problem: impl std::fmt::Display) -> Malformed {
    Malformed { field: field.to_owned(), problem: problem.to_string() }
}

#[cfg(test)]
mod tests;
