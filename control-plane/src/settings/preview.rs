//! What a change of settings would do, said before it is saved.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::bound::Pages;
use super::refusals::{self, Refusal};
use super::{differences, patched, warnings};
use crate::callers::Caller;
use crate::clock::rfc3339;
use crate::context::Context;
use crate::domain::authority;
use crate::domain::impact::{Crowd, Judge, PathChange, newly_covered};
use crate::domain::settings::{Settings, SettingsPatch};
use crate::domain::token::Token;
use crate::error::Error;
use crate::schema;
use crate::snapshot;
use crate::store::Transaction;
use crate::suspension::{Foretold, foretell};

/// How many users a group of tokens names.
const FIRST_USERS: usize = 20;

/// What a change of settings would do.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SettingsPreview)]
pub struct Preview {
    /// The version of the settings that hold, for `If-Match` with the change itself.
    #[serde(skip)]
    pub version: i64,
    /// What differs, as it is.
    #[schema(value_type = schema::Anything)]
    pub(crate) before: Value,
    /// What differs, as it would be.
    #[schema(value_type = schema::Anything)]
    pub(crate) after: Value,
    /// Why the change would be refused as things are; empty when it would not be.
    pub(crate) refusals: Vec<Refusal>,
    /// What the reply to the change would warn of.
    pub(crate) warnings: Vec<String>,
    pub(crate) your_address: YourAddress,
    /// Whether passwords that go upstream would be refused.
    pub(crate) passwords_cut_off: bool,
    /// Whether passwords that are refused would go upstream.
    pub(crate) passwords_let_through: bool,
    pub(crate) scopes_removed: Vec<String>,
    pub(crate) paths_protected: Vec<PathChange>,
    pub(crate) paths_unprotected: Vec<PathChange>,
    /// Active tokens that live longer than the bound allows, whether or not it is to be applied to them.
    pub(crate) tokens_beyond_max_validity: u64,
    /// Ended by the bound.
    pub(crate) tokens_ended: Group,
    /// Cut by the bound.
    pub(crate) tokens_shortened: Group,
    /// Of owners who would not be let use them any longer.
    pub(crate) tokens_cut_off: Group,
    /// Of owners who have not signed in for long, within a minute after the change.
    pub(crate) tokens_suspended: Group,
    /// Of owners who would be let use them again, or were suspended and would not be.
    pub(crate) tokens_working_again: Group,
    /// Used last from an address that would be refused.
    pub(crate) tokens_used_from_outside: Group,
}

/// The caller's address, as the gate would judge it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct YourAddress {
    #[schema(value_type = Option<schema::Ip>, required)]
    pub(crate) ip: Option<IpAddr>,
    /// The list that would refuse it; null if none would.
    #[schema(required)]
    pub(crate) refused_by: Option<&'static str>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = TokenGroup)]
pub(crate) struct Group {
    pub(crate) tokens: u64,
    pub(crate) users: u64,
    pub(crate) by_user: Vec<OfUser>,
    pub(crate) first: Vec<TokenSummary>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = TokensOfUser)]
pub(crate) struct OfUser {
    pub(crate) user: String,
    pub(crate) tokens: u64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TokenSummary {
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) description: String,
    #[schema(value_type = schema::Time)]
    pub(crate) created_at: String,
    #[schema(value_type = Option<schema::Time>, required)]
    pub(crate) expires_at: Option<String>,
    #[schema(value_type = Option<schema::Time>, required)]
    pub(crate) new_expires_at: Option<String>,
    /// Whether it is the one with which the preview was asked for.
    pub(crate) yours: bool,
}

impl From<Crowd<TokenSummary>> for Group {
    fn from(crowd: Crowd<TokenSummary>) -> Self {
        let users = u64::try_from(crowd.by_user.len()).unwrap_or(u64::MAX);
        let by_user = crowd.by_user.into_iter().take(FIRST_USERS);
        let by_user = by_user.map(|(user, tokens)| OfUser { user, tokens }).collect();
        Self { tokens: crowd.tokens, users, by_user, first: crowd.first }
    }
}

