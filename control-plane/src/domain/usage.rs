//! Uses of tokens, as workers report them.

use std::net::IpAddr;

use gatepass::token::{self, Prefix};

use super::fleet::Worker;

/// Most uses in one report.
pub const MAX_USES: usize = 1000;

/// When and by whom a token was used last, as far as it was reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUse {
    /// Unix time in seconds.
    pub at: i64,
    /// The source address; `None` where the proxy could not read it.
    pub ip: Option<IpAddr>,
    /// What the client called itself.
    pub user_agent: Option<String>,
}

impl LastUse {
    /// The use as it may be kept: not later than `now`, in Unix seconds, and with nothing in it that is a secret.
    #[must_use]
    pub fn kept(self, now: i64, prefixes: &[Prefix]) -> Self {
        // A client's mistake must not put its token into the database in clear.
        let holds_no_token = |text: &String| !token::occurs_in(text.as_bytes(), prefixes);
        Self { at: self.at.min(now), ip: self.ip, user_agent: self.user_agent.filter(holds_no_token) }
    }
}

/// A token that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUse {
    /// The token's public id; one that nobody knows is possible.
    pub id: String,
    /// Its last use.
    pub last: LastUse,
}

/// One worker's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What is to be known of the worker from now on. Whoever takes the report sets the times.
    pub worker: Worker,
    /// Uses since the report before, each token at most once.
    pub uses: Vec<TokenUse>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(at: i64, user_agent: &str) -> LastUse {
        LastUse { at, ip: None, user_agent: Some(user_agent.to_owned()) }
    }

    #[test]
    fn a_use_is_never_later_than_now() {
        let prefixes = [Prefix::default()];
        for (at, kept) in [(99, 99), (100, 100), (101, 100), (i64::MAX, 100), (0, 0)] {
            assert_eq!(used(at, "curl").kept(100, &prefixes), used(kept, "curl"));
        }
    }

    #[test]
    fn a_user_agent_that_holds_a_token_is_not_kept() {
        let leaked = used(1, "x gp_0123456789ABCDEFGHIJKLMNOPQRSTUV0kO87M/1.0");
        assert_eq!(leaked.kept(100, &[Prefix::default()]).user_agent, None);
    }
}
