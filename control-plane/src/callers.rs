//! Who calls: from presented credentials to a person whose token is valid now.

use std::net::IpAddr;

use gatepass::token::{self, Digest};
use jiff::Timestamp;

use crate::context::Context;
use crate::domain::authority::{self, Owner, Principal};
use crate::domain::settings::Settings;
use crate::domain::token::{State, Token};
use crate::domain::user::Role;
use crate::error::{Error, Unauthenticated};
use crate::store::Transaction;

/// What a request carries.
#[derive(Clone, Debug)]
pub struct Presented {
    /// The user name of Basic credentials.
    pub user: Option<String>,
    /// The digest of what looks like a token.
    pub digest: Digest,
    /// Where the request comes from; `None` when that cannot be read.
    pub address: Option<IpAddr>,
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
}

impl Caller {
    /// The caller as authority sees it.
    pub fn principal(&self) -> Principal {
        let Means::Token(token) = &self.means;
        Principal { user_id: self.user.id, role: self.user.role, may_manage: token.control_plane }
    }

    /// The token in use; `None` for somebody who is signed in.
    pub fn token(&self) -> Option<&Token> {
        let Means::Token(token) = &self.means;
        Some(token)
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
    let presented = Presented { user, digest, address };
    verify(tx.as_mut(), &settings, presented, context.clock.now()).await
}

/// The caller behind `presented`, as `tx` sees it: the token's own checks, in the filter's order.
///
/// # Errors
/// Why the caller is not known.
pub async fn verify(
    tx: &mut dyn Transaction,
    settings: &Settings,
    presented: Presented,
    now: Timestamp,
) -> Result<Caller, Error> {
    let token = tx.token_by_digest(&presented.digest).await?.ok_or(Unauthenticated::Unknown)?;
    check(&token, settings, &presented, now.as_second())?;
    let user = Person { id: token.owner_id, name: token.owner.clone(), role: token.owner_role };
    Ok(Caller { user, means: Means::Token(Box::new(token)), presented })
}

fn check(token: &Token, settings: &Settings, presented: &Presented, now: i64) -> Result<(), Unauthenticated> {
    let state = token.state(now);
    let other_user = presented.user.as_ref().is_some_and(|user| *user != token.owner);
    if state == State::Revoked || other_user {
        Err(Unauthenticated::Unknown)
    } else if !token.owner_active {
        Err(Unauthenticated::UserInactive)
    } else if !authority::may_use(token.owner_role, settings) {
        Err(Unauthenticated::UseNotAllowed)
    } else if state == State::Expired {
        Err(Unauthenticated::Expired)
    } else if !token.allowed_ips.admits(presented.address) {
        Err(Unauthenticated::IpNotAllowed)
    } else {
        Ok(())
    }
}
