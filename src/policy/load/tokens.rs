//! The tokens of a plugin configuration's JSON → the table.

use std::collections::BinaryHeap;

use gatepass_records::number_of;

use super::{LoadError, MAX_TOKEN_IPS, MAX_TOKENS, parse_at, parse_list};
use crate::address::{self, Range};
use crate::config::wire::{self, Integer};
use crate::config::{ConfigError, TOO_MANY_ADDRESSES};
use crate::memory;
use crate::names;
use crate::table::{Chunk, MAX_CHUNK_TOKENS, MAX_EXPIRY, Row, Table, chunks};
use crate::token::Digest;

/// The table of a configuration's tokens; `scopes` are the names that there are, in order.
pub(super) fn parse_tokens(tokens: &[wire::Token], scopes: &[&str]) -> Result<Table, LoadError> {
    check_counts(tokens)?;
    let addresses = tokens.iter().map(|token| token.allowed_ips.len()).fold(0, usize::saturating_add);
    memory::reserve_in_pieces(addresses.saturating_mul(size_of::<[Range; 2]>()), 0)?;
    let mut rows = Vec::new();
    rows.try_reserve_exact(tokens.len())?;
    for (index, token) in tokens.iter().enumerate() {
        let row = parse_token(token, scopes).map_err(|error| error.within(&format!("tokens[{index}]")))?;
        rows.push(row);
    }
    check_ids(&rows)?;
    sort(&mut rows)?;
    build(&rows)
}

/// At most so many bytes does a token take in a chunk.
fn becomes(row: &Row<'_>) -> usize {
    /// Place, record, attribute, lengths of texts.
    const FIXED: usize = 72;
    let texts = [row.id.len(), row.user.len(), row.scope.map_or(0, str::len)];
    let ips = row.allowed_ips.len().saturating_mul(size_of::<Range>());
    texts.into_iter().fold(ips.saturating_add(FIXED), usize::saturating_add)
}

/// What is sorted: a number to sort by, then a digest, and a place in the list of tokens. Rows are large, and so would be
/// the code that moves them.
type Sorted<'r> = (u64, &'r Digest, u32);

fn sorted<'r>(rows: &'r [Row<'_>], number: fn(&Row<'_>) -> u64) -> Result<Vec<Sorted<'r>>, LoadError> {
    let mut order: Vec<Sorted<'_>> = Vec::new();
    order.try_reserve_exact(rows.len())?;
    order.extend(rows.iter().zip(0..).map(|(row, place)| (number(row), &row.digest, place)));
    // A heap is slower than the sort of slices, and a tenth of its code.
    Ok(BinaryHeap::from(order).into_sorted_vec())
}

