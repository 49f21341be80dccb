//! The table of users.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{Result, one_row};
use crate::domain::user::{Role, User, name_key};
use crate::store::StoreError;

pub(super) async fn by_key(db: &mut SqliteConnection, key: &str) -> Result<Option<User>> {
    let row = sqlx::query(
        "SELECT id, name, role, active, display_name, email, created_at FROM users WHERE name_key = ?",
    )
    .bind(key)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(from_row).transpose()
}

pub(super) async fn list(db: &mut SqliteConnection, after: Option<&str>, limit: i64) -> Result<Vec<User>> {
    let rows = sqlx::query(
        "SELECT id, name, role, active, display_name, email, created_at FROM users
         WHERE name_key > ? ORDER BY name_key LIMIT ?",
    )
    .bind(after.unwrap_or_default())
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
        "INSERT INTO users (name, name_key, role, active, display_name, email, password_hash, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&user.name)
    .bind(name_key(&user.name))
    .bind(user.role.as_str())
    .bind(user.active)
    .bind(&user.display_name)
    .bind(&user.email)
    .bind(password_hash)
    .bind(user.created_at)
    .execute(db)
    .await?;
    Ok(done.last_insert_rowid())
}

pub(super) async fn update(db: &mut SqliteConnection, user: &User) -> Result<()> {
    let done = sqlx::query("UPDATE users SET role = ?, active = ?, display_name = ?, email = ? WHERE id = ?")
        .bind(user.role.as_str())
        .bind(user.active)
        .bind(&user.display_name)
        .bind(&user.email)
        .bind(user.id)
        .execute(db)
        .await?;
    one_row(done.rows_affected(), "user row")
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
        created_at: row.try_get("created_at")?,
    })
}
