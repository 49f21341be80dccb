//! Tokens: rotate.

use serde::Deserialize;
use utoipa::ToSchema;

use super::creation::{Created, Draft, Lineage, insert_successor, within_own};
use super::revocation::end;
use super::{TokenRecord, TokenView, changeable, refuse_ended, refuse_too_many, target};
use crate::callers::Caller;
use crate::change::Change;
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::authority;
use crate::domain::choice::given;
use crate::domain::token::Token;
use crate::domain::user::User;
use crate::domain::{grace, validity};
use crate::error::Error;
use crate::schema;

/// How a token is to be replaced.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// How long the old secret goes on working, as an ISO 8601 duration; not at all without it.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = schema::Grace, required = false)]
    pub grace: Option<String>,
}

/// Replaces a token by one with another id and another secret that is otherwise the same. The old one ends at once, or
/// after a grace.
///
/// # Errors
/// There is none, it has ended or is disabled or was rotated before, or a new token like it could not be made.
pub async fn rotate(
    context: &Context,
    caller: &Caller,
    id: &str,
    rotation: &Rotation,
) -> Result<Created, Error> {
    let grace = rotation.grace.as_deref().map_or(Ok(0), grace::seconds);
    let grace = grace.map_err(|problem| Error::invalid("grace", problem))?;
    let (mut change, caller) = Change::by(context, caller).await?;
    let old = changeable(&mut change, &caller, id).await?;
    refuse_unless_usable(&old, change.at())?;
    refuse_unless_creatable(&change, &caller, &old)?;
    let owner = change.tx.user(&old.owner).await?.ok_or(Error::NotFound("user"))?;
    if grace > 0 {
        refuse_too_many(&mut change, old.owner_id, &old.owner).await?;
    }
    let before = TokenRecord::new(&old, change.at());
    let (secret, new) = succeed(context, &mut change, &owner, &old).await?;
    let old = retire(&mut change, old, &new, grace).await?;
    let after = TokenRecord::new(&old, change.at());
    change.record(Action::TokenRotated, target(&old), &before, &after);
    let view = TokenView::new(&new, change.at());
    let committed = change.commit().await?;
    Ok(Created { secret, view, committed })
}

fn refuse_unless_usable(token: &Token, now: i64) -> Result<(), Error> {
    refuse_ended(token, now)?;
    if token.disabled.is_some() {
        let problem = "this token is disabled: enable it first".to_owned();
        return Err(Error::Conflict { code: "target_disabled", problem });
    }
    if let Some(successor) = &token.successor {
        let problem = format!("this token has been rotated: rotate its successor, {successor}");
        return Err(Error::Conflict { code: "token_rotated", problem });
    }
    Ok(())
}

/// A rotation is a creation: who may not make such a token may not get its secret in this way either.
fn refuse_unless_creatable(change: &Change<'_>, caller: &Caller, old: &Token) -> Result<(), Error> {
    let settings = &change.settings.settings;
    authority::creates(caller.principal(), settings, old.control_plane)?;
    authority::acts_for(caller.principal(), old.owner_for_authority())?;
    within_own(caller, old.owner_id, old.control_plane, old.scope.as_deref(), &old.allowed_ips)?;
    Ok(validity::refuse_beyond(old.expires_at, settings.max_validity, change.now)?)
}

async fn succeed(
    context: &Context,
    change: &mut Change<'_>,
    owner: &User,
    old: &Token,
) -> Result<(gatepass::token::PlainToken, Token), Error> {
    let draft = Draft {
        description: old.description.clone(),
        expires_at: old.expires_at,
        scope: old.scope.clone(),
        allowed_ips: old.allowed_ips.clone(),
        control_plane: old.control_plane,
    };
    let chain = old.chain.clone().unwrap_or_else(|| old.id.clone());
    let lineage = Lineage { chain: Some(chain), predecessor: Some(old.id.clone()) };
    insert_successor(context, change, owner, draft, lineage).await
}

/// Ends the old token: now, or at the end of its grace, which is an expiry that the filter enforces by itself.
async fn retire(change: &mut Change<'_>, old: Token, new: &Token, grace: i64) -> Result<Token, Error> {
    let grace_end = change.at().saturating_add(grace);
    let expires_at = match old.expires_at {
        _ if grace == 0 => old.expires_at,
        Some(end) => Some(end.min(grace_end)),
        None => Some(grace_end),
    };
    let retired = Token { expires_at, chain: new.chain.clone(), successor: Some(new.id.clone()), ..old };
    change.tx.update_token(&retired).await?;
    if grace == 0 { end(change, retired).await } else { Ok(retired) }
}
