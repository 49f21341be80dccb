//! Users: add, list, show, change.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::callers::Caller;
use crate::change::{Change, Committed};
use crate::clock::rfc3339;
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::user::{Role, User, check_new_name, name_key};
use crate::domain::{authority, choice, text};
use crate::error::Error;
use crate::schema;
use crate::tokens::Page;

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
}

/// A given value, so that `null` is not taken for a missing one.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
    choice::read(deserializer, &[Role::User, Role::TokenManager, Role::Admin], Role::as_str)
}

fn given_role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Role>, D::Error> {
    role(deserializer).map(Some)
}

/// A user as it is shown, in lists and in the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    #[schema(value_type = schema::UserName)]
    name: String,
    role: Role,
    active: bool,
    #[schema(value_type = Option<schema::Text>, required)]
    display_name: Option<String>,
    #[schema(value_type = Option<schema::Text>, required)]
    email: Option<String>,
    #[schema(value_type = schema::Time)]
    created_at: String,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            name: user.name.clone(),
            role: user.role,
            active: user.active,
            display_name: user.display_name.clone(),
            email: user.email.clone(),
            created_at: rfc3339(user.created_at),
        }
    }
}

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
        created_at: change.at(),
    };
    check_texts(&change, &user)?;
    if change.tx.user_by_key(&name_key(&user.name)).await?.is_some() {
        let problem =
            "there is or was a user of this name, in this or another case: names are not used twice"
                .to_owned();
        return Err(Error::Conflict { code: "user_exists", problem });
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
    let user = User { id, ..user };
    change.record(Action::UserCreated, target(&user), &(), &UserView::from(&user));
    Ok(user)
}

/// Lists users by name, after the key `after`, at most `limit`.
///
/// # Errors
/// The caller is no admin.
pub async fn list(
    context: &Context,
    caller: &Caller,
    after: Option<String>,
    limit: usize,
) -> Result<Page<UserView>, Error> {
    authority::administers(caller.principal())?;
    let mut tx = context.store.read().await?;
    let mut users = tx.users(after.as_deref(), i64::try_from(limit).unwrap_or(0).saturating_add(1)).await?;
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
    let new = patched(old.clone(), patch);
    if new == old {
        return Ok((UserView::from(&new), None));
    }
    check_texts(&change, &new)?;
    change.tx.update_user(&new).await?;
    // Counted after the change, so that the rule is about what would be left.
    if change.tx.active_admins().await? == 0 {
        let problem = "this is the last active admin: make another one first".to_owned();
        return Err(Error::Conflict { code: "last_admin", problem });
    }
    if (old.role, old.active) != (new.role, new.active) {
        change.filter_sees_it();
    }
    change.record(Action::UserUpdated, target(&new), &UserView::from(&old), &UserView::from(&new));
    Ok((UserView::from(&new), Some(change.commit().await?)))
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
    user
}

fn check_texts(change: &Change<'_>, user: &User) -> Result<(), Error> {
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
    Ok(())
}

/// How the audit names a user.
pub(crate) fn target(user: &User) -> String {
    format!("user:{}", user.name)
}
