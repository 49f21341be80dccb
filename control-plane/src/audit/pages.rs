//! The audit's entries, newest first: a page, or all of them one page at a time.

use super::EntryView;
use crate::callers::Caller;
use crate::context::Context;
use crate::domain::audit::filter::AuditFilter;
use crate::domain::authority;
use crate::error::Error;
use crate::store::{Store, StoreError};
use crate::tokens::Page;

/// How many entries are in memory at once where all are read.
const EXPORT_PAGE: i64 = 200;

/// Lists the entries that `filter` admits, of those before the one numbered `before`, newest first, at most `limit`.
///
/// # Errors
/// The caller is no admin.
pub async fn list(
    context: &Context,
    caller: &Caller,
    filter: &AuditFilter,
    before: Option<i64>,
    limit: usize,
) -> Result<Page<EntryView>, Error> {
    authority::administers(caller.principal())?;
    let mut tx = context.store.read().await?;
    let most = i64::try_from(limit).unwrap_or(0).saturating_add(1);
    let mut entries = tx.audit_matching(filter, before, most).await?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next_cursor = entries.last().filter(|_| more).map(|entry| entry.seq.to_string());
    Ok(Page { items: entries.iter().map(EntryView::from).collect(), next_cursor })
}

/// All entries that a filter admits, newest first.
///
/// Each page has a transaction of its own: entries are only ever appended, so that the pages fit together, and no reader
/// who is slow holds up the database's housekeeping.
pub struct Entries {
    filter: AuditFilter,
    before: Option<i64>,
    done: bool,
}

impl Entries {
    /// Those that there are now.
    pub fn new(filter: AuditFilter) -> Self {
        Self { filter, before: None, done: false }
    }

    /// The next page; `None` behind the last.
    ///
    /// # Errors
    /// The database failed.
    pub async fn next(&mut self, store: &dyn Store) -> Result<Option<Vec<EntryView>>, StoreError> {
        if self.done {
            return Ok(None);
        }
        let page = store.read().await?.audit_matching(&self.filter, self.before, EXPORT_PAGE).await?;
        self.done = page.is_empty();
        self.before = page.last().map(|entry| entry.seq);
        Ok(Some(page.iter().map(EntryView::from).collect()).filter(|_| !self.done))
    }
}

/// All entries that `filter` admits, for an admin.
///
/// # Errors
/// The caller is no admin.
pub fn export(caller: &Caller, filter: AuditFilter) -> Result<Entries, Error> {
    authority::administers(caller.principal())?;
    Ok(Entries::new(filter))
}
