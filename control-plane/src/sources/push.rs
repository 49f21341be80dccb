//! A push: the entries of a source become those of a document, all at once or not at all; and what is in force.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::caller::Who;
use super::document::Document;
use super::limits::PushLimits;
use super::plan::{ALLOW_EMPTY, Group, Plan, plan};
use super::view::EntryView;
use super::{AUDITS, end_entries, remove, target};
use crate::callers::Caller;
use crate::change::{Change, Committed};
use crate::clock::rfc3339;
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::authority;
use crate::domain::source::{PushToken, Pushed, Source, entry_id, token_id};
use crate::domain::token::Token;
use crate::error::Error;
use crate::schema;
use crate::store::Transaction;
use crate::tokens::{self, TokenRecord};

/// What is asked for beside the document.
#[derive(Clone, Debug, Default)]
pub struct Push {
    /// Only say what would be done.
    pub dry_run: bool,
    /// Whether a document without entries is meant.
    pub allow_empty: bool,
    /// Whether it is meant that more than half of the entries go.
    pub allow_removals: bool,
    /// The revisions of which one was read, if the caller said so.
    pub expected: Option<Vec<i64>>,
}

/// What a push did, or would do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PushReport)]
pub struct Report {
    #[schema(value_type = schema::SourceName)]
    source: String,
    /// Whether nothing was done.
    dry_run: bool,
    /// The source's revision: as it is now, or as it was when it was looked at.
    pub(crate) revision: i64,
    /// SHA-256 of the document as it came, in hex.
    document: String,
    added: Group,
    changed: Group,
    removed: Group,
    /// How many stay as they are.
    unchanged: usize,
    /// The parameters without which this is not done.
    #[schema(value_type = schema::PushNeeds)]
    needs: Vec<&'static str>,
}

impl Report {
    fn new(source: &Source, plan: &Plan, document: &str, dry_run: bool) -> Self {
        Self {
            source: source.name.clone(),
            dry_run,
            revision: source.revision,
            document: document.to_owned(),
            added: plan.added(),
            changed: plan.changed(),
            removed: plan.removed(),
            unchanged: plan.unchanged,
            needs: plan.needs(),
        }
    }
}

/// Makes `document` what is in force of the source of this name, or says what that would do.
///
/// # Errors
/// The entries are not the caller's, another revision holds, something in the document is wrong, what it takes away was
/// not said to be meant, or the source has changed too much lately: then nothing was changed.
pub async fn push(
    context: &Context,
    who: &Who,
    name: &str,
    document: Document,
    (push, limits): (&Push, &PushLimits),
) -> Result<(Report, Option<Committed>), Error> {
    who.admits(name)?;
    let digest = document.digest.clone();
    if push.dry_run {
        let mut tx = context.store.read().await?;
        let settings = tx.settings().await?.settings;
        let source = found(tx.as_mut(), name, push).await?;
        let plan = plan(tx.as_mut(), who, (&source, &settings), document, context.clock.now()).await?;
        return Ok((Report::new(&source, &plan, &digest, true), None));
    }
    limits.count_entries(who, document.entries.len(), context.clock.now())?;
    let (mut change, by) = begin(context, who, name).await?;
    let source = found(change.tx.as_mut(), name, push).await?;
    let (settings, now) = (change.settings.settings.clone(), change.now);
    let plan = plan(change.tx.as_mut(), who, (&source, &settings), document, now).await?;
    refuse_unmeant(&plan, push)?;
    limits.count_changes(who, &source, plan.changes(), now)?;
    note_push(&mut change, by).await?;
    let mut report = Report::new(&source, &plan, &digest, false);
    if plan.is_empty() {
        // Proxies see none of it, and nor does the audit.
        change.commit().await?;
        return Ok((report, None));
    }
    report.revision = apply(&mut change, source, plan, digest).await?;
    Ok((report, Some(change.commit().await?)))
}

/// Begins a change by whoever pushes; with it the push token in use.
async fn begin<'a>(
    context: &'a Context,
    who: &Who,
    name: &str,
) -> Result<(Change<'a>, Option<PushToken>), Error> {
    match who {
        Who::Person(caller) => {
            let (change, caller): (_, Caller) = Change::by(context, caller).await?;
            authority::administers(caller.principal())?;
            Ok((change, None))
        }
        Who::Source(caller) => {
            let (change, caller) = Change::by_source(context, caller).await?;
            let token = caller.token.clone();
            Who::Source(Box::new(caller)).admits(name)?;
            Ok((change, Some(token)))
        }
    }
}

async fn found(tx: &mut dyn Transaction, name: &str, push: &Push) -> Result<Source, Error> {
    let source = tx.source(name).await?.ok_or(Error::NotFound("source"))?;
    match &push.expected {
        Some(revisions) if !revisions.contains(&source.revision) => Err(Error::Stale),
        _ => Ok(source),
    }
}

