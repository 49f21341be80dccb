//! Tokens of people who have not signed in for long stop, and work again at the next sign-in.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::change::Change;
use crate::clock::rfc3339;
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::settings::Settings;
use crate::domain::suspension::Rule;
use crate::domain::user::{User, system_actor};
use crate::error::Error;
use crate::store::{StoreError, Transaction};
use crate::users;

/// How often [`upkeep`] looks.
const UPKEEP: Duration = Duration::from_secs(60);
/// How many users one change is about at most: nobody else changes anything meanwhile.
const BATCH: i64 = 200;

/// Suspends and resumes whom the setting says, for as long as there is anything to do, once a minute. Never returns. Each
/// replica does: what one has done, the others do not find.
pub async fn upkeep(context: Context) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        if let Err(error) = keep_up(&context).await {
            tracing::error!(%error, "suspensions could not be looked after; it is tried again");
        }
    }
}

/// Does once what [`upkeep`] does.
///
/// # Errors
/// The database failed.
pub async fn keep_up(context: &Context) -> Result<(), Error> {
    while is_due(context).await? {
        let mut change = Change::by_system(context, system_actor::SUSPENSION).await?;
        let rule = rule_of(change.tx.as_mut()).await?;
        resume_some(&mut change, rule).await?;
        if let Some(rule) = rule {
            suspend_some(&mut change, rule).await?;
        }
        change.commit().await?;
    }
    Ok(())
}

/// Looked at first, so that nobody waits for a turn to write once a minute.
async fn is_due(context: &Context) -> Result<bool, Error> {
    let now = context.clock.now().as_second();
    let mut tx = context.store.read().await?;
    if tx.version().await?.is_none() {
        return Ok(false);
    }
    let rule = rule_of(tx.as_mut()).await?;
    if !tx.users_to_resume(rule, now, 1).await?.is_empty() {
        return Ok(true);
    }
    match rule {
        Some(rule) => Ok(!tx.users_to_suspend(rule, now, 1).await?.is_empty()),
        None => Ok(false),
    }
}

/// The rule that holds; `None` while the setting is off.
async fn rule_of(tx: &mut dyn Transaction) -> Result<Option<Rule>, StoreError> {
    let days = tx.settings().await?.settings.suspend_after_days;
    let since = tx.suspends_since().await?;
    // Without a time, as after a change of the database by hand, nobody who never signed in is due.
    Ok(days.map(|days| Rule { days, since: since.unwrap_or(i64::MAX) }))
}

async fn suspend_some(change: &mut Change<'_>, rule: Rule) -> Result<(), Error> {
    let at = change.at();
    for id in change.tx.users_to_suspend(rule, at, BATCH).await? {
        let user = user(change, id).await?;
        suspend(change, &user).await?;
    }
    Ok(())
}

/// Stops the tokens of somebody who is not suspended, within a change, with its audit entry.
pub(crate) async fn suspend(change: &mut Change<'_>, user: &User) -> Result<(), Error> {
    let at = change.at();
    change.tx.set_suspended(user.id, Some(at)).await?;
    let last_sign_in_at = user.last_sign_in_at.map(rfc3339);
    let before = json!({"suspended_at": null, "last_sign_in_at": last_sign_in_at});
    change.record(Action::UserSuspended, users::target(user), &before, &json!({"suspended_at": rfc3339(at)}));
    change.filter_sees_it();
    Ok(())
}

async fn resume_some(change: &mut Change<'_>, rule: Option<Rule>) -> Result<bool, Error> {
    let ids = change.tx.users_to_resume(rule, change.at(), BATCH).await?;
    for id in &ids {
        let mut user = user(change, *id).await?;
        resume(change, &mut user).await?;
    }
    Ok(!ids.is_empty())
}

async fn user(change: &mut Change<'_>, id: i64) -> Result<User, Error> {
    Ok(change.tx.user_by_id(id).await?.ok_or(StoreError::Unreadable("user row"))?)
}

/// Lets the tokens of somebody who is suspended work again, within a change, with its audit entry.
pub(crate) async fn resume(change: &mut Change<'_>, user: &mut User) -> Result<(), Error> {
    let Some(suspended_at) = user.suspended_at.take() else { return Ok(()) };
    change.tx.set_suspended(user.id, None).await?;
    let (before, after) = (json!({"suspended_at": rfc3339(suspended_at)}), json!({"suspended_at": null}));
    change.record(Action::UserResumed, users::target(user), &before, &after);
    change.filter_sees_it();
    Ok(())
}

/// Follows a change of the setting: notes since when it is on, and lets tokens work again at once that it does not stop any
/// longer. Those that it stops are left to [`upkeep`].
pub(crate) async fn follow_setting(
    change: &mut Change<'_>,
    old: &Settings,
    new: &Settings,
) -> Result<(), Error> {
    if old.suspend_after_days == new.suspend_after_days {
        return Ok(());
    }
    match (old.suspend_after_days, new.suspend_after_days) {
        (_, None) => change.tx.set_suspends_since(None).await?,
        (None, Some(_)) => change.tx.set_suspends_since(Some(change.at())).await?,
        (Some(_), Some(_)) => {}
    }
    let rule = rule_of(change.tx.as_mut()).await?;
    while resume_some(change, rule).await? {
        change.write_entries().await?;
    }
    Ok(())
}

/// Whose tokens a change of the setting would stop, and let work again, by the users' ids.
#[derive(Debug, Default)]
pub(crate) struct Foretold {
    /// They would stop.
    pub(crate) suspended: BTreeSet<i64>,
    /// They would work again.
    pub(crate) resumed: BTreeSet<i64>,
}

/// Says what a change of the setting would do at `now`, in Unix seconds.
pub(crate) async fn foretell(
    tx: &mut dyn Transaction,
    old: &Settings,
    new: &Settings,
    now: i64,
) -> Result<Foretold, StoreError> {
    if old.suspend_after_days == new.suspend_after_days {
        return Ok(Foretold::default());
    }
    let since = tx.suspends_since().await?.unwrap_or(now);
    let rule = new.suspend_after_days.map(|days| Rule { days, since });
    let resumed = tx.users_to_resume(rule, now, i64::MAX).await?.into_iter().collect();
    let suspended = match rule {
        Some(rule) => tx.users_to_suspend(rule, now, i64::MAX).await?.into_iter().collect(),
        None => BTreeSet::new(),
    };
    Ok(Foretold { suspended, resumed })
}
