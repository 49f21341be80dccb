//! The table of users.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{Result, one_row};
use crate::domain::user::{Role, User, UserFilter, name_key};
use crate::store::StoreError;
use crate::store::rows::{group_names, groups};

pub(super) async fn by_key(db: &mut SqliteConnection, key: &str) -> Result<Option<User>> {
    let row = sqlx::query(
        "SELECT id, name, role, active, display_name, email, group_names,
                password_hash IS NOT NULL AS has_password, created_at, last_sign_in_at,
                suspended_at, exempt_from_suspension,
                coalesce((SELECT failures FROM sign_in_failures WHERE user_id = users.id), 0) AS failed_sign_ins
         FROM users WHERE name_key = ?",
    )
    .bind(key)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(from_row).transpose()
}

pub(super) async fn by_id(db: &mut SqliteConnection, id: i64) -> Result<Option<User>> {
    let row = sqlx::query(
        "SELECT id, name, role, active, display_name, email, group_names,
                password_hash IS NOT NULL AS has_password, created_at, last_sign_in_at,
                suspended_at, exempt_from_suspension,
                coalesce((SELECT failures FROM sign_in_failures WHERE user_id = users.id), 0) AS failed_sign_ins
         FROM users WHERE id = ?",
    )
    .bind(id)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(from_row).transpose()
}

pub(super) async fn list(
    db: &mut SqliteConnection,
    filter: &UserFilter,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<User>> {
    let rows = sqlx::query(
        "SELECT id, name, role, active, display_name, email, group_names,
                password_hash IS NOT NULL AS has_password, created_at, last_sign_in_at,
                suspended_at, exempt_from_suspension,
                coalesce((SELECT failures FROM sign_in_failures WHERE user_id = users.id), 0) AS failed_sign_ins
         FROM users
         WHERE name_key > ?1
           AND (?2 IS NULL OR instr(search_key, ?2) > 0)
           AND (?3 IS NULL OR role = ?3)
           AND (?4 IS NULL OR active = ?4)
           AND (?5 IS NULL OR EXISTS (SELECT 1 FROM json_each(group_names) WHERE value = ?5))
         ORDER BY name_key LIMIT ?6",
    )
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

pub(super) async fn any(db: &mut SqliteConnection) -> Result<bool> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users)").fetch_one(db).await?)
}

pub(super) async fn active_admins(db: &mut SqliteConnection) -> Result<i64> {
    let sql = "SELECT count(*) FROM users WHERE role = 'admin' AND active = 1";
    Ok(sqlx::query_scalar(sql).fetch_one(db).await?)
}

pub(super) async fn insert(
    db: &mut SqliteConnection,
    user: &User,
    password_hash: Option<&str>,
) -> Result<i64> {
    let done = sqlx::query(
        "INSERT INTO users (name, name_key, search_key, role, active, display_name, email, group_names,
                            password_hash, created_at, exempt_from_suspension)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
    .execute(db)
    .await?;
    Ok(done.last_insert_rowid())
}

pub(super) async fn update(db: &mut SqliteConnection, user: &User) -> Result<()> {
    let done = sqlx::query(
        "UPDATE users SET role = ?, active = ?, display_name = ?, email = ?, group_names = ?, search_key = ?,
             exempt_from_suspension = ?
         WHERE id = ?",
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

pub(super) async fn password_hash(db: &mut SqliteConnection, user_id: i64) -> Result<Option<String>> {
    let sql = "SELECT password_hash FROM users WHERE id = ?";
    let found: Option<Option<String>> = sqlx::query_scalar(sql).bind(user_id).fetch_optional(db).await?;
    Ok(found.flatten())
}

pub(super) async fn set_password_hash(db: &mut SqliteConnection, user_id: i64, hash: &str) -> Result<()> {
    let done = sqlx::query("UPDATE users SET password_hash = ? WHERE id = ?")
        .bind(hash)
        .bind(user_id)
        .execute(db)
        .await?;
    one_row(done.rows_affected(), "user row")
}

fn from_row(row: &SqliteRow) -> Result<User> {
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
