//! Backups of a data folder whose database is SQLite: one file with the database as it was at one time, and what is needed
//! to verify and to use it elsewhere. See docs/decisions/0010-restores.md.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::audit::{self, KeyError};
use crate::clock::{Clock, rfc3339};
use crate::data_folder::{DataFolder, FolderError, Staged, read_private, stage_database};
use crate::domain::audit::{AuditKey, Break};
use crate::store::schema::Schema;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::copy::{self, Carried};
use crate::store::{Store as _, StoreError};

/// What a backup carries beside the database.
pub mod carried {
    /// When it was made, RFC 3339.
    pub const MADE_AT: &str = "made_at";
    /// The key of the audit's chain, unless it is kept elsewhere.
    pub const AUDIT_KEY: &str = "audit.key";
    /// What proxies report with.
    pub const REPORT_KEY: &str = "report-key";
}

/// Why there is no backup, as a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is something already.
    #[error("{} is there already: name another file, or remove it", .0.display())]
    There(PathBuf),
    /// The database is not as this program would have it.
    #[error(
        "the database in {} is of another version: back it up with the gatepass that serves from it", .0.display()
    )]
    Schema(PathBuf),
    /// The database or the copy is damaged.
    #[error("{} is damaged ({problem}): no backup was written", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What SQLite found.
        problem: String,
    },
    /// The audit is not whole.
    #[error("{0}: no backup was written; run `gatepass audit verify`")]
    Audit(Break),
    /// About a file.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// About the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// About the audit's key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What a backup holds, as it was read back from the file.
#[derive(Clone, Debug, Serialize)]
pub struct Backup {
    /// Where it is.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// When it was made.
    pub made_at: String,
    /// The epoch that it was made in.
    pub epoch: String,
    /// The revision, a decimal string.
    pub revision: String,
    /// The audit's head, for `gatepass audit verify --expect`.
    pub audit_head: String,
    /// Whether the key of the audit's chain is in it.
    pub audit_key: bool,
}

/// Writes a backup of the database in `folder` to `to`, 0600, and reads it back. `elsewhere` is the audit's key if that is none
/// of the folder's; it does not go into the backup.
///
/// # Errors
/// There is something at `to`, or what was read back is not whole: then there is no backup.
pub async fn make(
    folder: &DataFolder,
    elsewhere: Option<&Path>,
    to: &Path,
    clock: &dyn Clock,
) -> Result<Backup, BackupError> {
    if to.symlink_metadata().is_ok() {
        return Err(BackupError::There(to.to_owned()));
    }
    if copy::schema(&folder.database()).await? != Some(Schema::Same) {
        return Err(BackupError::Schema(folder.path().to_owned()));
    }
    let key = match elsewhere {
        Some(file) => audit::read_key(file)?,
        None => audit::load_key(folder)?,
    };
    let made_at = rfc3339(clock.now().as_second());
    let staged = stage_database(to)?;
    copy::copy(&folder.database(), staged.temporary()).await?;
    let found = check(staged.temporary(), &key).await?;
    let files = files(folder, elsewhere.is_none(), &made_at)?;
    copy::carry(staged.temporary(), &files).await?;
    let bytes = publish(staged, to)?;
    let (epoch, revision, audit_head) = found;
    let audit_key = elsewhere.is_none();
    Ok(Backup { file: to.to_owned(), bytes, made_at, epoch, revision, audit_head, audit_key })
}

fn files(folder: &DataFolder, with_key: bool, made_at: &str) -> Result<Vec<Carried>, FolderError> {
    let mut files = vec![(carried::MADE_AT.to_owned(), made_at.as_bytes().to_vec())];
    let beside = [
        (carried::AUDIT_KEY, folder.audit_key(), with_key),
        (carried::REPORT_KEY, folder.report_key(), true),
    ];
    for (name, path, wanted) in beside {
        let content = if wanted { read_private(&path)? } else { None };
        files.extend(content.map(|content| (name.to_owned(), content)));
    }
    Ok(files)
}

/// Reads the copy back: every page, and every entry of the audit. Returns epoch, revision and the audit's head.
async fn check(path: &Path, key: &AuditKey) -> Result<(String, String, String), BackupError> {
    if let Some(problem) = copy::damage(path).await? {
        return Err(BackupError::Damaged { path: path.to_owned(), problem });
    }
    let store = SqliteStore::open_copy(path).await?;
    let head = audit::verify(&store, key, None, |_| {}).await?.map_err(BackupError::Audit)?;
    let version = store.read().await?.version().await?.ok_or(StoreError::Unreadable("epoch"))?;
    store.close().await;
    Ok((version.epoch, version.revision.to_string(), head.to_string()))
}

/// Puts the file in its place, durably, and returns its size.
fn publish(staged: Staged, to: &Path) -> Result<u64, FolderError> {
    let unwritable = |source| FolderError::Unwritable { path: to.to_owned(), source };
    let file = File::open(staged.temporary()).map_err(unwritable)?;
    file.sync_all().map_err(unwritable)?;
    let bytes = file.metadata().map_err(unwritable)?.len();
    staged.publish()?;
    Ok(bytes)
}