/// Says what `patch` would do, and changes nothing.
///
/// # Errors
/// The caller is no admin, another version holds, or a setting is wrong.
pub async fn preview(
    context: &Context,
    caller: &Caller,
    patch: &SettingsPatch,
    expected: Option<&[i64]>,
) -> Result<Preview, Error> {
    authority::administers(caller.principal())?;
    let applies_bound = patch.applies_bound()?;
    let mut tx = context.store.read().await?;
    let stored = tx.settings().await?;
    let new = patched(&stored, patch, expected)?;
    snapshot::check_settings(&new)?;
    let now = context.clock.now();
    let refusals = refusals::of(tx.as_mut(), &new, now).await?;
    let old = &stored.settings;
    let Foretold { suspended, resumed } = foretell(tx.as_mut(), old, &new, now.as_second()).await?;
    let (suspended, resumed) = (&suspended, &resumed);
    let judge = Judge { old, new: &new, now: now.as_second(), suspended, resumed };
    let own = caller.token().map(|token| token.id.as_str());
    let tokens = Tokens::count(tx.as_mut(), judge, applies_bound, own).await?;
    let (before, after) = differences(old, &new);
    Ok(Preview {
        version: stored.version,
        before,
        after,
        refusals,
        warnings: warnings(&new, caller),
        your_address: your_address(&new, caller),
        passwords_cut_off: old.password_auth && !new.password_auth,
        passwords_let_through: !old.password_auth && new.password_auth,
        scopes_removed: scopes_removed(old, &new),
        paths_protected: newly_covered(&old.protected_paths, &new.protected_paths),
        paths_unprotected: newly_covered(&new.protected_paths, &old.protected_paths),
        tokens_beyond_max_validity: tokens.beyond,
        tokens_ended: tokens.ended.into(),
        tokens_shortened: tokens.shortened.into(),
        tokens_cut_off: tokens.cut_off.into(),
        tokens_suspended: tokens.suspended.into(),
        tokens_working_again: tokens.working_again.into(),
        tokens_used_from_outside: tokens.outside.into(),
    })
}

/// The token's own list need not be asked: it has admitted the caller here.
fn your_address(new: &Settings, caller: &Caller) -> YourAddress {
    let ip = caller.presented.address;
    YourAddress {
        ip: ip.map(|ip| ip.to_canonical()),
        refused_by: (!new.allowed_ips.admits(ip)).then_some("allowed_ips"),
    }
}

fn scopes_removed(old: &Settings, new: &Settings) -> Vec<String> {
    old.scopes.0.keys().filter(|name| !new.scopes.0.contains_key(*name)).cloned().collect()
}

/// What would become of the tokens.
#[derive(Default)]
struct Tokens {
    beyond: u64,
    ended: Crowd<TokenSummary>,
    shortened: Crowd<TokenSummary>,
    cut_off: Crowd<TokenSummary>,
    suspended: Crowd<TokenSummary>,
    working_again: Crowd<TokenSummary>,
    outside: Crowd<TokenSummary>,
}

impl Tokens {
    async fn count(
        tx: &mut dyn Transaction,
        judge: Judge<'_>,
        applies_bound: bool,
        own: Option<&str>,
    ) -> Result<Self, Error> {
        let mut found = Self::default();
        let mut pages = Pages::new(judge.now);
        while let Some(page) = pages.next(tx).await? {
            for token in &page {
                found.add(token, judge, applies_bound, own);
            }
        }
        Ok(found)
    }

    fn add(&mut self, token: &Token, judge: Judge<'_>, applies_bound: bool, own: Option<&str>) {
        let effect = judge.effect(token);
        let cut = effect.cut_to.filter(|_| applies_bound);
        let shown = || TokenSummary {
            id: token.id.clone(),
            user: token.owner.clone(),
            description: token.description.clone(),
            created_at: rfc3339(token.created_at),
            expires_at: token.expires_at.map(rfc3339),
            new_expires_at: cut.or(token.expires_at).map(rfc3339),
            yours: Some(token.id.as_str()) == own,
        };
        self.beyond = self.beyond.saturating_add(u64::from(effect.cut_to.is_some()));
        let groups = [
            (cut.is_some() && effect.ends, &mut self.ended),
            (cut.is_some() && !effect.ends, &mut self.shortened),
            (effect.stops, &mut self.cut_off),
            (effect.suspended, &mut self.suspended),
            (effect.works_again, &mut self.working_again),
            (effect.outside, &mut self.outside),
        ];
        for (_, group) in groups.into_iter().filter(|(holds, _)| *holds) {
            group.add(&token.owner, shown);
        }
    }
}
