//! Sources: what CI pushes, a whole list of entries at a time.

mod caller;
mod document;
mod limits;
mod manage;
mod people;
mod plan;
mod push;
mod push_tokens;
mod view;

use crate::callers::Caller;
use crate::change::Change;
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::authority;
use crate::domain::source::{self, Source};
use crate::domain::token::Token;
use crate::error::Error;
use crate::store::StoreError;
use crate::tokens::{self, TokenRecord};
pub(crate) use caller::verify;
pub use caller::{PushCaller, Who, authenticate};
pub use document::{Document, Format};
pub use limits::PushLimits;
pub use manage::{NewSource, SourcePatch, create, delete, list, show, update};
pub(crate) use people::end_entries_by_prefix;
pub use plan::{Group, Line, MAX_SHOWN};
pub use push::{Push, Report, Snapshot, push, snapshot};
pub(crate) use push_tokens::revoke_all_in;
pub use push_tokens::{CreatedPushToken, NewPushToken, make, revoke, rotate};
pub use view::{EntryView, PushTokenView, SourceView};

/// How many entries' removals are remembered for snapshots that follow: more than one source can have.
const REMOVALS: u64 = 4 * source::MAX_ENTRIES as u64;
/// After how many entries of the audit those so far are written.
const AUDITS: usize = 1000;

/// Begins a change of the source of this name by an admin.
async fn change_by_admin<'a>(
    context: &'a Context,
    caller: &Caller,
    name: &str,
) -> Result<(Change<'a>, Source), Error> {
    authority::administers(caller.principal())?;
    let (mut change, caller) = Change::by(context, caller).await?;
    authority::administers(caller.principal())?;
    let source = change.tx.source(name).await?.ok_or(Error::NotFound("source"))?;
    Ok((change, source))
}

/// What the audit says that a change of a source is about.
fn target(source: &Source) -> String {
    source::actor(&source.name)
}

/// Ends entries of a source, each with its own audit entry.
async fn end_entries(change: &mut Change<'_>, source: &Source, entries: &[Token]) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    remove(change, source, entries).await?;
    let (at, by) = (change.at(), change.actor().to_owned());
    for some in entries.chunks(AUDITS) {
        for token in some {
            let after = Token { revoked_at: Some(at), revoked_by: Some(by.clone()), ..token.clone() };
            let (before, record) = (TokenRecord::new(token, at), TokenRecord::new(&after, at));
            change.record(Action::TokenRevoked, tokens::target(token), &before, &record);
        }
        change.write_entries().await?;
    }
    Ok(())
}

/// Removes entries of a source, without a word in the audit.
async fn remove(change: &mut Change<'_>, source: &Source, entries: &[Token]) -> Result<(), Error> {
    let ids: Vec<&str> = entries.iter().map(|token| token.id.as_str()).collect();
    let at = change.at();
    let removed = change.tx.remove_entries(&ids, at).await?;
    if usize::try_from(removed).ok() != Some(ids.len()) {
        return Err(StoreError::Unreadable("source entry").into());
    }
    change.tx.forget_gone_entries(REMOVALS).await?;
    let before = at.saturating_sub(source::FIRST_PUSH_KNOWN);
    change.tx.forget_first_pushes(source.id, before, source::MAX_FIRST_PUSHES).await?;
    change.filter_sees_it();
    Ok(())
}
