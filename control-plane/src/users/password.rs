//! Passwords: an admin gives one, and who has one changes it.

use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::callers::Caller;
use crate::change::{Change, Committed};
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::authority;
use crate::error::{Error, Unauthenticated};
use crate::password::{self, Password};
use crate::{schema, sign_in, sources, users, way_back};

/// A new password.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The password that is to hold.
    #[schema(value_type = schema::NewPasswordText)]
    pub password: String,
    /// The one that holds: asked of who changes an own one.
    #[serde(default)]
    #[schema(value_type = Option<schema::PasswordText>)]
    pub old_password: Option<String>,
}

/// Gives the user `name` a new password: an admin to anybody else, and everybody to oneself, with the old one. The
/// person's sessions end, but for the one that is in use, and so do entries that a source pushed by a prefix.
///
/// # Errors
/// The caller may not, there is no such user, or a password is wrong.
pub async fn set_password(
    context: &Context,
    caller: &Caller,
    name: &str,
    new: NewPassword,
) -> Result<Committed, Error> {
    let own = name == caller.user.name;
    may_set(caller, own)?;
    let password = Password::parse(&new.password)?;
    if new.old_password.as_ref().is_some_and(|old| old.chars().nth(password::MAX_TRIED).is_some()) {
        return Err(Error::invalid(
            "old_password",
            format!("has at most {} characters", password::MAX_TRIED),
        ));
    }
    let known = if own { Some(check_old(context, caller, new.old_password).await?) } else { None };
    let hash = context.passwords.hash_apart(password, &context.random).await?;
    let (mut change, caller) = Change::by(context, caller).await?;
    may_set(&caller, own)?;
    let user = change.tx.user(name).await?.ok_or(Error::NotFound("user"))?;
    // The old password was looked at before this change began.
    if known.is_some() && known != change.tx.password_hash(user.id).await? {
        return Err(Error::Stale);
    }
    change.tx.set_password_hash(user.id, &hash).await?;
    sources::end_entries_by_prefix(&mut change, &user).await?;
    // Whoever knew the old password may be signed in with it.
    let this = caller.session().filter(|_| own).map(|session| session.id.as_str());
    change.tx.remove_sessions_of(user.id, this).await?;
    let before = json!({"password": user.has_password.then_some("old")});
    change.record(Action::UserUpdated, users::target(&user), &before, &json!({"password": "new"}));
    let committed = change.commit().await?;
    way_back::remove_first_start_files(context, name)?;
    Ok(committed)
}

fn may_set(caller: &Caller, own: bool) -> Result<(), Error> {
    let who = caller.principal();
    Ok(if own { authority::manages(who) } else { authority::administers(who) }?)
}

/// The hash of the caller's password, if `old` is it. Who guesses is slowed down as when signing in.
async fn check_old(context: &Context, caller: &Caller, old: Option<String>) -> Result<String, Error> {
    let missing = "is required of who changes an own password";
    let old = old.ok_or_else(|| Error::invalid("old_password", missing))?;
    let none =
        "you have none: another admin gives you one, or `gatepass user set-password` on the data folder";
    let hash = context.store.read().await?.password_hash(caller.user.id).await?;
    hash.ok_or_else(|| Error::invalid("old_password", none))?;
    match sign_in::check_password(context, &caller.user.name, &old, caller.presented.address).await {
        Ok(known) => Ok(known.hash),
        Err(Error::Unauthenticated(Unauthenticated::SignInRefused)) => {
            Err(Error::invalid("old_password", "is not your password"))
        }
        Err(other) => Err(other),
    }
}
