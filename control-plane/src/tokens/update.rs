//! Tokens: narrow, disable, enable.

use super::{TokenRecord, TokenView, changeable, refuse_ended, refuse_too_many, target};
use crate::callers::Caller;
use crate::change::{Change, Committed};
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::authority;
use crate::domain::narrowing::{TokenPatch, narrowed};
use crate::domain::token::{Disabled, Token};
use crate::error::Error;

/// Changes a token, whole or not at all. What changes nothing leaves no trace.
///
/// # Errors
/// There is none or it has ended, the caller may not, or a field is wrong or would widen the token.
pub async fn update(
    context: &Context,
    caller: &Caller,
    id: &str,
    patch: &TokenPatch,
) -> Result<(TokenView, Option<Committed>), Error> {
    let (mut change, caller) = Change::by(context, caller).await?;
    let old = changeable(&mut change, &caller, id).await?;
    let at = change.at();
    let (new, changed) = update_in(&mut change, &caller, old, patch).await?;
    let committed = if changed { Some(change.commit().await?) } else { None };
    Ok((TokenView::new(&new, at), committed))
}

/// Changes a token within a change, and tells whether that changed anything.
pub(super) async fn update_in(
    change: &mut Change<'_>,
    caller: &Caller,
    old: Token,
    patch: &TokenPatch,
) -> Result<(Token, bool), Error> {
    let at = change.at();
    refuse_ended(&old, at)?;
    let mut new = narrowed(&old, patch, &change.settings.settings, at)?;
    match patch.enabled {
        Some(true) => enable(change, caller, &mut new).await?,
        Some(false) => disable(change, caller, &mut new),
        None => {}
    }
    if new == old {
        return Ok((new, false));
    }
    change.tx.update_token(&new).await?;
    if filter_sees(&old, &new) {
        change.filter_sees_it();
    }
    let (before, after) = (TokenRecord::new(&old, at), TokenRecord::new(&new, at));
    change.record(Action::TokenUpdated, target(&new), &before, &after);
    Ok((new, true))
}

async fn enable(change: &mut Change<'_>, caller: &Caller, token: &mut Token) -> Result<(), Error> {
    if token.disabled.is_none() {
        return Ok(());
    }
    let by_owner = token.is_disabled_by_its_owner();
    authority::enables(caller.principal(), token.owner_for_authority(), by_owner)?;
    // While it was disabled, its place was free.
    refuse_too_many(change, token.owner_id, &token.owner).await?;
    token.disabled = None;
    Ok(())
}

/// A manager or an admin also takes over what the owner has disabled, so that the owner cannot enable it any more; it
/// does not go the other way.
fn disable(change: &Change<'_>, caller: &Caller, token: &mut Token) {
    let is_owner = caller.principal().user_id == token.owner_id;
    let taken_over = !is_owner && token.is_disabled_by_its_owner();
    if token.disabled.is_none() || taken_over {
        token.disabled = Some(Disabled { at: change.at(), by: change.actor().to_owned() });
    }
}

fn filter_sees(old: &Token, new: &Token) -> bool {
    (old.expires_at, &old.scope, &old.allowed_ips) != (new.expires_at, &new.scope, &new.allowed_ips)
        || old.disabled.is_some() != new.disabled.is_some()
}
