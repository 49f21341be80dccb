//! Whether the chain holds, for an admin who looks at its page.

use super::{end, verify};
use crate::callers::Caller;
use crate::context::Context;
use crate::domain::audit::Head;
use crate::domain::authority;
use crate::error::Error;

/// Whether the chain holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chain {
    /// It does, as far as it was looked at.
    Holds {
        /// How many entries there are.
        entries: i64,
        /// Its head, as the log shows it.
        head: Head,
    },
    /// It does not: the first entry at fault, as a sentence.
    Broken(String),
}

/// Looks at the chain's end, or at all of it, which takes longer the more entries there are.
///
/// # Errors
/// The caller is no admin, or the database failed.
pub async fn check_chain(context: &Context, caller: &Caller, whole: bool) -> Result<Chain, Error> {
    authority::administers(caller.principal())?;
    let found = if whole {
        verify(context.store.as_ref(), &context.audit_key, None, |_| ()).await?
    } else {
        end(context.store.read().await?.as_mut(), &context.audit_key).await?
    };
    Ok(match found {
        Ok(head) => Chain::Holds { entries: head.seq, head },
        Err(found) => Chain::Broken(found.to_string()),
    })
}
