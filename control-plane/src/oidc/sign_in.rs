//! Going to the provider and coming back.

use std::net::IpAddr;

use super::person::Person;
use super::provider::{Claims, Provider, ProviderError};
use super::{Flow, Settings};
use crate::change::Change;
use crate::context::Context;
use crate::domain::session::{Method, Secret};
use crate::domain::user::{Role, User, check_new_name, name_key, system_actor};
use crate::error::Error;
use crate::sign_in::{self, SignedIn, written};
use crate::users;

/// What a browser comes back with.
pub struct Returned {
    /// What its cookie holds.
    pub flow: Option<String>,
    /// `code` of the query.
    pub code: Option<String>,
    /// `state` of the query.
    pub state: Option<String>,
    /// `iss` of the query (RFC 9207).
    pub issuer: Option<String>,
    /// `error` of the query.
    pub error: Option<String>,
    /// Where it comes from; `None` when that cannot be read.
    pub address: Option<IpAddr>,
}

/// Somebody who came back and is signed in.
pub struct Finished {
    /// Who, and the session.
    pub signed_in: SignedIn,
    /// Where the person goes on, see [`Flow::next`].
    pub next: String,
}

/// Begins a flow of somebody who wants to go on to `next`, and says where the browser is to go.
///
/// # Errors
/// The provider cannot be used.
pub async fn start(context: &Context, provider: &Provider, next: &str) -> Result<(Flow, String), Error> {
    let mut bytes = [0; 32];
    context.random.fill(&mut bytes)?;
    let now = context.clock.now();
    let flow = Flow::new(Secret::new(bytes), now.as_second(), next);
    let url = provider.authorization(&flow, now).await.map_err(|error| logged(&error))?;
    Ok((flow, url.into()))
}

/// Signs in whoever came back.
///
/// # Errors
/// This browser did not ask, the provider vouches for nobody, or the person is not let in.
pub async fn finish(context: &Context, provider: &Provider, returned: Returned) -> Result<Finished, Error> {
    let now = context.clock.now();
    let flow = returned.flow.as_deref().and_then(|text| Flow::parse(text, now.as_second()));
    let flow = flow.filter(|flow| returned.state.as_deref().is_some_and(|state| flow.has_state(state)));
    let flow = flow.ok_or_else(|| {
        denied(
            "oidc_state_unknown",
            "this browser has not begun to sign in, or more than ten minutes ago: begin again",
        )
    })?;
    context.sign_ins.take(returned.address, now.as_microsecond())?;
    match vouched(context, provider, &flow, returned.code, returned.issuer, returned.error).await {
        Ok(claims) => {
            let ours = context.store.read().await?.settings().await?.settings;
            let person = Person::read(&provider.settings, &claims, &ours.prefixes());
            let silent = || ProviderError::Refused("it does not say who the person is".to_owned());
            let person = person.ok_or_else(|| logged(&silent()))?;
            let signed_in = let_in(context, &provider.settings, person, returned.address).await?;
            context.sign_ins.give_back(returned.address);
            Ok(Finished { signed_in, next: flow.next().to_owned() })
        }
        Err(error) => {
            sign_in::count_nobodys(context, returned.address).await?;
            Err(logged(&error))
        }
    }
}

async fn vouched(
    context: &Context,
    provider: &Provider,
    flow: &Flow,
    code: Option<String>,
    issuer: Option<String>,
    error: Option<String>,
) -> Result<Claims, ProviderError> {
    let refused = |cause: String| ProviderError::Refused(cause);
    // Another provider's answer, that somebody mixes in (RFC 9207 §2.4).
    if issuer.is_some_and(|issuer| issuer != provider.settings.issuer) {
        return Err(refused("the answer is another issuer's".to_owned()));
    }
    if let Some(error) = error {
        let error: String = error.chars().filter(|c| c.is_ascii_graphic()).take(64).collect();
        return Err(refused(format!("the provider said {error}")));
    }
    let code = code.ok_or_else(|| refused("there is no code".to_owned()))?;
    let claims = provider.claims(flow, code, context.clock.now()).await?;
    Ok(claims)
}

