//! Users: add, list, show, change.

mod identities;
pub mod import;
mod names;
mod password;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::callers::Caller;
use crate::change::{Change, Committed};
use crate::clock::rfc3339;
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::choice::{self, given};
use crate::domain::groups::Groups;
use crate::domain::user::{Identity, Role, User, UserFilter, check_new_name, name_key};
use crate::domain::{authority, text};
use crate::error::Error;
use crate::schema;
use crate::sources;
use crate::suspension;
use crate::tokens::Page;
pub use identities::{IdentityView, NewIdentity, add_identity, identities, remove_identity};
pub use names::names;
pub use password::{NewPassword, set_password};

/// A person who is to be added.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The name, which never changes.
    #[schema(value_type = schema::UserName)]
    pub name: String,
    /// What the person may do.
    #[serde(deserialize_with = "role")]
    pub role: Role,
    /// How the person is shown.
    #[serde(default)]
    #[schema(value_type = Option<schema::Text>)]
    pub display_name: Option<String>,
    /// Where mail goes.
    #[serde(default)]
    #[schema(value_type = Option<schema::Text>)]
    pub email: Option<String>,
    /// The groups that the person is in.
    #[serde(default)]
    #[schema(value_type = schema::GroupNames, required = false)]
    pub groups: Groups,
    /// Whether tokens go on working without sign-ins (`suspend_after_days`), as those of a service have to.
    #[serde(default)]
    #[schema(required = false)]
    pub exempt_from_suspension: bool,
}

/// What is to change. A missing field stays; `null` empties one that may be empty.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(description = "What is to change; what is not given stays, and `null` empties what may be empty")]
pub struct UserPatch {
    /// What the person may do.
    #[serde(deserialize_with = "given_role")]
    #[schema(value_type = Role, required = false)]
    pub role: Option<Role>,
    /// Whether the person's tokens work.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = bool, required = false)]
    pub active: Option<bool>,
    /// How the person is shown.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<schema::Text>)]
    pub display_name: Option<Option<String>>,
    /// Where mail goes.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<schema::Text>)]
    pub email: Option<Option<String>>,
    /// The groups that the person is in, all of them.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = schema::GroupNames, required = false)]
    pub groups: Option<Groups>,
    /// Whether tokens go on working without sign-ins (`suspend_after_days`), as those of a service have to.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = bool, required = false)]
    pub exempt_from_suspension: Option<bool>,
}

fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
    choice::read(deserializer, &[Role::User, Role::TokenManager, Role::Admin], Role::as_str)
}

fn given_role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Role>, D::Error> {
    role(deserializer).map(Some)
}

/// A user as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    #[serde(flatten)]
    pub(crate) record: UserRecord,
    pub(crate) has_password: bool,
    #[schema(value_type = Option<schema::Time>, required)]
    pub(crate) last_sign_in_at: Option<String>,
    /// Attempts that failed since.
    pub(crate) failed_sign_ins: i64,
    /// Since when tokens do not work because there was no sign-in for long.
    #[schema(value_type = Option<schema::Time>, required)]
    pub(crate) suspended_at: Option<String>,
}

/// A user as the audit shows it: what somebody made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct UserRecord {
    #[schema(value_type = schema::UserName)]
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) active: bool,
    #[schema(value_type = Option<schema::Text>, required)]
    pub(crate) display_name: Option<String>,
    #[schema(value_type = Option<schema::Text>, required)]
    pub(crate) email: Option<String>,
    #[schema(value_type = schema::GroupNames)]
    pub(crate) groups: Groups,
    /// Whether tokens go on working without sign-ins (`suspend_after_days`).
    pub(crate) exempt_from_suspension: bool,
    #[schema(value_type = schema::Time)]
    pub(crate) created_at: String,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            record: user.into(),
            has_password: user.has_password,
            last_sign_in_at: user.last_sign_in_at.map(rfc3339),
            failed_sign_ins: user.failed_sign_ins,
            suspended_at: user.suspended_at.map(rfc3339),
        }
    }
}

impl From<&User> for UserRecord {
    fn from(user: &User) -> Self {
        Self {
            name: user.name.clone(),
            role: user.role,
            active: user.active,
            display_name: user.display_name.clone(),
            email: user.email.clone(),
            groups: user.groups.clone(),
            exempt_from_suspension: user.exempt_from_suspension,
            created_at: rfc3339(user.created_at),
        }
    }
}

/// Why a name cannot be given.
const TAKEN: &str = "there is or was a user of this name, in this or another case: names are not used twice";

/// Adds a user.
///
/// # Errors
/// The caller is no admin, the name is taken, or a field is wrong.
pub async fn create(
    context: &Context,
    caller: &Caller,
    new: NewUser,
) -> Result<(UserView, Committed), Error> {
    let (mut change, caller) = Change::by(context, caller).await?;
    authority::administers(caller.principal())?;
    check_new_name(&new.name).map_err(|problem| Error::invalid("name", problem))?;
    let user = User {
        id: 0,
        name: new.name,
        role: new.role,
        active: true,
        display_name: new.display_name,
        email: new.email,
        groups: new.groups,
        has_password: false,
        created_at: change.at(),
        last_sign_in_at: None,
        failed_sign_ins: 0,
        suspended_at: None,
        exempt_from_suspension: new.exempt_from_suspension,
    };
    check_texts(&change, &user)?;
    if change.tx.user_by_key(&name_key(&user.name)).await?.is_some() {
        return Err(Error::Conflict { code: "user_exists", problem: TAKEN.to_owned() });
    }
    let view = insert(&mut change, user, None).await?;
    Ok((UserView::from(&view), change.commit().await?))
}

