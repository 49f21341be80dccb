//! What [`Suspensions`] asks of a database.

use async_trait::async_trait;

use super::{Result, Tx, run, suspended_users as users};
use crate::domain::suspension::Rule;
use crate::store::suspensions::Suspensions;

#[async_trait]
impl Suspensions for Tx {
    async fn suspends_since(&mut self) -> Result<Option<i64>> {
        run!(self, users::since)
    }

    async fn set_suspends_since(&mut self, at: Option<i64>) -> Result<()> {
        run!(self, users::set_since, at)
    }

    async fn users_to_suspend(&mut self, rule: Rule, now: i64, limit: i64) -> Result<Vec<i64>> {
        run!(self, users::to_suspend, rule, now, limit)
    }

    async fn users_to_resume(&mut self, rule: Option<Rule>, now: i64, limit: i64) -> Result<Vec<i64>> {
        run!(self, users::to_resume, rule, now, limit)
    }

    async fn set_suspended(&mut self, user_id: i64, at: Option<i64>) -> Result<()> {
        run!(self, users::set, user_id, at)
    }
}
