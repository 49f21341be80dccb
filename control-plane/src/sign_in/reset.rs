//! Forgetting failed attempts: somebody signed in, or an admin says so.

use serde_json::json;

use super::password::name_hash;
use super::told;
use crate::callers::Caller;
use crate::change::Change;
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::authority;
use crate::domain::sign_in::Failures;
use crate::domain::user::{User, name_key};
use crate::error::Error;
use crate::users;

/// Forgets the failed attempts under a user's name, so that nobody has to wait for the next one.
///
/// # Errors
/// The caller is no admin, or there is no such user.
pub async fn reset_failures(context: &Context, caller: &Caller, name: &str) -> Result<(), Error> {
    let (mut change, caller) = Change::by(context, caller).await?;
    authority::administers(caller.principal())?;
    let user = change.tx.user(name).await?.ok_or(Error::NotFound("user"))?;
    forget(&mut change, context, &user).await?;
    if user.failed_sign_ins > 0 {
        let before = json!({"failed_sign_ins": user.failed_sign_ins});
        change.record(Action::UserUpdated, users::target(&user), &before, &json!({"failed_sign_ins": 0}));
        change.commit().await?;
    }
    Ok(())
}

/// Forgets the failed attempts under a user's name, once the audit has been told of all of them.
pub(super) async fn forget(change: &mut Change<'_>, context: &Context, user: &User) -> Result<(), Error> {
    let hash = name_hash(context, &name_key(&user.name));
    let Some(failures) = change.tx.sign_in_failures(&hash).await? else { return Ok(()) };
    let failures = if failures.unaudited > 0 { told(change, failures, Some(user)) } else { failures };
    Ok(change.tx.put_sign_in_failures(&Failures { failures: 0, ..failures }).await?)
}
