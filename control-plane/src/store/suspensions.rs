//! What is asked of a database about people who have not signed in for long.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::suspension::Rule;

/// A part of [`super::Transaction`].
#[async_trait]
pub trait Suspensions: Send {
    /// When the setting `suspend_after_days` was switched on, in Unix seconds; `None` while it is off.
    async fn suspends_since(&mut self) -> Result<Option<i64>, StoreError>;
    /// Writes when it was switched on, or that it is off.
    async fn set_suspends_since(&mut self, at: Option<i64>) -> Result<(), StoreError>;
    /// Ids of active users who are not suspended and for whom [`Rule::is_due`] holds at `now`, at most `limit`.
    async fn users_to_suspend(&mut self, rule: Rule, now: i64, limit: i64) -> Result<Vec<i64>, StoreError>;
    /// Ids of users who are suspended and for whom it does not hold, without a rule of all of them; at most `limit`.
    async fn users_to_resume(
        &mut self,
        rule: Option<Rule>,
        now: i64,
        limit: i64,
    ) -> Result<Vec<i64>, StoreError>;
    /// Writes since when a user is suspended; `None` if not.
    async fn set_suspended(&mut self, user_id: i64, at: Option<i64>) -> Result<(), StoreError>;
}
