//! How many tokens and users there are.

use sqlx::Row as _;

use super::{Connection, Result, Row, counts, unsigned};
use crate::domain::token::State;
use crate::domain::user::Role;
use crate::store::{Census, EntryCounts, StoreError};

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
    let entries = entries(&mut *db, now).await?;
    Ok(Census { tokens, expiring, users: found.into_iter().map(user).collect::<Result<_>>()?, entries })
}

pub(super) async fn entries(db: &mut Connection, now: i64) -> Result<Vec<EntryCounts>> {
    let rows = sqlx::query(
        "SELECT s.name, count(e.token_id) AS entries, count(e.disabled_at) AS disabled,
                count(CASE WHEN e.disabled_at IS NULL AND e.expires_at <= $1 THEN 1 END) AS expired,
                count(CASE WHEN e.expires_at <= $2 AND in_use THEN 1 END) AS within_1,
                count(CASE WHEN e.expires_at <= $3 AND in_use THEN 1 END) AS within_7,
                count(CASE WHEN e.expires_at <= $4 AND in_use THEN 1 END) AS within_30
         FROM sources s
         LEFT JOIN (SELECT e.*, (e.disabled_at IS NULL AND e.expires_at > $1 AND u.active AND u.suspended_at IS NULL
                                 AND u.role = 'user') AS in_use
                    FROM source_entries e JOIN users u ON u.id = e.user_id) e ON e.source_id = s.id
         WHERE s.deleted_at IS NULL GROUP BY s.name ORDER BY s.name",
    )
    .bind(now)
    .bind(now.saturating_add(DAY))
    .bind(now.saturating_add(7 * DAY))
    .bind(now.saturating_add(30 * DAY))
    .fetch_all(db)
    .await?;
    let of_row = |row: &Row| -> Result<EntryCounts> {
        let number = |name: &str| unsigned(row.try_get(name)?);
        let (all, disabled, expired) = (number("entries")?, number("disabled")?, number("expired")?);
        Ok(EntryCounts {
            source: row.try_get("name")?,
            active: all.saturating_sub(disabled).saturating_sub(expired),
            disabled,
            expired,
            expiring: [number("within_1")?, number("within_7")?, number("within_30")?],
        })
    };
    rows.iter().map(of_row).collect()
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
