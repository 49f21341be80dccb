//! How many tokens there are, from the counts that every change keeps: no more rows are looked at than there are days on
//! which tokens end, and of the tokens themselves those that end on a day that is partly over.

use sqlx::AssertSqlSafe;

use super::{Connection, DIALECT, Result, unsigned};
use crate::domain::listing::{KeyRange, Period, Preset, TimeField};
use crate::store::TokenCounts;
use crate::store::listing::EXPIRY;

/// The seconds of a day, as the migration has them.
const DAY: i64 = 24 * 60 * 60;

/// How many tokens of some kind there are, and how many of them were never used.
#[derive(Clone, Copy)]
struct Open {
    all: i64,
    unused: i64,
}

pub(super) async fn tokens(db: &mut Connection, now: i64, with_admins: bool) -> Result<TokenCounts> {
    let within = |preset| Period::Preset(preset).keys(TimeField::Expires, now);
    let all = open(db, i64::MAX, with_admins).await?;
    let ended = ended(db, within(Preset::Expired), with_admins).await?;
    let by_7_days = self::ended(db, within(Preset::Within7Days), with_admins).await?;
    let by_30_days = self::ended(db, within(Preset::Within30Days), with_admins).await?;
    Ok(TokenCounts {
        active: unsigned(all.all - ended.all)?,
        disabled: in_state(db, "disabled", with_admins).await?,
        expired: unsigned(ended.all)?,
        revoked: in_state(db, "revoked", with_admins).await?,
        never_used: unsigned(all.unused - ended.unused)?,
        expiring_within_7_days: unsigned(by_7_days.all - ended.all)?,
        expiring_within_30_days: unsigned(by_30_days.all - ended.all)?,
    })
}

async fn in_state(db: &mut Connection, state: &str, with_admins: bool) -> Result<u64> {
    let sql = "SELECT CAST(coalesce(sum(tokens), 0) AS BIGINT) FROM token_counts
               WHERE state = $1 AND (of_admin = $2 OR of_admin = FALSE)";
    unsigned(sqlx::query_scalar(sql).bind(state).bind(with_admins).fetch_one(db).await?)
}

/// Those that are neither revoked nor disabled and end before the end of a range.
async fn ended(db: &mut Connection, keys: KeyRange, with_admins: bool) -> Result<Open> {
    let before = keys.to.unwrap_or(i64::MAX);
    let day = before.div_euclid(DAY);
    let days = open(db, day, with_admins).await?;
    let rest = partly(db, day.saturating_mul(DAY), before, with_admins).await?;
    Ok(Open { all: days.all + rest.all, unused: days.unused + rest.unused })
}

/// Those that end on a day before `day`; what never ends does so on a day before the last that a number can name.
async fn open(db: &mut Connection, day: i64, with_admins: bool) -> Result<Open> {
    let sql = "SELECT CAST(coalesce(sum(tokens), 0) AS BIGINT),
                      CAST(coalesce(sum(CASE WHEN used = FALSE THEN tokens END), 0) AS BIGINT)
               FROM token_counts WHERE state = 'open' AND end_day < $1 AND (of_admin = $2 OR of_admin = FALSE)";
    let (all, unused) = sqlx::query_as(sql).bind(day).bind(with_admins).fetch_one(db).await?;
    Ok(Open { all, unused })
}

/// Those that end from one time until before another.
async fn partly(db: &mut Connection, from: i64, before: i64, with_admins: bool) -> Result<Open> {
    let counted = sqlx::query_as(AssertSqlSafe(partly_sql())).bind(from).bind(before).bind(with_admins);
    let (all, unused) = counted.fetch_one(db).await?;
    Ok(Open { all, unused })
}

fn partly_sql() -> String {
    let (index, join) = (DIALECT.indexed_by("tokens_by_expiry"), DIALECT.join());
    format!(
        "SELECT count(*), count(CASE WHEN l.used_at = 0 THEN 1 END)
         FROM tokens t{index} {join} users u ON u.id = t.user_id {join} token_uses l ON l.number = t.number
         WHERE {EXPIRY} >= $1 AND {EXPIRY} < $2 AND t.disabled_at IS NULL AND t.revoked_at IS NULL
               AND (u.role <> 'admin' OR $3)"
    )
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::super::fixture::{DIGEST_OF_N, EXPLAIN, Place, begins_at_a_place, reads_all, session};
    use super::*;
    use crate::store::Store as _;

    #[tokio::test]
    async fn only_tokens_of_a_part_of_a_day_are_looked_at() {
        let place = Place::new().await;
        let mut db = session(&place.open().await).await;
        let (explain, column) = EXPLAIN;
        let explained = sqlx::query(AssertSqlSafe(format!("{explain}{}", partly_sql())));
        let rows = explained.bind(5_i64).bind(9_i64).bind(true).fetch_all(&mut *db).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get(column)).collect();
        assert!(!plan.iter().any(|step| reads_all(step)), "{plan:#?}");
        let beyond_the_sum: Vec<String> =
            plan.iter().skip_while(|step| step.contains("Aggregate")).cloned().collect();
        assert!(beyond_the_sum.iter().any(|step| step.contains("tokens_by_expiry")), "{plan:#?}");
        assert!(!beyond_the_sum.is_empty() && begins_at_a_place(&plan), "{plan:#?}");
    }

    /// Tokens of a database that did not count them are counted when it is brought up to date.
    #[tokio::test]
    async fn tokens_that_there_were_are_counted() {
        let place = Place::new().await;
        let old = format!(
            "INSERT INTO users (name, name_key, role, active, created_at)
             VALUES ('ann', 'ann', 'admin', TRUE, 0), ('bob', 'bob', 'user', TRUE, 0);
             INSERT INTO tokens (id, sha256, user_id, creator, description, description_key, created_at, expires_at,
                                 allowed_ips, prefix, hint, control_plane, disabled_at, disabled_by, revoked_at)
             SELECT 't' || n, {DIGEST_OF_N}, users.id, 'ann', 'x', 'x', 0, CASE n WHEN 1 THEN 100 END, '[]', 'gp_', 'abcd',
                    FALSE, CASE n WHEN 3 THEN 1 END, CASE n WHEN 3 THEN 'ann' END, CASE n WHEN 4 THEN 1 END
             FROM users, (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5) numbers
             WHERE (users.name = 'ann') = (n = 5);
             UPDATE token_uses SET used_at = 7 WHERE number = (SELECT number FROM tokens WHERE id = 't2');"
        );
        place.of_old(STEPS_BEFORE, &old).await;
        let store = place.open().await;
        let mut tx = store.read().await.unwrap();
        let expected =
            TokenCounts { active: 1, disabled: 1, expired: 1, revoked: 1, ..TokenCounts::default() };
        assert_eq!(tx.token_counts(100, false).await.unwrap(), expected);
        let with_ann = TokenCounts { active: 2, never_used: 1, ..expected };
        assert_eq!(tx.token_counts(100, true).await.unwrap(), with_ann);
    }

    /// How many steps had been taken before tokens were counted.
    const STEPS_BEFORE: usize = 8;
}
