//! What [`Suspensions`] asks of SQLite.

use async_trait::async_trait;

use super::{Result, SqliteTransaction, suspended_users as users};
use crate::domain::suspension::Rule;
use crate::store::suspensions::Suspensions;

#[async_trait]
impl Suspensions for SqliteTransaction {
    async fn suspends_since(&mut self) -> Result<Option<i64>> {
        users::since(&mut self.inner).await
    }

    async fn set_suspends_since(&mut self, at: Option<i64>) -> Result<()> {
        users::set_since(&mut self.inner, at).await
    }

    async fn users_to_suspend(&mut self, rule: Rule, now: i64, limit: i64) -> Result<Vec<i64>> {
        users::to_suspend(&mut self.inner, rule, now, limit).await
    }

    async fn users_to_resume(&mut self, rule: Option<Rule>, now: i64, limit: i64) -> Result<Vec<i64>> {
        users::to_resume(&mut self.inner, rule, now, limit).await
    }

    async fn set_suspended(&mut self, user_id: i64, at: Option<i64>) -> Result<()> {
        users::set(&mut self.inner, user_id, at).await
    }
}
