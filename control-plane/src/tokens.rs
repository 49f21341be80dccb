//! Tokens: create, list, show, revoke.

use gatepass::token::PlainToken;
use serde::{Deserialize, Serialize};

use crate::callers::Caller;
use crate::change::{Change, Committed};
use crate::clock::rfc3339;
use crate::context::Context;
use crate::domain::address::{IpList, MAX_TOKEN_ENTRIES};
use crate::domain::audit::Action;
use crate::domain::authority::{self, Denial, Owner, Reach};
use crate::domain::settings::Settings;
use crate::domain::token::{State, Token};
use crate::domain::user::User;
use crate::domain::{text, validity};
use crate::error::Error;
use crate::random::sortable_id;
use crate::store::{StoreError, TokenFilter};

/// What a token is to be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for.
    pub description: String,
    /// The owner; the caller without it.
    #[serde(default)]
    pub user: Option<String>,
    /// See [`validity::Request`].
    #[serde(default)]
    pub valid_for: Option<String>,
    /// See [`validity::Request`].
    #[serde(default)]
    pub expires_at: Option<String>,
    /// A scope's name.
    #[serde(default)]
    pub scope: Option<String>,
    /// Where it may be used from.
    #[serde(default)]
    pub allowed_ips: Option<IpList>,
    /// Whether it may manage.
    #[serde(default)]
    pub control_plane: bool,
}

/// A token as it is shown, in lists and in the audit: without secret and digest.
#[derive(Clone, Debug, Serialize)]
pub struct TokenView {
    id: String,
    user: String,
    creator: String,
    description: String,
    created_at: String,
    expires_at: Option<String>,
    scope: Option<String>,
    allowed_ips: IpList,
    control_plane: bool,
    state: State,
    hint: String,
    revoked_at: Option<String>,
    revoked_by: Option<String>,
}

impl TokenView {
    /// `token` at `now`, in Unix seconds.
    pub fn new(token: &Token, now: i64) -> Self {
        Self {
            id: token.id.clone(),
            user: token.owner.clone(),
            creator: token.creator.clone(),
            description: token.description.clone(),
            created_at: rfc3339(token.created_at),
            expires_at: token.expires_at.map(rfc3339),
            scope: token.scope.clone(),
            allowed_ips: token.allowed_ips.clone(),
            control_plane: token.control_plane,
            state: token.state(now),
            hint: token.hint.clone(),
            revoked_at: token.revoked_at.map(rfc3339),
            revoked_by: token.revoked_by.clone(),
        }
    }

    /// The public id.
    pub fn id(&self) -> &str {
        &self.id
    }
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
    let (mut change, caller) = Change::by(context, caller).await?;
    let settings = change.settings.settings.clone();
    let owner = owner_of_new(&mut change, &caller, wish.user.as_deref()).await?;
    authority::creates(caller.principal(), &settings, wish.control_plane)?;
    let limits = limits(&caller, &owner, &wish)?;
    check_wish(&wish, &limits, &settings)?;
    let asked =
        validity::Request { valid_for: wish.valid_for.as_deref(), expires_at: wish.expires_at.as_deref() };
    let expires_at = validity::expiry(asked, settings.max_validity, settings.custom_validity, change.now)?;
    let active = change.tx.active_tokens_of(owner.id, change.at()).await?;
    if active >= i64::from(settings.max_tokens_per_user) {
        let limit = settings.max_tokens_per_user;
        let problem = format!("{} has {limit} active tokens already: revoke one first", owner.name);
        return Err(Error::Conflict { code: "too_many_tokens", problem });
    }
    let draft = Draft {
        description: wish.description,
        expires_at,
        scope: limits.scope,
        allowed_ips: limits.allowed_ips,
        control_plane: wish.control_plane,
    };
    let (secret, token) = insert(context, &mut change, &owner, draft).await?;
    let view = TokenView::new(&token, change.at());
    let committed = change.commit().await?;
    Ok(Created { secret, view, committed })
}

async fn owner_of_new(change: &mut Change<'_>, caller: &Caller, user: Option<&str>) -> Result<User, Error> {
    let name = user.unwrap_or(&caller.token.owner);
    if name != caller.token.owner {
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

/// What a token makes for its own owner never has a wider scope or IP list than it has itself.
fn limits(caller: &Caller, owner: &User, wish: &NewToken) -> Result<Limits, Denial> {
    let (scope, allowed_ips) = (wish.scope.clone(), wish.allowed_ips.clone());
    if owner.id != caller.token.owner_id {
        return Ok(Limits { scope, allowed_ips: allowed_ips.unwrap_or_default() });
    }
    let own = &caller.token;
    let scope = scope.or_else(|| own.scope.clone());
    // Two scopes are not compared rule by rule: only the same one is known not to be wider.
    if own.scope.is_some() && scope != own.scope {
        return Err(Denial::ScopeWider);
    }
    let allowed_ips = allowed_ips.unwrap_or_else(|| own.allowed_ips.clone());
    if !own.allowed_ips.covers(&allowed_ips) {
        return Err(Denial::IpsWider);
    }
    Ok(Limits { scope, allowed_ips })
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

/// Adds a token to a change, with its audit entry.
pub(crate) async fn insert(
    context: &Context,
    change: &mut Change<'_>,
    owner: &User,
    draft: Draft,
) -> Result<(PlainToken, Token), Error> {
    let prefix = change.settings.settings.prefixes().into_iter().next().unwrap_or_default();
    let secret = PlainToken::generate(&prefix, |buffer| context.random.fill(buffer))?;
    let token = Token {
        id: sortable_id(change.now, context.random.as_ref())?,
        digest: secret.digest(),
        owner_id: owner.id,
        owner: owner.name.clone(),
        owner_role: owner.role,
        owner_active: owner.active,
        creator: change.actor().to_owned(),
        description: draft.description,
        created_at: change.at(),
        expires_at: draft.expires_at,
        scope: draft.scope,
        allowed_ips: draft.allowed_ips,
        hint: secret.hint().to_owned(),
        control_plane: draft.control_plane,
        revoked_at: None,
        revoked_by: None,
    };
    change.tx.insert_token(&token).await?;
    let view = TokenView::new(&token, change.at());
    change.record(Action::TokenCreated, target(&token), &(), &view);
    change.filter_sees_it();
    Ok((secret, token))
}

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
#[derive(Clone, Debug, Serialize)]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Where the next page begins, as the edge writes it; `None` on the last page.
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
        Some(name) if name == caller.token.owner => filter.owner_id = Some(who.user_id),
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
    if user != caller.token.owner {
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

async fn revoke_in(change: &mut Change<'_>, token: Token) -> Result<(), Error> {
    let (at, by) = (change.at(), change.actor().to_owned());
    let before = TokenView::new(&token, at);
    if !change.tx.revoke_token(&token.id, at, &by).await? {
        return Err(StoreError::Unreadable("token row").into());
    }
    let after = Token { revoked_at: Some(at), revoked_by: Some(by), ..token };
    change.record(Action::TokenRevoked, target(&after), &before, &TokenView::new(&after, at));
    change.filter_sees_it();
    Ok(())
}

fn target(token: &Token) -> String {
    format!("token:{} user:{}", token.id, token.owner)
}
