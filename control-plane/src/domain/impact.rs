//! What a change of settings means for tokens, paths and passwords.

use std::collections::{BTreeMap, BTreeSet};

use gatepass::path::{PathPrefix, RequestPath};
use utoipa::ToSchema;

use super::authority::may_use;
use super::settings::Settings;
use super::token::{State, Token};
use super::user::Role;

/// A change of settings at a time.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// The settings that hold.
    pub old: &'a Settings,
    /// Those that are to hold.
    pub new: &'a Settings,
    /// Unix time in seconds.
    pub now: i64,
    /// Users whose tokens stop because of `suspend_after_days`.
    pub suspended: &'a BTreeSet<i64>,
    /// Users whose tokens had stopped because of it, and work again.
    pub resumed: &'a BTreeSet<i64>,
}

/// What becomes of one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// The end that the new bound allows, where the token's own is later: at most that, and not before now.
    pub cut_to: Option<i64>,
    /// Whether that end is now.
    pub ends: bool,
    /// Whether it works and its owner will not be let use it.
    pub stops: bool,
    /// Whether it works and then its owner will be suspended.
    pub suspended: bool,
    /// Whether it does not work because its owner is not let use it or is suspended, and then will be.
    pub works_again: bool,
    /// Whether the address that it was used from last is admitted, and then will not be.
    pub outside: bool,
}

impl Judge<'_> {
    /// What becomes of `token`; nothing of one that has ended. The bound holds for disabled tokens and those of deactivated
    /// people as well, since they come back.
    pub fn effect(&self, token: &Token) -> Effect {
        if !matches!(token.state(self.now), State::Active | State::Disabled) {
            return Effect::default();
        }
        let cut_to = self.cut_to(token);
        let is_barred = token.is_entry() && token.owner_role != Role::User;
        let may = |settings| token.disabled.is_none() && !is_barred && may_use(token.owner_role, settings);
        let before = token.owner_active && may(self.old);
        let returns = token.owner_active || self.resumed.contains(&token.owner_id);
        let suspended = self.suspended.contains(&token.owner_id);
        let after = returns && !suspended && may(self.new);
        let last_ip = token.last_used.as_ref().and_then(|last| last.ip);
        let was_inside = last_ip.is_some() && self.old.allowed_ips.admits(last_ip);
        Effect {
            cut_to,
            ends: cut_to.is_some_and(|end| end <= self.now),
            stops: before && !may(self.new),
            suspended: before && suspended,
            works_again: !before && after,
            outside: before && was_inside && !self.new.allowed_ips.admits(last_ip),
        }
    }

    fn cut_to(&self, token: &Token) -> Option<i64> {
        let bound = self.new.max_validity.latest_end(token.created_at)?;
        let later = token.expires_at.is_none_or(|end| end > bound);
        // What the bound ends, it ends now: an end in the past would say that the token had not worked since.
        later.then(|| bound.max(self.now)).filter(|end| token.expires_at.is_none_or(|old| *end < old))
    }
}

/// A prefix that changes sides, but for what lies below some longer ones.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, ToSchema)]
pub struct PathChange {
    /// The prefix.
    pub path: String,
    /// What stays as it was.
    pub except: Vec<String>,
}

/// The prefixes of `to` that `from` does not cover.
pub fn newly_covered(from: &[String], to: &[String]) -> Vec<PathChange> {
    let mut paths: Vec<&String> = to.iter().filter(|path| !covered(path, from)).collect();
    paths.sort();
    paths.dedup();
    let below = |path: &String| {
        let below: BTreeSet<String> =
            from.iter().filter(|other| covered(other, std::slice::from_ref(path))).cloned().collect();
        below.into_iter().collect()
    };
    paths.into_iter().map(|path| PathChange { path: path.clone(), except: below(path) }).collect()
}

fn covered(path: &str, by: &[String]) -> bool {
    let prefixes: Vec<PathPrefix> = by.iter().filter_map(|prefix| prefix.parse().ok()).collect();
    RequestPath::parse(Some(path.as_bytes())).is_within(&prefixes)
}

/// How many tokens of how many people, and the first few of both.
#[derive(Clone, Debug)]
pub struct Crowd<T> {
    /// How many tokens.
    pub tokens: u64,
    /// How many of each owner's, by name.
    pub by_user: BTreeMap<String, u64>,
    /// The first few tokens.
    pub first: Vec<T>,
}

/// How many tokens a [`Crowd`] shows.
pub const FIRST_TOKENS: usize = 10;

impl<T> Default for Crowd<T> {
    fn default() -> Self {
        Self { tokens: 0, by_user: BTreeMap::new(), first: Vec::new() }
    }
}

impl<T> Crowd<T> {
    /// Counts a token of `owner`, which looks like `shown`.
    pub fn add(&mut self, owner: &str, shown: impl FnOnce() -> T) {
        self.tokens = self.tokens.saturating_add(1);
        match self.by_user.get_mut(owner) {
            Some(count) => *count = count.saturating_add(1),
            None => {
                self.by_user.insert(owner.to_owned(), 1);
            }
        }
        if self.first.len() < FIRST_TOKENS {
            self.first.push(shown());
        }
    }
}

#[cfg(test)]
mod tests;
