//! Requests that create something and may be sent again: the key that says so, and the reply that is kept for it
//! (IETF draft-ietf-httpapi-idempotency-key-header).

use sha2::{Digest as _, Sha256};

use crate::context::Context;
use crate::error::Error;

/// How long a key is kept, in seconds.
const KEPT: i64 = 24 * 60 * 60;
/// How many keys of one caller are kept.
pub const MOST: u64 = 10_000;

/// A caller's key. The key itself is kept as its SHA-256 only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The credentials with which it came: another's key of the same text is another key.
    pub caller: String,
    /// SHA-256 of the text.
    pub hash: [u8; 32],
}

impl Key {
    /// The key `text` of `caller`, as [`crate::callers::Caller::id`] names it.
    pub fn new(caller: &str, text: &str) -> Self {
        Self { caller: caller.to_owned(), hash: Sha256::digest(text).into() }
    }
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// SHA-256 of the request that it came with first.
    pub fingerprint: [u8; 32],
    /// What was answered; `None` while the request is under way.
    pub reply: Option<String>,
}

/// What is to be done with a request that carries a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is the first: do it, and then [`finish`] or [`forget`].
    First,
    /// It was done: answer this.
    Done(String),
    /// It is being done, or was broken off in a way that does not say whether it was.
    UnderWay,
    /// The key came with another request before.
    Other,
    /// The caller has too many keys.
    TooMany,
}

/// Begins a request with `key`, or says what became of it.
///
/// # Errors
/// The database failed.
pub async fn begin(context: &Context, key: &Key, fingerprint: &[u8; 32]) -> Result<Begun, Error> {
    let now = context.clock.now().as_second();
    let mut tx = context.store.write().await?;
    tx.remove_idempotency_keys(now.saturating_sub(KEPT)).await?;
    let begun = match tx.idempotency_key(key).await? {
        Some(known) if known.fingerprint != *fingerprint => Begun::Other,
        Some(Known { reply: Some(reply), .. }) => Begun::Done(reply),
        Some(_) => Begun::UnderWay,
        None if tx.count_idempotency_keys(&key.caller).await? >= MOST => Begun::TooMany,
        None => {
            tx.begin_idempotent(key, fingerprint, now).await?;
            Begun::First
        }
    };
    tx.commit().await?;
    Ok(begun)
}

/// Keeps the reply, which must hold no secret.
///
/// # Errors
/// The database failed.
pub async fn finish(context: &Context, key: &Key, reply: &str) -> Result<(), Error> {
    let mut tx = context.store.write().await?;
    tx.finish_idempotent(key, reply).await?;
    Ok(tx.commit().await?)
}

/// Forgets a request that did nothing: with the same key it may be sent anew.
///
/// # Errors
/// The database failed.
pub async fn forget(context: &Context, key: &Key) -> Result<(), Error> {
    let mut tx = context.store.write().await?;
    tx.forget_idempotent(key).await?;
    Ok(tx.commit().await?)
}