/// Adds a user to a change, with its audit entry.
pub(crate) async fn insert(
    change: &mut Change<'_>,
    user: User,
    password_hash: Option<&str>,
) -> Result<User, Error> {
    let id = change.tx.insert_user(&user, password_hash).await?;
    let user = User { id, has_password: password_hash.is_some(), ..user };
    change.record(Action::UserCreated, target(&user), &(), &UserRecord::from(&user));
    Ok(user)
}

/// Lists the users that `filter` admits by name, after the key `after`, at most `limit`. What is searched for may be in
/// any case.
///
/// # Errors
/// The caller is no admin.
pub async fn list(
    context: &Context,
    caller: &Caller,
    filter: UserFilter,
    after: Option<String>,
    limit: usize,
) -> Result<Page<UserView>, Error> {
    authority::administers(caller.principal())?;
    let filter = UserFilter { search: filter.search.as_deref().map(name_key), ..filter };
    let one_more = i64::try_from(limit).unwrap_or(0).saturating_add(1);
    let mut tx = context.store.read().await?;
    let mut users = tx.users(&filter, after.as_deref(), one_more).await?;
    let more = users.len() > limit;
    users.truncate(limit);
    let next_cursor = users.last().filter(|_| more).map(|user| name_key(&user.name));
    Ok(Page { items: users.iter().map(UserView::from).collect(), next_cursor })
}

/// Shows one user.
///
/// # Errors
/// There is none of exactly this name, or the caller is no admin.
pub async fn show(context: &Context, caller: &Caller, name: &str) -> Result<UserView, Error> {
    authority::administers(caller.principal())?;
    let mut tx = context.store.read().await?;
    let user = tx.user(name).await?.ok_or(Error::NotFound("user"))?;
    Ok(UserView::from(&user))
}

/// Changes a user. What changes nothing leaves no trace.
///
/// # Errors
/// There is none, the caller is no admin, a field is wrong, or no active admin would be left.
pub async fn update(
    context: &Context,
    caller: &Caller,
    name: &str,
    patch: UserPatch,
) -> Result<(UserView, Option<Committed>), Error> {
    let (mut change, caller) = Change::by(context, caller).await?;
    authority::administers(caller.principal())?;
    let old = change.tx.user(name).await?.ok_or(Error::NotFound("user"))?;
    let mut new = patched(old.clone(), patch);
    if new == old {
        return Ok((UserView::from(&new), None));
    }
    check_texts(&change, &new)?;
    write(&mut change, &old, &new).await?;
    if new.exempt_from_suspension {
        suspension::resume(&mut change, &mut new).await?;
    }
    keep_an_admin(&mut change).await?;
    Ok((UserView::from(&new), Some(change.commit().await?)))
}

/// Connects a person with an identity, with an audit entry.
pub(crate) async fn connect(
    change: &mut Change<'_>,
    user: &User,
    issuer: &str,
    subject: &str,
) -> Result<(), Error> {
    let identity = Identity {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        user_id: user.id,
        created_at: change.at(),
    };
    change.tx.insert_identity(&identity).await?;
    sources::end_entries_by_prefix(change, user).await?;
    let after = json!({"identity": {"issuer": issuer, "subject": subject}});
    change.record(Action::UserUpdated, target(user), &json!({"identity": null}), &after);
    Ok(())
}

/// Writes what has changed of a user, with its audit entry.
pub(crate) async fn write(change: &mut Change<'_>, old: &User, new: &User) -> Result<(), Error> {
    change.tx.update_user(new).await?;
    if !new.active {
        // A session does not come back with the person, as tokens do.
        change.tx.remove_sessions_of(new.id, None).await?;
    }
    if (old.role, old.active) != (new.role, new.active) {
        change.filter_sees_it();
    }
    change.record(Action::UserUpdated, target(new), &UserRecord::from(old), &UserRecord::from(new));
    Ok(())
}

/// Asked after a change, so that the rule is about what would be left.
async fn keep_an_admin(change: &mut Change<'_>) -> Result<(), Error> {
    if change.tx.active_admins().await? > 0 {
        return Ok(());
    }
    let problem = "no active admin would be left: make another one first".to_owned();
    Err(Error::Conflict { code: "last_admin", problem })
}

fn patched(mut user: User, patch: UserPatch) -> User {
    user.role = patch.role.unwrap_or(user.role);
    user.active = patch.active.unwrap_or(user.active);
    if let Some(display_name) = patch.display_name {
        user.display_name = display_name;
    }
    if let Some(email) = patch.email {
        user.email = email;
    }
    user.groups = patch.groups.unwrap_or(user.groups);
    user.exempt_from_suspension = patch.exempt_from_suspension.unwrap_or(user.exempt_from_suspension);
    user
}

pub(crate) fn check_texts(change: &Change<'_>, user: &User) -> Result<(), Error> {
    let prefixes = change.settings.settings.prefixes();
    for (field, value) in [
        ("name", Some(&user.name)),
        ("display_name", user.display_name.as_ref()),
        ("email", user.email.as_ref()),
    ] {
        if let Some(value) = value {
            text::check(value, &prefixes).map_err(|problem| Error::invalid(field, problem))?;
        }
    }
    user.groups.check(&prefixes).map_err(|problem| Error::invalid("groups", problem))
}

/// How the audit names a user.
pub(crate) fn target(user: &User) -> String {
    format!("user:{}", user.name)
}