/// Refuses an id that stands twice. Ids are told apart by their numbers as in the compact encoding, which could not hold
/// two of the same number either.
fn check_ids(rows: &[Row<'_>]) -> Result<(), LoadError> {
    let order = sorted(rows, |row| number_of(row.id.as_bytes()))?;
    let twice = order.windows(2).filter_map(|pair| match pair {
        [(one, _, first), (other, _, second)] if one == other => Some((*first).max(*second)),
        _ => None,
    });
    if let Some(place) = twice.min() {
        let id = rows.get(place as usize).map_or("", |row| row.id);
        let problem = format_args!("the id {id} stands here twice");
        return Err(ConfigError::new(format!("tokens[{place}].id"), problem).into());
    }
    Ok(())
}

/// Puts rows in the order of their digests, of which none may stand twice.
fn sort(rows: &mut [Row<'_>]) -> Result<(), LoadError> {
    let order = sorted(rows, |row| row.digest.leading())?;
    for pair in order.windows(2) {
        if let [(_, one, _), (_, other, place)] = pair
            && one == other
        {
            let field = format!("tokens[{place}].sha256");
            return Err(ConfigError::new(field, "another token has the same digest").into());
        }
    }
    let mut places: Vec<u32> = Vec::new();
    places.try_reserve_exact(order.len())?;
    places.extend(order.into_iter().map(|(_, _, place)| place));
    move_to(rows, places);
    Ok(())
}

/// Moves to each place the row that `order` names for it, along the cycles in which they have changed places.
fn move_to(rows: &mut [Row<'_>], mut order: Vec<u32>) {
    for start in 0..order.len() {
        let mut place = start;
        while let Some(from) = order.get_mut(place) {
            let from = std::mem::replace(from, u32::try_from(place).unwrap_or(u32::MAX)) as usize;
            if from == start {
                break;
            }
            rows.swap(place, from);
            place = from;
        }
    }
}

fn build(rows: &[Row<'_>]) -> Result<Table, LoadError> {
    /// A chunk that is being written: its parts, which grow, and itself twice.
    const WRITING: usize = 6 * MAX_CHUNK_TOKENS;
    let sum = rows.iter().map(becomes).fold(0, usize::saturating_add);
    let longest = rows.iter().map(becomes).max().unwrap_or(0);
    let writing = longest.saturating_mul(WRITING).min(sum.saturating_mul(6));
    memory::reserve_in_pieces(sum, writing.saturating_add(Table::overhead(rows.len().div_ceil(64))))?;
    let mut built = Vec::new();
    for bytes in chunks(rows) {
        // Every row was checked, so an error here is this code's own.
        let chunk =
            Chunk::parse(bytes.into()).map_err(|invalid| ConfigError::new(invalid.field, invalid.problem))?;
        built.push(chunk);
    }
    Table::new(built).map_err(|_| ConfigError::new("tokens", "the table could not be built").into())
}

fn check_counts(tokens: &[wire::Token]) -> Result<(), ConfigError> {
    if tokens.len() > MAX_TOKENS {
        return Err(too_many_tokens());
    }
    if tokens.iter().map(|token| token.allowed_ips.len()).sum::<usize>() > MAX_TOKEN_IPS {
        return Err(ConfigError::new("tokens", TOO_MANY_ADDRESSES));
    }
    Ok(())
}

/// What a configuration of more than [`MAX_TOKENS`] is told.
#[cold]
pub fn too_many_tokens() -> ConfigError {
    ConfigError::new("tokens", format_args!("at most {MAX_TOKENS} tokens are possible"))
}

/// One token, whose scope is one of `scopes`, which stand in order.
pub(crate) fn parse_token<'t>(token: &'t wire::Token, scopes: &[&str]) -> Result<Row<'t>, ConfigError> {
    names::check_token_id(&token.id).map_err(|problem| ConfigError::new("id", problem))?;
    names::check_user_name(&token.user).map_err(|problem| ConfigError::new("user", problem))?;
    if let Some(unknown) = token.scope.as_deref().filter(|name| scopes.binary_search(name).is_err()) {
        let problem = format_args!("there is no scope \"{unknown}\" in scopes");
        return Err(ConfigError::new("scope", problem));
    }
    Ok(Row {
        digest: parse_at("sha256", &token.sha256)?,
        id: &token.id,
        user: &token.user,
        expires_at: token.expires_at.map_or(Ok(0), parse_expiry)?,
        scope: token.scope.as_deref(),
        allowed_ips: parse_list::<Range>("allowed_ips", &token.allowed_ips, 0, address::MAX_ENTRIES)?,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use crate::policy::Policy;
    use crate::token::Digest;

    proptest! {
        #[test]
        fn tokens_may_stand_in_any_order_and_their_digests_may_begin_alike(
            digests in proptest::collection::hash_set((0_u8..3, 0_u8..3, any::<u8>()), 1..200),
        ) {
            let digests: Vec<[u8; 32]> = digests
                .into_iter()
                .map(|(first, eighth, last)| {
                    let mut digest = [0; 32];
                    (digest[0], digest[7], digest[31]) = (first, eighth, last);
                    digest
                })
                .collect();
            let token = |(index, digest): (usize, &[u8; 32])| {
                json!({"id": index.to_string(), "sha256": hex::encode(digest), "user": "fred"})
            };
            let mut tokens: Vec<serde_json::Value> = digests.iter().enumerate().map(token).collect();
            let parse = |tokens: &[serde_json::Value]| {
                Policy::parse(json!({"version": 1, "revision": "1", "tokens": tokens}).to_string().as_bytes())
            };
            let policy = parse(&tokens).unwrap();
            prop_assert_eq!(policy.tokens(), digests.len());
            for (index, digest) in digests.iter().enumerate() {
                let entry = policy.table().find(&Digest::from_bytes(*digest));
                prop_assert_eq!(entry.map(|entry| entry.id.to_owned()), Some(index.to_string()));
            }
            let mut second = tokens[0].clone();
            second["id"] = json!("second");
            tokens.push(second);
            let error = parse(&tokens).expect_err("one digest twice").to_string();
            prop_assert!(error.starts_with(&format!("tokens[{}].sha256: ", digests.len())), "{error}");
        }
    }
}