/// Signs a person in, who is added at the first time.
async fn let_in(
    context: &Context,
    settings: &Settings,
    person: Person,
    address: Option<IpAddr>,
) -> Result<SignedIn, Error> {
    if person.role == Some(None) {
        sign_in::count_nobodys(context, address).await?;
        return Err(denied(
            "oidc_not_admitted",
            "you are in none of the groups that may sign in here: ask an admin",
        ));
    }
    let mut change = Change::by_system(context, system_actor::SIGN_IN).await?;
    change.comes_from(written(address));
    let known = change.tx.identity(&settings.issuer, &person.subject).await?;
    let user = match known {
        Some(identity) => {
            let user = change.tx.user_by_id(identity.user_id).await?.ok_or(Error::NotFound("user"))?;
            if !user.active {
                drop(change);
                sign_in::count_nobodys(context, address).await?;
                return Err(denied("oidc_not_admitted", "your account here is deactivated: ask an admin"));
            }
            update(&mut change, user, &person).await?
        }
        None => create(&mut change, settings, &person).await?,
    };
    change.acts_as(&user.name);
    let signed_in = sign_in::begin(context, &mut change, user, Method::Oidc, None).await?;
    change.commit().await?;
    Ok(signed_in)
}

/// Adds a person. A name that somebody has is never a reason to be taken for that one.
async fn create(change: &mut Change<'_>, settings: &Settings, person: &Person) -> Result<User, Error> {
    let claim = &settings.user_claim;
    let name = person.name.clone().ok_or_else(|| {
        tracing::warn!(claim, "the provider does not name a person who signs in for the first time");
        denied("oidc_name_unusable", "the provider does not say your user name: ask an admin")
    })?;
    check_new_name(&name).map_err(|problem| {
        tracing::warn!(claim, problem, "a provider's name for a person cannot be used");
        denied("oidc_name_unusable", "your user name at the provider cannot be one here: ask an admin")
    })?;
    if change.tx.user_by_key(&name_key(&name)).await?.is_some() {
        let subject = &person.subject;
        tracing::warn!(name, subject, "somebody has this name already: connect them, if they are one person");
        return Err(Error::Conflict {
            code: "oidc_name_taken",
            problem: format!(
                "there is or was a user of the name {name} here, who has not signed in with this provider: an admin may \
                 connect the two, if they are one person"
            ),
        });
    }
    let user = User {
        id: 0,
        name,
        role: person.role.flatten().or(settings.default_role).unwrap_or(Role::User),
        active: true,
        display_name: person.display_name.clone(),
        email: person.email.clone(),
        groups: person.groups.clone().unwrap_or_default(),
        has_password: false,
        created_at: change.at(),
        last_sign_in_at: None,
        failed_sign_ins: 0,
        suspended_at: None,
        exempt_from_suspension: false,
    };
    users::check_texts(change, &user)?;
    let user = users::insert(change, user, None).await?;
    users::connect(change, &user, &settings.issuer, &person.subject).await?;
    Ok(user)
}

/// What the provider says of a person who is there already.
async fn update(change: &mut Change<'_>, old: User, person: &Person) -> Result<User, Error> {
    let mut new = old.clone();
    if person.display_name.is_some() {
        new.display_name.clone_from(&person.display_name);
    }
    if person.email.is_some() {
        new.email.clone_from(&person.email);
    }
    if let Some(groups) = &person.groups {
        new.groups = groups.clone();
    }
    new.role = person.role.flatten().unwrap_or(old.role);
    if old.role == Role::Admin && new.role != Role::Admin && change.tx.active_admins().await? <= 1 {
        tracing::warn!(user = %old.name, "the last active admin's groups bring another role now: admin is kept");
        new.role = old.role;
    }
    if new != old {
        users::write(change, &old, &new).await?;
    }
    Ok(new)
}

fn denied(code: &'static str, problem: &str) -> Error {
    Error::SignIn { code, problem: problem.to_owned() }
}

fn logged(error: &ProviderError) -> Error {
    tracing::warn!(%error, "somebody could not sign in with the provider");
    match error {
        ProviderError::Unavailable(_) => Error::Unavailable(
            "the provider of identities cannot be reached, or does not answer as one: the server's log says why",
        ),
        ProviderError::Refused(_) => denied(
            "oidc_refused",
            "the provider did not vouch for you: begin again; the server's log says why",
        ),
    }
}
