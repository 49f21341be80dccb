//! How many tokens and users there are.

use super::{Connection, Result, unsigned};
use crate::domain::token::State;
use crate::domain::user::Role;
use crate::store::{Census, StoreError};

pub(super) async fn census(db: &mut Connection, now: i64) -> Result<Census> {
    let (all, revoked, disabled, expired): (i64, i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), count(revoked_at),
                count(CASE WHEN revoked_at IS NULL AND disabled_at IS NOT NULL THEN 1 END),
                count(CASE WHEN revoked_at IS NULL AND disabled_at IS NULL AND expires_at <= $1 THEN 1 END)
         FROM tokens",
    )
    .bind(now)
    .fetch_one(&mut *db)
    .await?;
    let tokens = vec![
        (State::Active, unsigned(all - revoked - disabled - expired)?),
        (State::Disabled, unsigned(disabled)?),
        (State::Expired, unsigned(expired)?),
        (State::Revoked, unsigned(revoked)?),
    ];
    let found: Vec<(String, bool, i64)> = sqlx::query_as(
        "SELECT role, active, count(*) FROM users GROUP BY role, active ORDER BY role, active",
    )
    .fetch_all(db)
    .await?;
    let user = |(role, active, count): (String, bool, i64)| {
        let role = Role::from_name(&role).ok_or(StoreError::Unreadable("role"))?;
        Ok((role, active, unsigned(count)?))
    };
    Ok(Census { tokens, users: found.into_iter().map(user).collect::<Result<_>>()? })
}
