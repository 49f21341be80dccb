//! Tokens: create.

use gatepass::token::PlainToken;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{TokenRecord, TokenView, refuse_too_many, target};
use crate::callers::Caller;
use crate::change::{Change, Committed};
use crate::context::Context;
use crate::domain::address::{IpList, MAX_TOKEN_ENTRIES};
use crate::domain::audit::Action;
use crate::domain::authority::{self, Denial, Owner};
use crate::domain::settings::Settings;
use crate::domain::token::Token;
use crate::domain::user::User;
use crate::domain::{text, validity};
use crate::error::Error;
use crate::random::sortable_id;
use crate::schema;

/// What a token is to be.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"description": "nightly report", "valid_for": "P6M", "scope": "read_only"})))]
pub struct NewToken {
    /// What it is for.
    #[schema(value_type = schema::Text)]
    pub description: String,
    /// The owner, who must exist; the caller without it.
    #[serde(default)]
    #[schema(value_type = Option<schema::UserName>)]
    pub user: Option<String>,
    /// How long it lives, within `max_validity`; without it the longest that is allowed, at most a year.
    #[serde(default)]
    #[schema(value_type = Option<schema::ValidFor>)]
    pub valid_for: Option<String>,
    /// With the setting `custom_validity`: when exactly it ends, instead of `valid_for`.
    #[serde(default)]
    #[schema(value_type = Option<schema::Time>)]
    pub expires_at: Option<String>,
    /// What it is good for; every request without it.
    #[serde(default)]
    #[schema(value_type = Option<schema::ScopeName>)]
    pub scope: Option<String>,
    /// Where it may be used from; everywhere without it.
    #[serde(default)]
    #[schema(value_type = Option<schema::TokenIps>)]
    pub allowed_ips: Option<IpList>,
    /// Whether it may manage.
    #[serde(default)]
    pub control_plane: bool,
}

/// A token that was just made: the one time that its secret is there.
pub struct Created {
    /// The token in clear.
    pub secret: PlainToken,
    /// The token as it is shown.
    pub view: TokenView,
    /// What became of the change.
    pub committed: Committed,
}

/// Makes a token.
///
/// # Errors
/// What the caller may not do, or which field is wrong.
pub async fn create(context: &Context, caller: &Caller, wish: NewToken) -> Result<Created, Error> {
    Change::together(context, caller, |change, caller| create_one(context, change, caller, &wish)).await
}

async fn create_one(
    context: &Context,
    mut change: Change<'_>,
    caller: Caller,
    wish: &NewToken,
) -> Result<Created, Error> {
    let (owner, draft) = match check(&mut change, &caller, wish).await {
        Ok(checked) => checked,
        Err(error) => return Err(change.refused(error).await),
    };
    let (secret, token) = insert(context, &mut change, &owner, draft).await?;
    let view = TokenView::new(&token, change.at());
    let committed = change.commit().await?;
    Ok(Created { secret, view, committed })
}

/// What is to be made, and whose it is to be. Changes nothing.
async fn check(change: &mut Change<'_>, caller: &Caller, wish: &NewToken) -> Result<(User, Draft), Error> {
    let settings = change.settings.settings.clone();
    authority::creates(caller.principal(), &settings, wish.control_plane)?;
    let owner = owner_of_new(change, caller, wish.user.as_deref()).await?;
    let limits = limits(caller, &owner, wish)?;
    check_wish(wish, &limits, &settings)?;
    let asked =
        validity::Request { valid_for: wish.valid_for.as_deref(), expires_at: wish.expires_at.as_deref() };
    let expires_at = validity::expiry(asked, settings.max_validity, settings.custom_validity, change.now)?;
    refuse_too_many(change, owner.id, &owner.name).await?;
    let draft = Draft {
        description: wish.description.clone(),
        expires_at,
        scope: limits.scope,
        allowed_ips: limits.allowed_ips,
        control_plane: wish.control_plane,
    };
    Ok((owner, draft))
}

async fn owner_of_new(change: &mut Change<'_>, caller: &Caller, user: Option<&str>) -> Result<User, Error> {
    let name = user.unwrap_or(&caller.user.name);
    if name != caller.user.name {
        authority::acts_for_others(caller.principal())?;
    }
    let Some(owner) = change.tx.user(name).await? else {
        return Err(Error::invalid(
            "user",
            "there is no user of exactly this name: an admin adds one with POST /users",
        ));
    };
    authority::acts_for(caller.principal(), Owner { user_id: owner.id, role: owner.role })?;
    Ok(owner)
}

struct Limits {
    scope: Option<String>,
    allowed_ips: IpList,
}

