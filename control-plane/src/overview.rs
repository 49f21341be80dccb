//! The overview: how many tokens there are, and how the proxies decide.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::callers::Caller;
use crate::clock::rfc3339;
use crate::context::Context;
use crate::domain::authority::{self, Reach};
use crate::domain::traffic::{Span, is_allowed};
use crate::error::Error;
use crate::schema;
use crate::store::{Decided, EntryCounts, TokenCounts};

/// How many tokens there are, and how the proxies decide.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Overview {
    /// When it was counted.
    #[schema(value_type = schema::Time)]
    pub at: String,
    /// Tokens that the caller may see: for token managers those of everyone but admins.
    pub tokens: Tokens,
    /// What sources have pushed, which is not among the tokens: of each source, by name.
    pub entries: Vec<Entries>,
    /// For admins; null for others.
    #[schema(required)]
    pub requests: Option<Requests>,
}

/// How many tokens there are.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = OverviewOfTokens)]
pub struct Tokens {
    /// In this state.
    pub active: u64,
    /// In this state.
    pub disabled: u64,
    /// In this state.
    pub expired: u64,
    /// In this state.
    pub revoked: u64,
    /// Active, and never used as far as was reported.
    pub never_used: u64,
    /// Active, and ending within 7 times 24 hours.
    pub expiring_within_7_days: u64,
    /// Active, and ending within 30 times 24 hours.
    pub expiring_within_30_days: u64,
}

/// How many entries a source has.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = OverviewOfEntries)]
pub struct Entries {
    /// The source's name.
    #[schema(value_type = schema::SourceName)]
    pub source: String,
    /// In this state.
    pub active: u64,
    /// In this state.
    pub disabled: u64,
    /// In this state.
    pub expired: u64,
    /// Active, and ending within 7 times 24 hours.
    pub expiring_within_7_days: u64,
    /// Active, and ending within 30 times 24 hours.
    pub expiring_within_30_days: u64,
}

/// What the proxies decided, by when they reported it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = OverviewOfRequests)]
pub struct Requests {
    /// The span that was asked for.
    #[schema(value_type = schema::TrafficSpan)]
    pub span: &'static str,
    /// Of each step.
    pub step_seconds: i64,
    /// Requests that went on to the service.
    pub allowed: u64,
    /// Requests that the filter answered.
    pub refused: u64,
    /// All of them by decision, as in the access log.
    pub decisions: BTreeMap<String, u64>,
    /// Every step, oldest first; the last one is under way.
    pub steps: Vec<Step>,
}

/// What was reported in a step.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = OverviewStep)]
pub struct Step {
    /// When it began.
    #[schema(value_type = schema::Time)]
    pub at: String,
    /// By decision; what did not happen is left out.
    pub decisions: BTreeMap<String, u64>,
}

/// Shows the overview, with the requests of `span`.
///
/// # Errors
/// The caller sees own tokens only.
pub async fn show(context: &Context, caller: &Caller, span: Span) -> Result<Overview, Error> {
    authority::acts_for_others(caller.principal())?;
    let sees_all = authority::reach(caller.principal()) == Reach::All;
    let now = context.clock.now().as_second();
    let mut tx = context.store.read().await?;
    let tokens = tx.token_counts(now, sees_all).await?.into();
    let entries = tx.entry_counts(now).await?.into_iter().map(Entries::from).collect();
    let mut requests = None;
    if authority::administers(caller.principal()).is_ok() {
        let ((from, until), (step, _)) = (span.range(now), span.steps());
        requests = Some(Requests::new(span, now, tx.decisions(from, until, step).await?));
    }
    Ok(Overview { at: rfc3339(now), tokens, entries, requests })
}

impl From<TokenCounts> for Tokens {
    fn from(counts: TokenCounts) -> Self {
        Self {
            active: counts.active,
            disabled: counts.disabled,
            expired: counts.expired,
            revoked: counts.revoked,
            never_used: counts.never_used,
            expiring_within_7_days: counts.expiring_within_7_days,
            expiring_within_30_days: counts.expiring_within_30_days,
        }
    }
}

impl From<EntryCounts> for Entries {
    fn from(counts: EntryCounts) -> Self {
        let [_, expiring_within_7_days, expiring_within_30_days] = counts.expiring;
        Self {
            source: counts.source,
            active: counts.active,
            disabled: counts.disabled,
            expired: counts.expired,
            expiring_within_7_days,
            expiring_within_30_days,
        }
    }
}

impl Requests {
    fn new(span: Span, now: i64, decided: Vec<Decided>) -> Self {
        let ((from, _), (step_seconds, count)) = (span.range(now), span.steps());
        let (mut allowed, mut refused) = (0_u64, 0_u64);
        let mut decisions: BTreeMap<String, u64> = BTreeMap::new();
        let mut by_step: BTreeMap<i64, BTreeMap<String, u64>> = BTreeMap::new();
        for Decided { at, decision, requests } in decided {
            let side = if is_allowed(&decision) { &mut allowed } else { &mut refused };
            *side = side.saturating_add(requests);
            let sum = decisions.entry(decision.clone()).or_default();
            *sum = sum.saturating_add(requests);
            by_step.entry(at).or_default().insert(decision, requests);
        }
        let begins = (0..count).map(|number| from + number * step_seconds);
        let step = |at| Step { at: rfc3339(at), decisions: by_step.remove(&at).unwrap_or_default() };
        let steps = begins.map(step).collect();
        Self { span: span.name(), step_seconds, allowed, refused, decisions, steps }
    }
}
