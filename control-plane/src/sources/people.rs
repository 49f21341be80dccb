//! A user who becomes a person: a source's prefix is for users who cannot sign in, and reaches nobody who can.

use std::collections::BTreeMap;

use super::end_entries;
use crate::change::Change;
use crate::domain::source::{Source, source_of};
use crate::domain::token::Token;
use crate::domain::user::User;
use crate::error::Error;
use crate::store::StoreError;

/// Ends the entries that bear the name of `user`, who can sign in from this change on, of sources that may name the user by a
/// prefix alone. An admin who wants to keep them names the user exactly before.
///
/// # Errors
/// The database failed.
pub(crate) async fn end_entries_by_prefix(change: &mut Change<'_>, user: &User) -> Result<(), Error> {
    let mut by_source: BTreeMap<String, Vec<Token>> = BTreeMap::new();
    for entry in change.tx.entries_of(user.id, u32::MAX).await? {
        by_source.entry(source_of(&entry.id).to_owned()).or_default().push(entry);
    }
    for (name, entries) in by_source {
        let source = change.tx.source(&name).await?.ok_or(StoreError::Unreadable("source entry"))?;
        if source.users.is_exact(&user.name) {
            continue;
        }
        end_entries(change, &source, &entries).await?;
        // Whoever read what was in force has read something else.
        let source = Source { revision: source.revision.saturating_add(1), ..source };
        change.tx.update_source(&source).await?;
    }
    Ok(())
}
