//! Who pushes: an admin, or a source by one of its push tokens. A push token is none of anybody's tokens, so that nothing
//! else takes it.

use std::net::IpAddr;

use gatepass::decision::has_expired;
use gatepass::token::{self, Digest};
use jiff::Timestamp;

use crate::callers::Caller;
use crate::context::Context;
use crate::domain::authority;
use crate::domain::source::{PushToken, Source};
use crate::error::{Error, Unauthenticated};
use crate::store::Transaction;

/// A source whose push token held when it was looked at.
#[derive(Clone, Debug)]
pub struct PushCaller {
    /// The source.
    pub source: Source,
    /// The push token in use.
    pub token: PushToken,
    /// Where the request comes from; `None` when that cannot be read.
    pub address: Option<IpAddr>,
}

/// Who asks for a source's entries.
#[derive(Clone, Debug)]
pub enum Who {
    /// Somebody with a token or a session.
    Person(Box<Caller>),
    /// A source.
    Source(Box<PushCaller>),
}

impl Who {
    /// Whether the entries of the source of this name are this caller's to see and to push. To a source, another one does
    /// not exist.
    ///
    /// # Errors
    /// They are not.
    pub fn admits(&self, source: &str) -> Result<(), Error> {
        match self {
            Self::Person(caller) => Ok(authority::administers(caller.principal())?),
            Self::Source(caller) if caller.source.name == source => Ok(()),
            Self::Source(_) => Err(Error::NotFound("source")),
        }
    }
}

/// The source whose push token `secret`, a Bearer value, is; `None` if it is none.
///
/// # Errors
/// Why a push token does not hold.
pub async fn authenticate(
    context: &Context,
    secret: &[u8],
    address: Option<IpAddr>,
) -> Result<Option<PushCaller>, Error> {
    let mut tx = context.store.read().await?;
    let settings = tx.settings().await?.settings;
    let Some(digest) = token::parse(secret, &settings.prefixes()) else { return Ok(None) };
    verify(tx.as_mut(), &digest, address, context.clock.now()).await
}

/// The source behind the push token of this digest, as `tx` sees it: the token's own checks, in the order of the filter.
///
/// # Errors
/// Why the push token does not hold.
pub(crate) async fn verify(
    tx: &mut dyn Transaction,
    digest: &Digest,
    address: Option<IpAddr>,
    now: Timestamp,
) -> Result<Option<PushCaller>, Error> {
    let Some(token) = tx.push_token_by_digest(digest).await? else { return Ok(None) };
    let source = tx.source_by_id(token.source_id).await?;
    let source = source.filter(|_| token.revoked_at.is_none()).ok_or(Unauthenticated::Unknown)?;
    if token.expires_at.is_some_and(|end| has_expired(now.as_second(), end)) {
        return Err(Unauthenticated::Expired.into());
    }
    if !token.allowed_ips.admits(address) {
        return Err(Unauthenticated::IpNotAllowed.into());
    }
    Ok(Some(PushCaller { source, token, address }))
}
