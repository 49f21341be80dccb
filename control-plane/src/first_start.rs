//! The first start: an admin with a password and a token, in a database that has no user.

use jiff::ToSpan as _;

use crate::change::Change;
use crate::context::Context;
use crate::data_folder::write_private;
use crate::domain::address::IpList;
use crate::domain::groups::Groups;
use crate::domain::settings::Settings;
use crate::domain::user::{Role, User, system_actor};
use crate::error::Error;
use crate::password::Password;
use crate::store::StoreError;
use crate::tokens::{self, Draft};
use crate::users;

/// The first admin's name.
pub const ADMIN: &str = "admin";
const TOKEN_HOURS: i64 = 24;

/// Sets up a database that has no user, and tells whether it had none. The password and the token are written to the
/// data folder before the commit: a crash between the two leaves files that the next start replaces, and never an
/// admin whom nobody knows.
///
/// # Errors
/// The files cannot be written, or the protected paths are wrong.
pub async fn set_up(context: &Context, protected_paths: &[String]) -> Result<bool, Error> {
    if context.store.read().await?.has_users().await? {
        return Ok(false);
    }
    let mut change = Change::by_system(context, system_actor::FIRST_START).await?;
    if change.tx.has_users().await? {
        return Ok(false);
    }
    protect(&mut change, protected_paths).await?;
    let password = Password::random(context.random.as_ref())?;
    let hash = context.passwords.hash(&password, context.random.as_ref())?;
    let admin = User {
        id: 0,
        name: ADMIN.to_owned(),
        role: Role::Admin,
        active: true,
        display_name: None,
        email: None,
        groups: Groups::default(),
        has_password: true,
        created_at: change.at(),
        last_sign_in_at: None,
        failed_sign_ins: 0,
        suspended_at: None,
        exempt_from_suspension: false,
    };
    let admin = users::insert(&mut change, admin, Some(&hash)).await?;
    let token = managing_token(context, &mut change, &admin, "first start").await?;
    write_private(&context.folder.initial_password(), format!("{}\n", password.expose()).as_bytes())?;
    write_private(&context.folder.initial_token(), format!("{}\n", token.expose()).as_bytes())?;
    change.commit().await?;
    tracing::info!(
        password = %context.folder.initial_password().display(),
        token = %context.folder.initial_token().display(),
        "the first admin is \"{ADMIN}\": password and token are in these files; the token is valid for 24 hours, \
         and `gatepass user set-password {ADMIN}` removes both files"
    );
    Ok(true)
}

async fn protect(change: &mut Change<'_>, paths: &[String]) -> Result<(), Error> {
    if paths.is_empty() {
        return Ok(());
    }
    let settings = Settings { protected_paths: paths.to_vec(), ..change.settings.settings.clone() };
    change.tx.replace_settings(&settings).await?;
    change.settings.settings = settings;
    Ok(())
}

/// A token for `admin` that may manage, valid for 24 hours: the way in where there is no other.
pub(crate) async fn managing_token(
    context: &Context,
    change: &mut Change<'_>,
    admin: &User,
    description: &str,
) -> Result<gatepass::token::PlainToken, Error> {
    let end = change.now.checked_add(TOKEN_HOURS.hours()).map_err(|_| StoreError::Unreadable("clock"))?;
    let draft = Draft {
        description: description.to_owned(),
        expires_at: Some(end.as_second()),
        scope: None,
        allowed_ips: IpList::default(),
        control_plane: true,
    };
    let (secret, _) = tokens::insert(context, change, admin, draft).await?;
    Ok(secret)
}
