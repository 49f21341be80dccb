//! Tokens: revoke.

use super::{TokenRecord, changeable, target};
use crate::callers::Caller;
use crate::change::{Change, Committed};
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::authority::{self, Owner};
use crate::domain::token::Token;
use crate::error::Error;
use crate::store::StoreError;

/// Ends one token, and with it the whole chain of rotations that it belongs to: whoever has an older secret may have made
/// the newer one. What has been revoked already stays as it is.
///
/// # Errors
/// There is none, or the caller may not know of it.
pub async fn revoke(context: &Context, caller: &Caller, id: &str) -> Result<Option<Committed>, Error> {
    Change::together(context, caller, |change, caller| revoke_one(change, caller, id)).await
}

async fn revoke_one(mut change: Change<'_>, caller: Caller, id: &str) -> Result<Option<Committed>, Error> {
    let token = match changeable(&mut change, &caller, id).await {
        Ok(token) => token,
        Err(error) => return Err(change.refused(error).await),
    };
    if revoke_chain(&mut change, token).await? == 0 {
        return change.leave().await.map(|()| None);
    }
    change.commit().await.map(Some)
}

/// Ends a token and its chain within a change, and tells how many that were.
pub(super) async fn revoke_chain(change: &mut Change<'_>, token: Token) -> Result<usize, Error> {
    let tokens = match &token.chain {
        Some(chain) => change.tx.unrevoked_tokens_of_chain(chain).await?,
        None if token.revoked_at.is_none() => vec![token],
        None => Vec::new(),
    };
    let count = tokens.len();
    for token in tokens {
        revoke_in(change, token).await?;
    }
    Ok(count)
}

/// Ends all tokens of a user that have not ended, each with its own audit entry, and tells how many.
///
/// # Errors
/// There is no such user, or the caller may not act on that user's tokens.
pub async fn revoke_all(
    context: &Context,
    caller: &Caller,
    user: &str,
) -> Result<(usize, Option<Committed>), Error> {
    let (mut change, caller) = Change::by(context, caller).await?;
    if user != caller.user.name {
        authority::acts_for_others(caller.principal())?;
    }
    let owner = change.tx.user(user).await?.ok_or(Error::NotFound("user"))?;
    authority::acts_for(caller.principal(), Owner { user_id: owner.id, role: owner.role })?;
    let at = change.at();
    let mut tokens = change.tx.unrevoked_tokens_of(owner.id).await?;
    tokens.retain(|token| !token.is_expired(at));
    let count = tokens.len();
    if count == 0 {
        return Ok((0, None));
    }
    for token in tokens {
        revoke_in(&mut change, token).await?;
    }
    Ok((count, Some(change.commit().await?)))
}

/// Ends one token, with its audit entry.
///
/// # Errors
/// It was revoked already, or the database failed.
pub(crate) async fn revoke_in(change: &mut Change<'_>, token: Token) -> Result<(), Error> {
    let before = TokenRecord::new(&token, change.at());
    let after = end(change, token).await?;
    let after_record = TokenRecord::new(&after, change.at());
    change.record(Action::TokenRevoked, target(&after), &before, &after_record);
    change.filter_sees_it();
    Ok(())
}

/// Marks a token as revoked now, by whoever makes the change.
pub(super) async fn end(change: &mut Change<'_>, token: Token) -> Result<Token, Error> {
    let (at, by) = (change.at(), change.actor().to_owned());
    if !change.tx.revoke_token(&token.id, at, &by).await? {
        return Err(StoreError::Unreadable("token row").into());
    }
    Ok(Token { revoked_at: Some(at), revoked_by: Some(by), ..token })
}
