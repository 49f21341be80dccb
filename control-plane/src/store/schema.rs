//! Bringing a schema up to date.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use super::StoreError;

/// Number, name and SQL of one step. What has been released is never changed, only followed by another.
pub(super) type Step = (i64, &'static str, &'static str);

/// The steps as sqlx takes them.
pub(super) fn migrator(steps: &[Step]) -> Migrator {
    let migration = |(version, name, sql): &Step| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
    };
    Migrator::with_migrations(steps.iter().map(migration).collect())
}

/// Why the schema is not up to date.
pub(super) fn refused(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => StoreError::Newer,
        other => StoreError::Migration(other),
    }
}

/// How the schema of a database stands to the one that this program works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// It is older.
    Older,
    /// It is the same.
    Same,
    /// It is newer.
    Newer,
}

impl Schema {
    /// From the numbers of the steps that were taken.
    pub(super) fn of(taken: &[i64], steps: &[Step]) -> Self {
        let is_ours = |number: &i64| steps.iter().any(|(ours, _, _)| ours == number);
        match taken.iter().all(is_ours) {
            true if taken.len() == steps.len() => Self::Same,
            true => Self::Older,
            false => Self::Newer,
        }
    }
}
