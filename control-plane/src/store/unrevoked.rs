//! All tokens that have not ended, some at a time: a million of them need not be in memory at once.

use gatepass::token::Digest;

use super::{StoreError, Transaction};
use crate::domain::token::Token;

/// How many are read at a time: some tens of megabytes.
const AT_A_TIME: i64 = 50_000;

/// Where a reader of all tokens that have not ended is.
#[derive(Debug)]
pub struct Unrevoked {
    expired_after: i64,
    after: Option<Digest>,
    at_a_time: i64,
    ended: bool,
}

impl Unrevoked {
    /// Those that are not revoked and not past their expiry at `expired_after`, in Unix seconds.
    pub fn at(expired_after: i64) -> Self {
        Self { expired_after, after: None, at_a_time: AT_A_TIME, ended: false }
    }

    /// The next ones, in the order of their digests, without their last uses; `None` at the end. What has been read may
    /// be changed meanwhile.
    ///
    /// # Errors
    /// The database failed.
    pub async fn next(&mut self, tx: &mut dyn Transaction) -> Result<Option<Vec<Token>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let tokens = tx.unrevoked_tokens(self.expired_after, self.after.as_ref(), self.at_a_time).await?;
        self.ended = i64::try_from(tokens.len()).is_ok_and(|read| read < self.at_a_time);
        self.after = tokens.last().map(|token| token.digest);
        Ok(Some(tokens))
    }
}
