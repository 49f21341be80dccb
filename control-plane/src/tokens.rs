//! Tokens: create, list, show, revoke.

mod creation;
mod view;

use serde::Serialize;
use utoipa::ToSchema;

use crate::callers::Caller;
use crate::change::{Change, Committed};
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::authority::{self, Owner, Reach};
use crate::domain::token::{State, Token};
use crate::error::Error;
use crate::schema;
use crate::store::{StoreError, TokenFilter};
pub use creation::{Created, NewToken, create};
pub(crate) use creation::{Draft, insert};
pub(crate) use view::TokenRecord;
pub use view::TokenView;

/// Which tokens a list is to hold.
#[derive(Clone, Debug, Default)]
pub struct ListWish {
    /// Only of this owner; all that the caller may see without it.
    pub user: Option<String>,
    /// Only in this state.
    pub state: Option<State>,
    /// Only those that sort before this id.
    pub before: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Where the next page begins; null on the last page.
    #[schema(value_type = Option<schema::Cursor>, required)]
    pub next_cursor: Option<String>,
}

/// Lists tokens, newest first: the caller's own, and for managers and admins those of others.
///
/// # Errors
/// The caller may not see that user's tokens.
pub async fn list(context: &Context, caller: &Caller, wish: ListWish) -> Result<Page<TokenView>, Error> {
    let who = caller.principal();
    let mut tx = context.store.read().await?;
    let mut filter = TokenFilter {
        state: wish.state,
        now: context.clock.now().as_second(),
        before: wish.before,
        limit: i64::try_from(wish.limit).unwrap_or(0).saturating_add(1),
        ..TokenFilter::default()
    };
    match authority::reach(who) {
        Reach::Own => filter.owner_id = Some(who.user_id),
        Reach::AllButAdmins => filter.no_admins_but = Some(who.user_id),
        Reach::All => {}
    }
    match wish.user {
        Some(name) if name == caller.user.name => filter.owner_id = Some(who.user_id),
        Some(name) => {
            authority::acts_for_others(who)?;
            let owner = tx.user(&name).await?.ok_or(Error::NotFound("user"))?;
            authority::acts_for(who, Owner { user_id: owner.id, role: owner.role })?;
            filter.owner_id = Some(owner.id);
        }
        None => {}
    }
    let mut tokens = tx.tokens(&filter).await?;
    let more = tokens.len() > wish.limit;
    tokens.truncate(wish.limit);
    let next_cursor = tokens.last().filter(|_| more).map(|token| token.id.clone());
    let items = tokens.iter().map(|token| TokenView::new(token, filter.now)).collect();
    Ok(Page { items, next_cursor })
}

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

/// Ends one token. One that has ended already stays as it is.
///
/// # Errors
/// There is none, or the caller may not know of it.
pub async fn revoke(context: &Context, caller: &Caller, id: &str) -> Result<Option<Committed>, Error> {
    let (mut change, caller) = Change::by(context, caller).await?;
    authority::manages(caller.principal())?;
    let token = change.tx.token(id).await?;
    let token = token.filter(|token| authority::sees(caller.principal(), token.owner_for_authority()));
    let token = token.ok_or(Error::NotFound("token"))?;
    if token.revoked_at.is_some() {
        return Ok(None);
    }
    revoke_in(&mut change, token).await?;
    change.commit().await.map(Some)
}

/// Ends all tokens of a user, each with its own audit entry, and tells how many.
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
    let tokens = change.tx.unrevoked_tokens_of(owner.id).await?;
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
pub(crate) async fn revoke_in(change: &mut Change<'_>, token: Token) -> Result<(), Error> {
    let (at, by) = (change.at(), change.actor().to_owned());
    let before = TokenRecord::new(&token, at);
    if !change.tx.revoke_token(&token.id, at, &by).await? {
        return Err(StoreError::Unreadable("token row").into());
    }
    let after = Token { revoked_at: Some(at), revoked_by: Some(by), ..token };
    change.record(Action::TokenRevoked, target(&after), &before, &TokenRecord::new(&after, at));
    change.filter_sees_it();
    Ok(())
}

pub(crate) fn target(token: &Token) -> String {
    format!("token:{} user:{}", token.id, token.owner)
}
