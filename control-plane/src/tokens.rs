//! Tokens: create, list, show, change, rotate, revoke.

mod bulk;
mod creation;
mod list;
mod revocation;
mod rotation;
mod update;
mod view;

use crate::callers::Caller;
use crate::change::Change;
use crate::context::Context;
use crate::domain::authority;
use crate::domain::token::{State, Token};
use crate::error::Error;
pub use bulk::{Bulk, MAX_TOKENS, bulk};
pub use creation::{Created, NewToken, create};
pub(crate) use creation::{Draft, insert};
pub(crate) use list::find;
pub use list::{ListWish, MAX_NAMES, Page, list};
pub(crate) use revocation::revoke_in;
pub use revocation::{revoke, revoke_all};
pub use rotation::{Rotation, rotate};
pub use update::update;
pub use view::TokenView;
pub(crate) use view::{LastUseView, TokenRecord};

/// Shows one token.
///
/// # Errors
/// There is none, or the caller may not know of it.
pub async fn show(context: &Context, caller: &Caller, id: &str) -> Result<TokenView, Error> {
    let mut tx = context.store.read().await?;
    let token =
        tx.token(id).await?.filter(|token| authority::sees(caller.principal(), token.owner_for_authority()));
    let token = token.ok_or(Error::NotFound("token"))?;
    Ok(TokenView::new(&token, context.clock.now().as_second()))
}

/// The token of this id, which the caller may change.
async fn changeable(change: &mut Change<'_>, caller: &Caller, id: &str) -> Result<Token, Error> {
    authority::manages(caller.principal())?;
    let token = change.tx.token(id).await?;
    let token = token.filter(|token| authority::sees(caller.principal(), token.owner_for_authority()));
    token.ok_or(Error::NotFound("token"))
}

/// What has ended stays as it is.
fn refuse_ended(token: &Token, now: i64) -> Result<(), Error> {
    if token.revoked_at.is_none() && !token.is_expired(now) {
        return Ok(());
    }
    let state = if token.revoked_at.is_some() { State::Revoked } else { State::Expired };
    let problem = format!("this token has ended: it is {}", state.as_str());
    Err(Error::Conflict { code: "token_ended", problem })
}

/// One more active token must fit within `max_tokens_per_user`.
async fn refuse_too_many(change: &mut Change<'_>, owner_id: i64, owner: &str) -> Result<(), Error> {
    let at = change.at();
    let active = change.tx.active_tokens_of(owner_id, at).await?;
    let limit = change.settings.settings.max_tokens_per_user;
    if active < i64::from(limit) {
        return Ok(());
    }
    let problem =
        format!("{owner} has {active} active tokens, and max_tokens_per_user is {limit}: revoke one first");
    Err(Error::Conflict { code: "too_many_tokens", problem })
}

pub(crate) fn target(token: &Token) -> String {
    format!("token:{} user:{}", token.id, token.owner)
}
