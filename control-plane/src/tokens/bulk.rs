//! Tokens: one thing done to several.

use super::changeable;
use super::refuse_ended;
use super::revocation::revoke_chain;
use super::update::update_in;
use crate::callers::Caller;
use crate::change::{Change, Committed};
use crate::context::Context;
use crate::domain::narrowing::TokenPatch;
use crate::error::Error;

/// Most tokens at once.
pub const MAX_TOKENS: usize = 200;

/// What is done to each of several tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bulk {
    /// It ends for good, with its chain.
    Revoke,
    /// It stops for the time being.
    Disable,
    /// It works again.
    Enable,
}

impl Bulk {
    const ALL: [Self; 3] = [Self::Revoke, Self::Disable, Self::Enable];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Revoke => "delete",
            Self::Disable => "disable",
            Self::Enable => "enable",
        }
    }

    /// What is asked for by this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bulk| bulk.name() == name)
    }
}

/// Does `bulk` to each of the tokens `ids`, to all or to none, each with its own audit entry, and tells how many it changed.
/// What has ended stays as it is, and so does what is so already.
///
/// # Errors
/// There are too many, one of them is not there or is none that the caller may know of, or the caller may not do this to it.
pub async fn bulk(
    context: &Context,
    caller: &Caller,
    ids: &[String],
    bulk: Bulk,
) -> Result<(usize, Option<Committed>), Error> {
    if ids.len() > MAX_TOKENS {
        return Err(Error::invalid("id", format!("at most {MAX_TOKENS} tokens at once")));
    }
    let (mut change, caller) = Change::by(context, caller).await?;
    let mut count = 0;
    for id in ids {
        let token = changeable(&mut change, &caller, id).await?;
        if bulk == Bulk::Revoke {
            count += revoke_chain(&mut change, token).await?;
        } else if refuse_ended(&token, change.at()).is_ok() {
            let patch = TokenPatch { enabled: Some(bulk == Bulk::Enable), ..TokenPatch::default() };
            let (_, changed) = update_in(&mut change, &caller, token, &patch).await?;
            count += usize::from(changed);
        }
    }
    if count == 0 {
        return Ok((0, None));
    }
    Ok((count, Some(change.commit().await?)))
}
