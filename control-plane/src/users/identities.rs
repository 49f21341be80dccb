//! Who people are to providers of identities. People are connected when they come for the first time; only an admin
//! connects somebody who was here before.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{connect, target};
use crate::callers::Caller;
use crate::change::Change;
use crate::clock::rfc3339;
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::user::{Identity, User};
use crate::domain::{authority, text};
use crate::error::Error;
use crate::schema;

/// Most identities of one person.
pub const MAX_IDENTITIES: usize = 20;

/// Who somebody is to a provider.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIdentity {
    /// The provider, exactly as it names itself.
    #[schema(value_type = schema::Text)]
    pub issuer: String,
    /// The person, as the provider's tokens do (`sub`).
    #[schema(value_type = schema::Text)]
    pub subject: String,
}

/// An identity as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Identity)]
pub struct IdentityView {
    #[schema(value_type = schema::Text)]
    issuer: String,
    #[schema(value_type = schema::Text)]
    subject: String,
    #[schema(value_type = schema::Time)]
    created_at: String,
}

impl From<Identity> for IdentityView {
    fn from(identity: Identity) -> Self {
        let Identity { issuer, subject, created_at, .. } = identity;
        Self { issuer, subject, created_at: rfc3339(created_at) }
    }
}

/// All identities of the user `name`.
///
/// # Errors
/// The caller is no admin, or there is no such user.
pub async fn identities(context: &Context, caller: &Caller, name: &str) -> Result<Vec<IdentityView>, Error> {
    authority::administers(caller.principal())?;
    let mut tx = context.store.read().await?;
    let user = tx.user(name).await?.ok_or(Error::NotFound("user"))?;
    Ok(tx.identities_of(user.id).await?.into_iter().map(IdentityView::from).collect())
}

/// Connects the user `name` with an identity.
///
/// # Errors
/// The caller is no admin, there is no such user, or the identity is somebody's already.
pub async fn add_identity(
    context: &Context,
    caller: &Caller,
    name: &str,
    new: NewIdentity,
) -> Result<(), Error> {
    let (mut change, user) = begin(context, caller, name).await?;
    let prefixes = change.settings.settings.prefixes();
    for (field, value) in [("issuer", &new.issuer), ("subject", &new.subject)] {
        text::check(value, &prefixes).map_err(|problem| Error::invalid(field, problem))?;
    }
    if change.tx.identity(&new.issuer, &new.subject).await?.is_some() {
        let problem = "this identity is connected with a user already".to_owned();
        return Err(Error::Conflict { code: "identity_taken", problem });
    }
    if change.tx.identities_of(user.id).await?.len() >= MAX_IDENTITIES {
        let problem = format!("one person has at most {MAX_IDENTITIES} identities");
        return Err(Error::Conflict { code: "too_many_identities", problem });
    }
    connect(&mut change, &user, &new.issuer, &new.subject).await?;
    change.commit().await?;
    Ok(())
}

/// Disconnects the user `name` from an identity, and ends the sessions: they may have begun with it.
///
/// # Errors
/// The caller is no admin, or there is no such user or identity of theirs.
pub async fn remove_identity(
    context: &Context,
    caller: &Caller,
    name: &str,
    old: &NewIdentity,
) -> Result<(), Error> {
    let (mut change, user) = begin(context, caller, name).await?;
    let found = change.tx.identity(&old.issuer, &old.subject).await?;
    found.filter(|identity| identity.user_id == user.id).ok_or(Error::NotFound("identity"))?;
    change.tx.remove_identity(&old.issuer, &old.subject).await?;
    change.tx.remove_sessions_of(user.id, None).await?;
    let before = json!({"identity": {"issuer": old.issuer, "subject": old.subject}});
    change.record(Action::UserUpdated, target(&user), &before, &json!({"identity": null}));
    change.commit().await?;
    Ok(())
}

async fn begin<'a>(context: &'a Context, caller: &Caller, name: &str) -> Result<(Change<'a>, User), Error> {
    let (mut change, caller) = Change::by(context, caller).await?;
    authority::administers(caller.principal())?;
    let user = change.tx.user(name).await?.ok_or(Error::NotFound("user"))?;
    Ok((change, user))
}
