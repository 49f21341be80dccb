//! The table of users.

use sqlx::{AssertSqlSafe, Row as _};

use super::dialect::{GROUP_IS_5, POSITION};
use super::{Connection, Result, Row, one_row};
use crate::domain::user::{Role, User, UserFilter, name_key};
use crate::store::StoreError;
use crate::store::rows::{group_names, groups};

/// What a user is read from, and the rest of the statement.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, role, active, display_name, email, group_names, password_hash IS NOT NULL AS has_password, ",
            "created_at, last_sign_in_at, suspended_at, exempt_from_suspension, ",
            "coalesce((SELECT failures FROM sign_in_failures WHERE user_id = users.id), 0) AS failed_sign_ins ",
            "FROM users ", $rest
        )
    };
}

pub(super) async fn by_key(db: &mut Connection, key: &str) -> Result<Option<User>> {
    let row = sqlx::query(select!("WHERE name_key = $1")).bind(key).fetch_optional(db).await?;
    row.as_ref().map(from_row).transpose()
}

pub(super) async fn by_id(db: &mut Connection, id: i64) -> Result<Option<User>> {
    let row = sqlx::query(select!("WHERE id = $1")).bind(id).fetch_optional(db).await?;
    row.as_ref().map(from_row).transpose()
}

pub(super) async fn list(
    db: &mut Connection,
    filter: &UserFilter,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<User>> {
    let sql = format!(
        concat!(
            select!("WHERE name_key > $1"),
            " AND (CAST($2 AS TEXT) IS NULL OR {POSITION}(search_key, $2) > 0)
              AND (CAST($3 AS TEXT) IS NULL OR role = $3)
              AND (CAST($4 AS BOOLEAN) IS NULL OR active = $4)
              AND (CAST($5 AS TEXT) IS NULL OR {GROUP_IS_5})
              ORDER BY name_key LIMIT $6"
        ),
        POSITION = POSITION,
        GROUP_IS_5 = GROUP_IS_5,
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(after.unwrap_or_default())
        .bind(&filter.search)
        .bind(filter.role.map(Role::as_str))
        .bind(filter.active)
        .bind(&filter.group)
        .bind(limit)
        .fetch_all(db)
        .await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn any(db: &mut Connection) -> Result<bool> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users)").fetch_one(db).await?)
}

pub(super) async fn active_admins(db: &mut Connection) -> Result<i64> {
    let sql = "SELECT count(*) FROM users WHERE role = 'admin' AND active";
    Ok(sqlx::query_scalar(sql).fetch_one(db).await?)
}

pub(super) async fn insert(db: &mut Connection, user: &User, password_hash: Option<&str>) -> Result<i64> {
    let id = sqlx::query_scalar(
        "INSERT INTO users (name, name_key, search_key, role, active, display_name, email, group_names,
                            password_hash, created_at, exempt_from_suspension)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
    )
    .bind(&user.name)
    .bind(name_key(&user.name))
    .bind(user.search_key())
    .bind(user.role.as_str())
    .bind(user.active)
    .bind(&user.display_name)
    .bind(&user.email)
    .bind(group_names(&user.groups))
    .bind(password_hash)
    .bind(user.created_at)
    .bind(user.exempt_from_suspension)
    .fetch_one(db)
    .await?;
    Ok(id)
}

pub(super) async fn update(db: &mut Connection, user: &User) -> Result<()> {
    let done = sqlx::query(
        "UPDATE users SET role = $1, active = $2, display_name = $3, email = $4, group_names = $5, search_key = $6,
             exempt_from_suspension = $7
         WHERE id = $8",
    )
    .bind(user.role.as_str())
    .bind(user.active)
    .bind(&user.display_name)
    .bind(&user.email)
    .bind(group_names(&user.groups))
    .bind(user.search_key())
    .bind(user.exempt_from_suspension)
    .bind(user.id)
    .execute(db)
    .await?;
    one_row(done.rows_affected(), "user row")
}

pub(super) async fn password_hash(db: &mut Connection, user_id: i64) -> Result<Option<String>> {
    let sql = "SELECT password_hash FROM users WHERE id = $1";
    let found: Option<Option<String>> = sqlx::query_scalar(sql).bind(user_id).fetch_optional(db).await?;
    Ok(found.flatten())
}

pub(super) async fn set_password_hash(db: &mut Connection, user_id: i64, hash: &str) -> Result<()> {
    let done = sqlx::query("UPDATE users SET password_hash = $1 WHERE id = $2")
        .bind(hash)
        .bind(user_id)
        .execute(db)
        .await?;
    one_row(done.rows_affected(), "user row")
}

fn from_row(row: &Row) -> Result<User> {
    let role: &str = row.try_get("role")?;
    Ok(User {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: Role::from_name(role).ok_or(StoreError::Unreadable("user row"))?,
        active: row.try_get("active")?,
        display_name: row.try_get("display_name")?,
        email: row.try_get("email")?,
        groups: groups(row.try_get("group_names")?)?,
        has_password: row.try_get("has_password")?,
        created_at: row.try_get("created_at")?,
        last_sign_in_at: row.try_get("last_sign_in_at")?,
        suspended_at: row.try_get("suspended_at")?,
        exempt_from_suspension: row.try_get("exempt_from_suspension")?,
        failed_sign_ins: row.try_get("failed_sign_ins")?,
    })
}
