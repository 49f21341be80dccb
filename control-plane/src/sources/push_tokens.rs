//! Push tokens: make, rotate, revoke. They are a source's, and admins make them.

use gatepass::decision::has_expired;
use gatepass::token::PlainToken;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::view::PushTokenView;
use super::{change_by_admin, target};
use crate::callers::Caller;
use crate::change::{Change, Committed};
use crate::context::Context;
use crate::domain::address::{IpList, MAX_TOKEN_ENTRIES};
use crate::domain::audit::Action;
use crate::domain::source::{MAX_PUSH_TOKENS, PushToken, Source};
use crate::domain::{grace, text, validity};
use crate::error::Error;
use crate::random::sortable_id;
use crate::schema;
use crate::tokens::Rotation;

/// What a push token is to be.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = NewPushToken, examples(json!({"description": "the pipeline of team-a", "valid_for": "P6M"})))]
pub struct NewPushToken {
    /// What it is for.
    #[schema(value_type = Option<schema::Text>)]
    pub description: Option<String>,
    /// How long it lives, within `max_validity`; without it the longest that is allowed, at most a year.
    #[schema(value_type = Option<schema::ValidFor>)]
    pub valid_for: Option<String>,
    /// With the setting `custom_validity`: when exactly it ends, instead of `valid_for`.
    #[schema(value_type = Option<schema::Time>)]
    pub expires_at: Option<String>,
    /// Where it may be used from; everywhere without it.
    #[schema(value_type = Option<schema::TokenIps>)]
    pub allowed_ips: Option<IpList>,
}

/// A push token that was just made: the one time that its secret is there.
pub struct CreatedPushToken {
    /// The token in clear.
    pub secret: PlainToken,
    /// The token as it is shown.
    pub view: PushTokenView,
}

/// Makes a push token of a source.
///
/// # Errors
/// The caller is no admin, there is no such source, it has too many, or a field is wrong.
pub async fn make(
    context: &Context,
    caller: &Caller,
    source: &str,
    wish: NewPushToken,
) -> Result<CreatedPushToken, Error> {
    let (mut change, source) = change_by_admin(context, caller, source).await?;
    let settings = change.settings.settings.clone();
    if let Some(description) = &wish.description {
        text::check(description, &settings.prefixes())
            .map_err(|problem| Error::invalid("description", problem))?;
    }
    let allowed_ips = wish.allowed_ips.unwrap_or_default();
    if allowed_ips.len() > MAX_TOKEN_ENTRIES {
        let problem = format!("comes to {} CIDRs, and {MAX_TOKEN_ENTRIES} is the most", allowed_ips.len());
        return Err(Error::invalid("allowed_ips", problem));
    }
    let asked =
        validity::Request { valid_for: wish.valid_for.as_deref(), expires_at: wish.expires_at.as_deref() };
    let expires_at = validity::expiry(asked, settings.max_validity, settings.custom_validity, change.now)?;
    refuse_too_many(&mut change, &source).await?;
    let description = wish.description.unwrap_or_default();
    let (secret, token) = insert(context, &mut change, &source, description, expires_at, allowed_ips).await?;
    let view = PushTokenView::from(&token);
    change.record(Action::PushTokenCreated, target(&source), &(), &json!({"push_token": view}));
    change.commit().await?;
    Ok(CreatedPushToken { secret, view })
}

/// Replaces a push token by one with another id and another secret that is otherwise the same. The old one ends at once, or
/// after a grace.
///
/// # Errors
/// The caller is no admin, there is none such, or it has expired or was rotated before.
pub async fn rotate(
    context: &Context,
    caller: &Caller,
    (source, id): (&str, &str),
    rotation: &Rotation,
) -> Result<CreatedPushToken, Error> {
    let grace = rotation.grace.as_deref().map_or(Ok(0), grace::seconds);
    let grace = grace.map_err(|problem| Error::invalid("grace", problem))?;
    let (mut change, source) = change_by_admin(context, caller, source).await?;
    let old = living(&mut change, &source, id).await?;
    refuse_unless_rotatable(&change, &old)?;
    if grace > 0 {
        refuse_too_many(&mut change, &source).await?;
    }
    let (description, ips) = (old.description.clone(), old.allowed_ips.clone());
    let (secret, new) = insert(context, &mut change, &source, description, old.expires_at, ips).await?;
    let end = change.at().saturating_add(grace);
    let by = change.actor().to_owned();
    let at = Some(change.at()).filter(|_| grace == 0);
    let retired = PushToken {
        successor: Some(new.id.clone()),
        expires_at: if grace == 0 {
            old.expires_at
        } else {
            Some(old.expires_at.map_or(end, |was| was.min(end)))
        },
        revoked_at: at,
        revoked_by: at.map(|_| by),
        ..old
    };
    change.tx.update_push_token(&retired).await?;
    let (before, view) = (PushTokenView::from(&retired), PushTokenView::from(&new));
    let (before, after) = (json!({"push_token": before}), json!({"push_token": view}));
    change.record(Action::PushTokenRotated, target(&source), &before, &after);
    change.commit().await?;
    Ok(CreatedPushToken { secret, view })
}

