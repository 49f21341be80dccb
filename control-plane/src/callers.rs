//! Who calls: from presented credentials to a person whose token or session is valid now.

use std::net::IpAddr;

use gatepass::token::{self, Digest};
use jiff::Timestamp;

use crate::context::Context;
use crate::domain::authority::{self, Owner, Principal};
use crate::domain::session::{SecretHash, Session};
use crate::domain::settings::Settings;
use crate::domain::token::{State, Token};
use crate::domain::user::Role;
use crate::error::{Error, Unauthenticated};
use crate::store::Transaction;

/// What a request carries.
#[derive(Clone, Debug)]
pub struct Presented {
    /// What it shows.
    pub proof: Proof,
    /// Where the request comes from; `None` when that cannot be read.
    pub address: Option<IpAddr>,
}

/// What shows who calls.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A token.
    Token {
        /// The user name of Basic credentials.
        user: Option<String>,
        /// The digest of what looks like a token.
        digest: Digest,
    },
    /// The hash of a session's secret.
    Session(SecretHash),
}

/// The person who calls.
#[derive(Clone, Debug)]
pub struct Person {
    /// The person's id in the database.
    pub id: i64,
    /// The name.
    pub name: String,
    /// The role.
    pub role: Role,
}

/// A caller whose credentials held when they were looked at.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is.
    pub user: Person,
    /// By what.
    means: Means,
    /// What was presented, to be looked at again in the transaction of a change.
    pub presented: Presented,
}

/// By what a person calls.
#[derive(Clone, Debug)]
enum Means {
    Token(Box<Token>),
    Session(Session),
}

impl Caller {
    /// The caller as authority sees it.
    pub fn principal(&self) -> Principal {
        let (may_manage, signed_in) = match &self.means {
            Means::Token(token) => (token.control_plane, false),
            Means::Session(_) => (true, true),
        };
        Principal { user_id: self.user.id, role: self.user.role, may_manage, signed_in }
    }

    /// The token in use; `None` for somebody who is signed in.
    pub fn token(&self) -> Option<&Token> {
        match &self.means {
            Means::Token(token) => Some(token),
            Means::Session(_) => None,
        }
    }

    /// The session in use; `None` for a token.
    pub fn session(&self) -> Option<&Session> {
        match &self.means {
            Means::Token(_) => None,
            Means::Session(session) => Some(session),
        }
    }

    /// What tells these credentials from all others; public.
    pub fn id(&self) -> String {
        match &self.means {
            Means::Token(token) => format!("token:{}", token.id),
            Means::Session(session) => format!("session:{}", session.id),
        }
    }
}

impl Token {
    /// The owner as authority sees it.
    pub fn owner_for_authority(&self) -> Owner {
        Owner { user_id: self.owner_id, role: self.owner_role }
    }
}

/// Finds the caller of a request: `secret` is a Bearer value or the password of Basic credentials, `user` the latter's
/// user name.
///
/// # Errors
/// Why the caller is not known.
pub async fn authenticate(
    context: &Context,
    secret: &[u8],
    user: Option<String>,
    address: Option<IpAddr>,
) -> Result<Caller, Error> {
    let mut tx = context.store.read().await?;
    let settings = tx.settings().await?.settings;
    let digest = token::parse(secret, &settings.prefixes()).ok_or(Unauthenticated::Unknown)?;
    let presented = Presented { proof: Proof::Token { user, digest }, address };
    verify(context, tx.as_mut(), &settings, presented, context.clock.now()).await
}

/// Finds the caller of a request that carries a session's secret with this hash.
///
/// # Errors
/// Why the caller is not known.
pub async fn authenticate_session(
    context: &Context,
    secret_hash: SecretHash,
    address: Option<IpAddr>,
) -> Result<Caller, Error> {
    let now = context.clock.now();
    let mut tx = context.store.read().await?;
    let settings = tx.settings().await?.settings;
    let presented = Presented { proof: Proof::Session(secret_hash), address };
    let caller = verify(context, tx.as_mut(), &settings, presented, now).await?;
    drop(tx);
    let used = caller.session().filter(|session| session.is_to_be_touched(now.as_second()));
    if let Some(session) = used {
        let mut tx = context.store.write().await?;
        // It may have been ended in the meantime: then the request is the last that it admits.
        if tx.session(&secret_hash).await?.is_some() {
            tx.touch_session(&session.id, now.as_second()).await?;
            tx.commit().await?;
        }
    }
    Ok(caller)
}

/// The caller behind `presented`, as `tx` sees it: a token's own checks, in the filter's order, or a session's.
///
/// # Errors
/// Why the caller is not known.
pub async fn verify(
    context: &Context,
    tx: &mut dyn Transaction,
    settings: &Settings,
    presented: Presented,
    now: Timestamp,
) -> Result<Caller, Error> {
    let (user, digest) = match &presented.proof {
        Proof::Token { user, digest } => (user.as_deref(), digest),
        Proof::Session(hash) => {
            let (user, session) = session(context, tx, hash, now).await?;
            return Ok(Caller { user, means: Means::Session(session), presented });
        }
    };
    let token = tx.token_by_digest(digest).await?.ok_or(Unauthenticated::Unknown)?;
    check(&token, user, settings, presented.address, now.as_second())?;
    let user = Person { id: token.owner_id, name: token.owner.clone(), role: token.owner_role };
    Ok(Caller { user, means: Means::Token(Box::new(token)), presented })
}

async fn session(
    context: &Context,
    tx: &mut dyn Transaction,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<(Person, Session), Error> {
    let session = tx.session(hash).await?;
    let session = session.filter(|session| session.holds(context.sessions, now.as_second()));
    let session = session.ok_or(Unauthenticated::SessionEnded)?;
    let user = tx.user_by_id(session.user_id).await?.ok_or(Unauthenticated::SessionEnded)?;
    if !user.active {
        return Err(Unauthenticated::UserInactive.into());
    }
    Ok((Person { id: user.id, name: user.name, role: user.role }, session))
}

fn check(
    token: &Token,
    user: Option<&str>,
    settings: &Settings,
    address: Option<IpAddr>,
    now: i64,
) -> Result<(), Unauthenticated> {
    let state = token.state(now);
    let other_user = user.is_some_and(|user| *user != token.owner);
    if state == State::Revoked || other_user {
        Err(Unauthenticated::Unknown)
    } else if token.disabled.is_some() {
        Err(Unauthenticated::Disabled)
    } else if !token.owner_active {
        Err(Unauthenticated::UserInactive)
    } else if !authority::may_use(token.owner_role, settings) {
        Err(Unauthenticated::UseNotAllowed)
    } else if state == State::Expired {
        Err(Unauthenticated::Expired)
    } else if !token.allowed_ips.admits(address) {
        Err(Unauthenticated::IpNotAllowed)
    } else {
        Ok(())
    }
}
