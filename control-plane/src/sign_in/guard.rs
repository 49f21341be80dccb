//! What keeps guessers of passwords slow, and their guesses from taking all memory and time.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use crate::context::Context;
use crate::domain::rate::Rate;
use crate::error::Error;
use crate::password::Password;

/// How many passwords are looked at at once: each takes a core for a while, and 19 MiB.
const AT_ONCE: usize = 2;
/// How long an attempt waits for its turn.
const TURN: Duration = Duration::from_secs(10);

/// What keeps guessers slow. Each server has its own; failures under one name are counted by all together.
pub struct Guard {
    sources: Option<Mutex<Rate<Option<IpAddr>>>>,
    turns: Semaphore,
    // A hash of a password that nobody knows.
    nobodys: OnceCell<String>,
}

impl Default for Guard {
    fn default() -> Self {
        Self::per_minute(0)
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

impl Guard {
    /// So many attempts a minute from one address; 0 is without end.
    pub fn per_minute(count: u32) -> Self {
        let sources = Rate::new(count).map(Mutex::new);
        Self { sources, turns: Semaphore::new(AT_ONCE), nobodys: OnceCell::new() }
    }

    /// Counts an attempt from `address` at `now`, in microseconds.
    pub(crate) fn take(&self, address: Option<IpAddr>, now: i64) -> Result<(), Error> {
        let Some(sources) = &self.sources else { return Ok(()) };
        // What a panic left is as good as it was: one map of numbers.
        let mut sources = sources.lock().unwrap_or_else(PoisonError::into_inner);
        let problem = "there were too many attempts to sign in from your address";
        let too_many = |seconds| Error::TooMany { code: "rate_limited", problem, seconds };
        sources.take(source(address), now).map_err(too_many)
    }

    /// Does not count the last attempt from `address`: it succeeded.
    pub(crate) fn give_back(&self, address: Option<IpAddr>) {
        if let Some(sources) = &self.sources {
            sources.lock().unwrap_or_else(PoisonError::into_inner).give_back(&source(address));
        }
    }

    /// Waits for a turn to look at a password.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        let problem = "too many people are signing in at once";
        let busy = || Error::TooMany { code: "rate_limited", problem, seconds: TURN.as_secs() };
        tokio::time::timeout(TURN, self.turns.acquire()).await.ok().and_then(Result::ok).ok_or_else(busy)
    }

    /// The hash of a password that nobody knows, which takes as long to look at as another one.
    pub(super) async fn nobodys_hash(&self, context: &Context) -> Result<String, Error> {
        let make = async || {
            let password = Password::random(context.random.as_ref())?;
            context.passwords.hash_apart(password, &context.random).await
        };
        Ok(self.nobodys.get_or_try_init(make).await?.clone())
    }
}

/// Whom an address stands for: of IPv6 one has at least 64 bits to oneself.
fn source(address: Option<IpAddr>) -> Option<IpAddr> {
    match address?.to_canonical() {
        IpAddr::V6(ip) => Some(Ipv6Addr::from(u128::from(ip) & !u128::from(u64::MAX)).into()),
        v4 => Some(v4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_by_address_and_of_ipv6_by_network() {
        let guard = Guard::per_minute(1);
        let take = |text: &str| guard.take(text.parse().ok(), 0).is_ok();
        for (address, admitted) in [
            ("192.0.2.1", true),
            ("192.0.2.1", false),
            ("::ffff:192.0.2.1", false),
            ("192.0.2.2", true),
            ("2001:db8::1", true),
            ("2001:db8::2:3:4:5", false),
            ("2001:db8:0:1::1", true),
            ("unreadable", true),
            ("unreadable", false),
        ] {
            assert_eq!(take(address), admitted, "{address}");
        }
        guard.give_back("192.0.2.2".parse().ok());
        assert!(take("192.0.2.2"));
        let open = Guard::per_minute(0);
        assert!((0..100).all(|_| open.take(None, 0).is_ok()));
    }
}
