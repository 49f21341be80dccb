//! The tokens of a plugin configuration → the table.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{LoadError, ScopeNames, parse_allow_list, parse_at};
use crate::config::ConfigError;
use crate::config::wire::{self, Integer};
use crate::names;
use crate::table::{Entry, Table};
use crate::token::Digest;

/// With the old table, the new one and what lies between, a VM of 1 GiB takes so many.
const MAX_TOKENS: usize = 1_000_000;
/// Entries of all tokens' IP lists together.
const MAX_TOKEN_IPS: usize = 1_000_000;
/// 9999-12-31T23:59:59Z. A time in milliseconds is far above it.
pub(super) const MAX_EXPIRY: u64 = 253_402_300_799;

/// The table of a configuration's tokens.
pub(super) fn parse_tokens(tokens: Vec<wire::Token>, scopes: &ScopeNames) -> Result<Table, LoadError> {
    check_counts(&tokens)?;
    check_ids(&tokens)?;
    let mut table = Table::with_room(tokens.len())?;
    let mut users: HashMap<String, Arc<str>> = HashMap::new();
    for (index, token) in tokens.into_iter().enumerate() {
        let error = |e: ConfigError| e.within(&format!("tokens[{index}]"));
        let digest: Digest = parse_at("sha256", &token.sha256).map_err(error)?;
        let entry = parse_token(token, scopes, &mut users).map_err(error)?;
        if !table.insert(digest, entry) {
            return Err(error(ConfigError::new("sha256", "another token has the same digest")).into());
        }
    }
    Ok(table)
}

fn check_counts(tokens: &[wire::Token]) -> Result<(), ConfigError> {
    if tokens.len() > MAX_TOKENS {
        return Err(ConfigError::new("tokens", format_args!("at most {MAX_TOKENS} tokens are possible")));
    }
    if tokens.iter().map(|token| token.allowed_ips.len()).sum::<usize>() > MAX_TOKEN_IPS {
        let problem = format!("all tokens' allowed_ips together have at most {MAX_TOKEN_IPS} entries");
        return Err(ConfigError::new("tokens", problem));
    }
    Ok(())
}

fn check_ids(tokens: &[wire::Token]) -> Result<(), LoadError> {
    let mut seen = HashSet::new();
    seen.try_reserve(tokens.len())?;
    for (index, token) in tokens.iter().enumerate() {
        let field = || format!("tokens[{index}].id");
        names::check_token_id(&token.id).map_err(|problem| ConfigError::new(field(), problem))?;
        if !seen.insert(token.id.as_str()) {
            return Err(
                ConfigError::new(field(), format_args!("the id {} stands here twice", token.id)).into()
            );
        }
    }
    Ok(())
}

fn parse_token(
    token: wire::Token,
    scopes: &ScopeNames,
    users: &mut HashMap<String, Arc<str>>,
) -> Result<Entry, ConfigError> {
    names::check_user_name(&token.user).map_err(|problem| ConfigError::new("user", problem))?;
    let find_scope = |name: String| {
        let unknown = || ConfigError::new("scope", format_args!("there is no scope {name:?} in scopes"));
        scopes.get(&name).copied().ok_or_else(unknown)
    };
    Ok(Entry {
        id: token.id.into_boxed_str(),
        user: Arc::clone(users.entry(token.user).or_insert_with_key(|name| Arc::from(name.as_str()))),
        expires_at: token.expires_at.map(parse_expiry).transpose()?,
        scope: token.scope.map(find_scope).transpose()?,
        allowed_ips: parse_allow_list(&token.allowed_ips)?,
        refuse: token.refuse,
    })
}

fn parse_expiry(Integer(seconds): Integer) -> Result<u64, ConfigError> {
    if !(1..=MAX_EXPIRY).contains(&seconds) {
        let problem = format!("Unix time in whole seconds is wanted, 1 to {MAX_EXPIRY} (year 9999)");
        return Err(ConfigError::new("expires_at", problem));
    }
    Ok(seconds)
}
