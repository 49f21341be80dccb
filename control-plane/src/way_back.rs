//! The ways back in, for whoever can write to the data folder. They work beside a running server.

use std::path::PathBuf;

use serde_json::json;

use crate::change::Change;
use crate::context::Context;
use crate::data_folder::{remove_private, stage_private};
use crate::domain::audit::Action;
use crate::domain::user::{Role, system_actor};
use crate::error::Error;
use crate::first_start::{ADMIN, managing_token};
use crate::password::Password;
use crate::sources;
use crate::suspension;
use crate::users;

/// Gives a user a new password. Once the first admin's has been changed, the files of the first start are removed.
///
/// # Errors
/// There is no such user.
pub async fn set_password(context: &Context, name: &str, password: &Password) -> Result<(), Error> {
    let hash = context.passwords.hash(password, context.random.as_ref())?;
    let mut change = Change::by_system(context, system_actor::DATA_FOLDER).await?;
    let user = change.tx.user(name).await?.ok_or(Error::NotFound("user"))?;
    change.tx.set_password_hash(user.id, &hash).await?;
    change.tx.remove_sessions_of(user.id, None).await?;
    sources::end_entries_by_prefix(&mut change, &user).await?;
    let target = users::target(&user);
    change.record(Action::UserUpdated, target, &json!({"password": "old"}), &json!({"password": "new"}));
    change.commit().await?;
    remove_first_start_files(context, name)
}

/// Removes the files of the first start, once the first admin's password has been changed.
///
/// # Errors
/// They cannot be removed.
pub(crate) fn remove_first_start_files(context: &Context, name: &str) -> Result<(), Error> {
    if name == ADMIN {
        remove_private(&context.folder.initial_password())?;
        remove_private(&context.folder.initial_token())?;
    }
    Ok(())
}

/// Makes a token that may manage, valid for 24 hours, for an active admin, and returns the file that it is in.
///
/// # Errors
/// There is no such active admin.
pub async fn recover(context: &Context, name: &str) -> Result<PathBuf, Error> {
    let mut change = Change::by_system(context, system_actor::DATA_FOLDER).await?;
    let mut user = change.tx.user(name).await?.ok_or(Error::NotFound("user"))?;
    if user.role != Role::Admin || !user.active {
        return Err(Error::Conflict {
            code: "no_admin",
            problem: format!("{name} is no active admin: name one"),
        });
    }
    // It would otherwise not work.
    change.tx.note_sign_in(user.id, change.at()).await?;
    suspension::resume(&mut change, &mut user).await?;
    let token = managing_token(context, &mut change, &user, "gatepass user recover").await?;
    let path = context.folder.recovery_token();
    // In place only once it is good: until then the file may hold an earlier token that still is.
    let staged = stage_private(&path, format!("{}\n", token.expose()).as_bytes())?;
    change.commit().await?;
    staged.publish()?;
    Ok(path)
}
