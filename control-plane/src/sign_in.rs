//! Signing in with a browser, and out.

mod guard;
mod password;
mod reset;

use std::net::IpAddr;
use std::time::Duration;

use serde_json::json;

use crate::callers::Caller;
use crate::change::Change;
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::authority;
use crate::domain::session::{Limits, Method, Secret, SecretHash, Session};
use crate::domain::sign_in::{AUDITED_EVERY, FORGOTTEN_AFTER, Failures, NOBODY};
use crate::domain::user::{User, system_actor};
use crate::error::{Error, Unauthenticated};
use crate::random::sortable_id;
use crate::suspension;
use crate::users;
pub use guard::Guard;
pub use password::{Attempt, check_password, with_password};
pub use reset::reset_failures;

/// Most sessions of one person: the oldest ends when there is one more.
const MOST_SESSIONS: i64 = 20;
/// Most names that nobody has and under which attempts are counted.
const MOST_NAMES: i64 = 100_000;
/// How often [`upkeep`] looks.
const UPKEEP: Duration = Duration::from_secs(60);
/// How many entries of the audit are written at once.
const ENTRIES: i64 = 500;

/// Somebody who is signed in from now on.
pub struct SignedIn {
    /// What the cookie is to hold.
    pub secret: Secret,
    /// The session.
    pub session: Session,
    /// Who it is.
    pub user: User,
}

/// Begins a session of `user` within a change by this user, in place of the one with the secret hash `old`.
///
/// # Errors
/// The database or the random source failed.
pub(crate) async fn begin(
    context: &Context,
    change: &mut Change<'_>,
    mut user: User,
    method: Method,
    old: Option<SecretHash>,
) -> Result<SignedIn, Error> {
    if let Some(hash) = old
        && let Some(session) = change.tx.session(&hash).await?
    {
        change.tx.remove_session(&session.id).await?;
    }
    let mut bytes = [0; 32];
    context.random.fill(&mut bytes)?;
    let secret = Secret::new(bytes);
    let at = change.at();
    let id = sortable_id(change.now, context.random.as_ref())?;
    let secret_hash = secret.hash();
    let session = Session { id, secret_hash, user_id: user.id, method, created_at: at, last_used_at: at };
    change.tx.insert_session(&session).await?;
    change.tx.trim_sessions(user.id, MOST_SESSIONS).await?;
    change.tx.note_sign_in(user.id, at).await?;
    suspension::resume(change, &mut user).await?;
    change.record(
        Action::SignInSucceeded,
        users::target(&user),
        &(),
        &json!({"method": method.as_str(), "session": session.id}),
    );
    Ok(SignedIn { secret, session, user })
}

/// Who is signed in, and since when.
///
/// # Errors
/// The caller uses a token.
pub async fn show(context: &Context, caller: &Caller) -> Result<(User, Session), Error> {
    let session = caller.session().ok_or(Unauthenticated::NotSignedIn)?;
    let user = context.store.read().await?.user_by_id(caller.user.id).await?;
    Ok((user.ok_or(Unauthenticated::SessionEnded)?, session.clone()))
}

/// Ends the caller's session.
///
/// # Errors
/// The caller uses a token.
pub async fn sign_out(context: &Context, caller: &Caller) -> Result<(), Error> {
    let (mut change, caller) = Change::by(context, caller).await?;
    let session = caller.session().ok_or(Unauthenticated::NotSignedIn)?;
    change.tx.remove_session(&session.id).await?;
    let target = format!("user:{}", caller.user.name);
    change.record(Action::SessionEnded, target, &json!({"sessions": 1}), &json!({"sessions": 0}));
    change.commit().await?;
    Ok(())
}

/// Ends all sessions of the user `name`, and tells how many: one's own, or as an admin anybody's.
///
/// # Errors
/// The caller may not, or there is no such user.
pub async fn sign_out_everywhere(context: &Context, caller: &Caller, name: &str) -> Result<u64, Error> {
    let (mut change, caller) = Change::by(context, caller).await?;
    let who = caller.principal();
    if name == caller.user.name { authority::manages(who) } else { authority::administers(who) }?;
    let user = change.tx.user(name).await?.ok_or(Error::NotFound("user"))?;
    let ended = change.tx.remove_sessions_of(user.id, None).await?;
    if ended > 0 {
        let (before, after) = (json!({"sessions": ended}), json!({"sessions": 0}));
        change.record(Action::SessionEnded, users::target(&user), &before, &after);
        change.commit().await?;
    }
    Ok(ended)
}

/// Notes failed attempts within a change, and the entry of the audit that is due.
async fn note(change: &mut Change<'_>, failures: Failures, user: Option<&User>) -> Result<(), Error> {
    let failures = if failures.are_due(change.at()) { told(change, failures, user) } else { failures };
    Ok(change.tx.put_sign_in_failures(&failures).await?)
}

/// Tells the audit of all attempts that it does not know of.
fn told(change: &mut Change<'_>, failures: Failures, user: Option<&User>) -> Failures {
    // What was typed as a name that nobody has may be a password.
    let target = user.map_or_else(|| "sign_in".to_owned(), users::target);
    let after = json!({"attempts": failures.unaudited});
    change.record_as(system_actor::SIGN_IN, failures.ip.clone(), Action::SignInFailed, target, &(), &after);
    Failures { unaudited: 0, audited_at: change.at(), ..failures }
}

/// Notes an attempt that is under no name of ours.
pub(crate) async fn count_nobodys(context: &Context, address: Option<IpAddr>) -> Result<(), Error> {
    let mut change = Change::by_system(context, system_actor::SIGN_IN).await?;
    note_nobodys(&mut change, written(address)).await?;
    change.commit().await?;
    Ok(())
}

/// One entry for all names that nobody has: there is no end of them.
async fn note_nobodys(change: &mut Change<'_>, ip: Option<String>) -> Result<(), Error> {
    let known = change.tx.sign_in_failures(&NOBODY).await?;
    let counted = known.unwrap_or_else(|| Failures::none(NOBODY, None)).refused(ip);
    note(change, Failures { last_at: change.at(), ..counted }, None).await
}

/// How an address is written where it is kept.
pub(crate) fn written(address: Option<IpAddr>) -> Option<String> {
    address.map(|ip| ip.to_canonical().to_string())
}

/// Tells the audit of attempts that it does not know of yet, and forgets what is over. Never returns.
pub async fn upkeep(context: Context) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        if let Err(error) = keep_up(&context).await {
            tracing::error!(%error, "sign-ins could not be looked after; it is tried again");
        }
    }
}

/// Does once what [`upkeep`] does.
///
/// # Errors
/// The database failed.
pub async fn keep_up(context: &Context) -> Result<(), Error> {
    let now = context.clock.now().as_second();
    let due = now.saturating_sub(AUDITED_EVERY);
    if !context.store.read().await?.unaudited_failures(due, 1).await?.is_empty() {
        let mut change = Change::by_system(context, system_actor::SIGN_IN).await?;
        for failures in change.tx.unaudited_failures(due, ENTRIES).await? {
            let user = match failures.user_id {
                Some(id) => change.tx.user_by_id(id).await?,
                None => None,
            };
            note(&mut change, failures, user.as_ref()).await?;
        }
        change.commit().await?;
    }
    let Limits { idle, absolute } = context.sessions;
    let mut tx = context.store.write().await?;
    tx.remove_old_sessions(now.saturating_sub(absolute), now.saturating_sub(idle)).await?;
    tx.remove_old_failures(now.saturating_sub(FORGOTTEN_AFTER), MOST_NAMES).await?;
    Ok(tx.commit().await?)
}
