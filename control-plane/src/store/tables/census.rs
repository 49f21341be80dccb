//! How many tokens and users there are.

use super::{Connection, Result, counts, unsigned};
use crate::domain::token::State;
use crate::domain::user::Role;
use crate::store::{Census, StoreError};

const DAY: i64 = 24 * 60 * 60;

pub(super) async fn census(db: &mut Connection, now: i64) -> Result<Census> {
    let counted = counts::tokens(db, now, true).await?;
    let tokens = vec![
        (State::Active, counted.active),
        (State::Disabled, counted.disabled),
        (State::Expired, counted.expired),
        (State::Revoked, counted.revoked),
    ];
    let found: Vec<(String, bool, i64)> = sqlx::query_as(
        "SELECT role, active, count(*) FROM users GROUP BY role, active ORDER BY role, active",
    )
    .fetch_all(&mut *db)
    .await?;
    let user = |(role, active, count): (String, bool, i64)| {
        let role = Role::from_name(&role).ok_or(StoreError::Unreadable("role"))?;
        Ok((role, active, unsigned(count)?))
    };
    let expiring = expiring(&mut *db, now).await?;
    Ok(Census { tokens, expiring, users: found.into_iter().map(user).collect::<Result<_>>()? })
}

/// By the index of what ends, and not by looking at every token.
pub(super) async fn expiring(db: &mut Connection, now: i64) -> Result<[u64; 3]> {
    let counts: (i64, i64, i64) = sqlx::query_as(
        "SELECT count(CASE WHEN expires_at <= $2 THEN 1 END), count(CASE WHEN expires_at <= $3 THEN 1 END), count(*)
         FROM tokens t
         WHERE coalesce(expires_at, 9223372036854775807) > $1 AND coalesce(expires_at, 9223372036854775807) <= $4
           AND revoked_at IS NULL AND disabled_at IS NULL AND successor IS NULL
           AND EXISTS (SELECT 1 FROM users u WHERE u.id = t.user_id AND u.active AND u.suspended_at IS NULL)",
    )
    .bind(now)
    .bind(now.saturating_add(DAY))
    .bind(now.saturating_add(7 * DAY))
    .bind(now.saturating_add(30 * DAY))
    .fetch_one(db)
    .await?;
    Ok([unsigned(counts.0)?, unsigned(counts.1)?, unsigned(counts.2)?])
}