fn refuse_unmeant(plan: &Plan, push: &Push) -> Result<(), Error> {
    let meant = |need: &&str| if *need == ALLOW_EMPTY { push.allow_empty } else { push.allow_removals };
    let Some(need) = plan.needs().into_iter().find(|need| !meant(need)) else { return Ok(()) };
    let removed = plan.removed.len();
    let what = if need == ALLOW_EMPTY {
        format!("the document has no entries, and would remove all {removed}")
    } else {
        format!("the document would remove {removed} entries, more than half of those in force")
    };
    let problem = format!("{what}: if that is meant, say {need}=true");
    Err(Error::Conflict { code: "removal_not_confirmed", problem })
}

async fn note_push(change: &mut Change<'_>, by: Option<PushToken>) -> Result<(), Error> {
    let Some(token) = by else { return Ok(()) };
    let last_push = Some((change.at(), change.ip().map(str::to_owned)));
    Ok(change.tx.update_push_token(&PushToken { last_push, ..token }).await?)
}

/// Writes what the plan says, with an audit entry for the push and one for each token, and returns the source's revision.
async fn apply(change: &mut Change<'_>, source: Source, plan: Plan, document: String) -> Result<i64, Error> {
    let pushed = Pushed { at: change.at(), by: change.actor().to_owned(), document };
    let counts = json!({
        "revision": source.revision.saturating_add(1), "document": pushed.document, "added": plan.added.len(),
        "changed": plan.changed.len(), "removed": plan.removed.len(), "unchanged": plan.unchanged,
    });
    change.record(Action::SnapshotPushed, target(&source), &json!({"revision": source.revision}), &counts);
    end_entries(change, &source, &plan.removed).await?;
    // Another secret is another entry: the old one has to be gone before.
    let replaced: Vec<Token> =
        plan.changed.iter().filter(|entry| entry.is_replaced()).map(|entry| entry.before.clone()).collect();
    if !replaced.is_empty() {
        remove(change, &source, &replaced).await?;
    }
    let put: Vec<Token> =
        plan.added.iter().chain(plan.changed.iter().map(|entry| &entry.after)).cloned().collect();
    if !put.is_empty() {
        change.tx.put_entries(source.id, &put).await?;
        change.filter_sees_it();
    }
    audit(change, &plan).await?;
    let source = Source { revision: source.revision.saturating_add(1), pushed: Some(pushed), ..source };
    change.tx.update_source(&source).await?;
    Ok(source.revision)
}

async fn audit(change: &mut Change<'_>, plan: &Plan) -> Result<(), Error> {
    let at = change.at();
    for some in plan.added.chunks(AUDITS) {
        for token in some {
            let record = TokenRecord::new(token, at);
            change.record(Action::TokenCreated, tokens::target(token), &(), &record);
        }
        change.write_entries().await?;
    }
    for some in plan.changed.chunks(AUDITS) {
        for entry in some {
            let action = if entry.is_replaced() { Action::TokenRotated } else { Action::TokenUpdated };
            let (before, after) = (TokenRecord::new(&entry.before, at), TokenRecord::new(&entry.after, at));
            change.record(action, tokens::target(&entry.after), &before, &after);
        }
        change.write_entries().await?;
    }
    Ok(())
}

/// A page of what is in force of a source.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SourceSnapshot)]
pub struct Snapshot {
    #[schema(value_type = schema::SourceName)]
    source: String,
    /// Of the source and its entries together, for `If-Match`.
    pub(crate) revision: i64,
    /// How many entries it has.
    entries: u64,
    /// The last push that changed something.
    #[schema(value_type = Option<schema::Time>, required)]
    pushed_at: Option<String>,
    /// SHA-256 of what was pushed then, in hex.
    #[schema(required)]
    document: Option<String>,
    /// Entries, by their ids.
    items: Vec<EntryView>,
    /// Where the next page begins; null on the last page.
    #[schema(value_type = Option<schema::Cursor>, required)]
    pub(crate) next_cursor: Option<String>,
}

/// Shows what is in force of the source of this name: entries behind the one with the id `after`, at most `limit`.
///
/// # Errors
/// The entries are not the caller's to see.
pub async fn snapshot(
    context: &Context,
    who: &Who,
    name: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Snapshot, Error> {
    who.admits(name)?;
    let mut tx = context.store.read().await?;
    let settings = tx.settings().await?.settings;
    let source = tx.source(name).await?.ok_or(Error::NotFound("source"))?;
    let entries = tx.count_entries(source.id).await?;
    let after = after.map(|own| token_id(name, own));
    let more = u32::try_from(limit).unwrap_or(u32::MAX).saturating_add(1);
    let mut page = tx.entries(Some(source.id), after.as_deref(), more).await?;
    let is_more = page.len() > limit;
    page.truncate(limit);
    let next_cursor = page.last().filter(|_| is_more).map(|last| entry_id(&last.id).to_owned());
    let now = context.clock.now().as_second();
    Ok(Snapshot {
        source: source.name,
        revision: source.revision,
        entries,
        pushed_at: source.pushed.as_ref().map(|pushed| rfc3339(pushed.at)),
        document: source.pushed.map(|pushed| pushed.document),
        items: page.iter().map(|entry| EntryView::new(entry, &settings, now)).collect(),
        next_cursor,
    })
}