/// A token that binds hands its scope and its list down where none is asked for.
fn limits(caller: &Caller, owner: &User, wish: &NewToken) -> Result<Limits, Denial> {
    let (mut scope, mut allowed_ips) = (wish.scope.clone(), wish.allowed_ips.clone());
    if let Some(own) = binding(caller, owner.id, wish.control_plane) {
        scope = scope.or_else(|| own.scope.clone());
        allowed_ips = allowed_ips.or_else(|| Some(own.allowed_ips.clone()));
    }
    let allowed_ips = allowed_ips.unwrap_or_default();
    within_own(caller, owner.id, wish.control_plane, scope.as_deref(), &allowed_ips)?;
    Ok(Limits { scope, allowed_ips })
}

/// The token that binds what is made with it. What a token makes for its own owner never has a wider scope or IP list than
/// it has itself, nor has what it makes to manage, for whomever: with that one the way back to its own owner would be open.
fn binding(caller: &Caller, owner_id: i64, control_plane: bool) -> Option<&Token> {
    caller.token().filter(|_| owner_id == caller.user.id || control_plane)
}

/// Whether the token in use may make one with this scope and these addresses.
pub(super) fn within_own(
    caller: &Caller,
    owner_id: i64,
    control_plane: bool,
    scope: Option<&str>,
    allowed_ips: &IpList,
) -> Result<(), Denial> {
    let Some(own) = binding(caller, owner_id, control_plane) else { return Ok(()) };
    // Two scopes are not compared rule by rule: only the same one is known not to be wider.
    if own.scope.is_some() && scope != own.scope.as_deref() {
        return Err(Denial::ScopeWider);
    }
    if own.allowed_ips.covers(allowed_ips) { Ok(()) } else { Err(Denial::IpsWider) }
}

fn check_wish(wish: &NewToken, limits: &Limits, settings: &Settings) -> Result<(), Error> {
    text::check(&wish.description, &settings.prefixes())
        .map_err(|problem| Error::invalid("description", problem))?;
    if let Some(scope) = &limits.scope
        && !settings.scopes.0.contains_key(scope)
    {
        let known: Vec<_> = settings.scopes.0.keys().map(String::as_str).collect();
        return Err(Error::invalid("scope", format!("is not one of {}", known.join(", "))));
    }
    if limits.allowed_ips.len() > MAX_TOKEN_ENTRIES {
        let count = limits.allowed_ips.len();
        return Err(Error::invalid(
            "allowed_ips",
            format!("comes to {count} CIDRs, and {MAX_TOKEN_ENTRIES} is the most"),
        ));
    }
    Ok(())
}

/// A token whose rules have been checked.
pub(crate) struct Draft {
    pub(crate) description: String,
    pub(crate) expires_at: Option<i64>,
    pub(crate) scope: Option<String>,
    pub(crate) allowed_ips: IpList,
    pub(crate) control_plane: bool,
}

/// Where a token comes from, if from another one.
#[derive(Default)]
pub(super) struct Lineage {
    pub(super) chain: Option<String>,
    pub(super) predecessor: Option<String>,
}

/// Adds a token to a change, with its audit entry.
pub(crate) async fn insert(
    context: &Context,
    change: &mut Change<'_>,
    owner: &User,
    draft: Draft,
) -> Result<(PlainToken, Token), Error> {
    insert_successor(context, change, owner, draft, Lineage::default()).await
}

/// Adds a token that may succeed another one.
pub(super) async fn insert_successor(
    context: &Context,
    change: &mut Change<'_>,
    owner: &User,
    draft: Draft,
    lineage: Lineage,
) -> Result<(PlainToken, Token), Error> {
    let prefix = change.settings.settings.prefixes().into_iter().next().unwrap_or_default();
    let secret = PlainToken::generate(&prefix, |buffer| context.random.fill(buffer))?;
    let token = Token {
        id: sortable_id(change.now, context.random.as_ref())?,
        digest: secret.digest(),
        owner_id: owner.id,
        owner: owner.name.clone(),
        owner_role: owner.role,
        owner_active: owner.tokens_work(),
        creator: change.actor().to_owned(),
        description: draft.description,
        created_at: change.at(),
        expires_at: draft.expires_at,
        scope: draft.scope,
        allowed_ips: draft.allowed_ips,
        prefix: prefix.as_str().to_owned(),
        hint: secret.hint().to_owned(),
        control_plane: draft.control_plane,
        disabled: None,
        chain: lineage.chain,
        predecessor: lineage.predecessor,
        successor: None,
        revoked_at: None,
        revoked_by: None,
        last_used: None,
    };
    change.tx.insert_token(&token).await?;
    let record = TokenRecord::new(&token, change.at());
    change.record(Action::TokenCreated, target(&token), &(), &record);
    change.filter_sees_it();
    Ok((secret, token))
}