/// Ends a push token, and with it those that it was rotated from and to: whoever had stolen the old secret may have had the
/// new one made. What the source has pushed stays in force.
///
/// # Errors
/// The caller is no admin, or there is none such.
pub async fn revoke(
    context: &Context,
    caller: &Caller,
    (source, id): (&str, &str),
) -> Result<Committed, Error> {
    let (mut change, source) = change_by_admin(context, caller, source).await?;
    let first = living(&mut change, &source, id).await?;
    let living = change.tx.push_tokens_of(source.id).await?;
    for token in chain(living, first) {
        revoke_in(&mut change, &source, token).await?;
    }
    change.commit().await
}

/// Ends all push tokens of a source, within a change, and tells how many there were.
///
/// # Errors
/// The database failed.
pub(crate) async fn revoke_all_in(change: &mut Change<'_>, source: &Source) -> Result<u64, Error> {
    let mut count = 0;
    for token in change.tx.push_tokens_of(source.id).await? {
        revoke_in(change, source, token).await?;
        count += 1;
    }
    Ok(count)
}

async fn revoke_in(change: &mut Change<'_>, source: &Source, token: PushToken) -> Result<(), Error> {
    change.record(Action::PushTokenRevoked, target(source), &json!({"push_token": token.id}), &());
    let (at, by) = (change.at(), change.actor().to_owned());
    let ended = PushToken { revoked_at: Some(at), revoked_by: Some(by), ..token };
    Ok(change.tx.update_push_token(&ended).await?)
}

/// Those of `living` that are of one chain of rotations with `first`, which is one of them.
fn chain(mut living: Vec<PushToken>, first: PushToken) -> Vec<PushToken> {
    living.retain(|token| token.id != first.id);
    let mut chain = vec![first];
    loop {
        let linked = |token: &PushToken| {
            let is_next = |one: &PushToken, other: &PushToken| one.successor.as_ref() == Some(&other.id);
            chain.iter().any(|link| is_next(link, token) || is_next(token, link))
        };
        let (more, rest): (Vec<_>, Vec<_>) = living.into_iter().partition(linked);
        if more.is_empty() {
            return chain;
        }
        chain.extend(more);
        living = rest;
    }
}

async fn living(change: &mut Change<'_>, source: &Source, id: &str) -> Result<PushToken, Error> {
    let tokens = change.tx.push_tokens_of(source.id).await?;
    tokens.into_iter().find(|token| token.id == id).ok_or(Error::NotFound("push token"))
}

fn refuse_unless_rotatable(change: &Change<'_>, token: &PushToken) -> Result<(), Error> {
    if token.expires_at.is_some_and(|end| has_expired(change.at(), end)) {
        let problem = "this push token has expired: make another one".to_owned();
        return Err(Error::Conflict { code: "token_ended", problem });
    }
    if let Some(successor) = &token.successor {
        let problem = format!("this push token has been rotated: rotate its successor, {successor}");
        return Err(Error::Conflict { code: "token_rotated", problem });
    }
    let max = change.settings.settings.max_validity;
    Ok(validity::refuse_beyond(token.expires_at, max, change.now)?)
}

/// What has expired does not count.
async fn refuse_too_many(change: &mut Change<'_>, source: &Source) -> Result<(), Error> {
    let at = change.at();
    let tokens = change.tx.push_tokens_of(source.id).await?;
    let living =
        tokens.iter().filter(|token| !token.expires_at.is_some_and(|end| has_expired(at, end))).count();
    if living < MAX_PUSH_TOKENS {
        return Ok(());
    }
    let problem = format!("{} has {living} push tokens: revoke one first", source.name);
    Err(Error::Conflict { code: "too_many_push_tokens", problem })
}

async fn insert(
    context: &Context,
    change: &mut Change<'_>,
    source: &Source,
    description: String,
    expires_at: Option<i64>,
    allowed_ips: IpList,
) -> Result<(PlainToken, PushToken), Error> {
    let prefix = change.settings.settings.prefixes().into_iter().next().unwrap_or_default();
    let secret = PlainToken::generate(&prefix, |buffer| context.random.fill(buffer))?;
    let token = PushToken {
        id: sortable_id(change.now, context.random.as_ref())?,
        digest: secret.digest(),
        source_id: source.id,
        description,
        creator: change.actor().to_owned(),
        created_at: change.at(),
        expires_at,
        allowed_ips,
        prefix: prefix.as_str().to_owned(),
        hint: secret.hint().to_owned(),
        successor: None,
        revoked_at: None,
        revoked_by: None,
        last_push: None,
    };
    change.tx.insert_push_token(&token).await?;
    Ok((secret, token))
}
