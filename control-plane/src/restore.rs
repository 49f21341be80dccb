//! A backup put back into a data folder, with what has ended since: see docs/decisions/0010-restores.md.

mod place;
pub mod since;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use crate::app::{self, StartError};
use crate::audit;
use crate::backup::carried;
use crate::change::Change;
use crate::clock::Clock;
use crate::context::Context;
use crate::data_folder::{DataFolder, FolderError, stage_database};
use crate::domain::audit::{Action, AuditKey, Break, Head};
use crate::domain::user::system_actor;
use crate::epoch;
use crate::error::Error;
use crate::random::Random;
use crate::store::schema::Schema;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::copy;
use crate::store::{StoreError, Version};
use since::{Ended, Since, Unknown};

/// Why nothing was put back, as a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// It is no backup.
    #[error("{} is no backup of gatepass's ({problem}): name another file", path.display())]
    NoBackup {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// There is no key.
    #[error(
        "{} holds no key of the audit's chain: name the file that does with --audit-key-file", .0.display()
    )]
    NoKey(PathBuf),
    /// The backup's audit is not whole.
    #[error("the audit in {} is not whole: {found}", path.display())]
    Audit {
        /// Which file.
        path: PathBuf,
        /// The first entry that breaks the chain.
        found: Break,
    },
    /// Nothing tells what was revoked since.
    #[error(
        "nothing here tells which tokens have been revoked since the backup was made: {tokens} of it would work. Name what \
         proxies were told last (envoy/gatepass.ecds.pb of the data folder, or a copy) with --since, or decide: \
         --end-all-tokens, or --keep-all-tokens if none was revoked"
    )]
    Unknown {
        /// How many tokens would work.
        tokens: u64,
    },
    /// What was named to tell it does not.
    #[error("{} holds no configuration that proxies are told: correct --since", .0.display())]
    NoConfiguration(PathBuf),
    /// About the data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// About the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// About the audit's key.
    #[error(transparent)]
    Key(#[from] audit::KeyError),
    /// About the change.
    #[error(transparent)]
    Change(#[from] Error),
    /// About what stays as it is in the folder.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// What is to be put back.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// The backup.
    pub file: &'a Path,
    /// The audit's key, if it is none of the folder's.
    pub audit_key: Option<&'a Path>,
    /// What proxies were told last, if that is elsewhere than in the data folder.
    pub since: Option<&'a Path>,
    /// What to do if nothing tells what has ended since.
    pub unknown: Option<Unknown>,
}

/// What was put back.
#[derive(Clone, Debug, Serialize)]
pub struct Restored {
    /// When the backup was made; absent in one that another program made.
    pub made_at: Option<String>,
    /// The new epoch.
    pub epoch: String,
    /// The audit's head.
    pub audit_head: String,
    /// What told what has ended since.
    pub compared_with: &'static str,
    /// What has ended since, and stays so.
    pub ended: Ended,
    /// The database that was there, beside the new one.
    pub set_aside: Option<PathBuf>,
}

/// Puts a backup back into `folder`, whose lock the caller holds.
///
/// # Errors
/// Something is wrong with the backup, or nothing tells what has ended since: then nothing was changed.
pub async fn restore(
    folder: &DataFolder,
    wish: Wish<'_>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<Restored, RestoreError> {
    // Beside the database, so that it can take its place in one step.
    let staged = stage_database(&folder.database())?;
    let no_backup = |problem: String| RestoreError::NoBackup { path: wish.file.to_owned(), problem };
    copy_backup(wish.file, staged.temporary()).await.map_err(no_backup)?;
    let files = copy::unload(staged.temporary()).await?;
    let carried = |name: &str| {
        let mut files = files.iter().flatten();
        files.find(|(found, _)| found == name).map(|(_, content)| content.clone())
    };
    let key_bytes = carried(carried::AUDIT_KEY);
    let audit_key = key(folder, &wish, key_bytes.as_deref())?;
    let store = SqliteStore::open(staged.temporary()).await?;
    let made_at = carried(carried::MADE_AT).and_then(|text| String::from_utf8(text).ok());
    let context = app::context_of(Arc::new(store), folder.clone(), audit_key);
    let context = Context { clock, random, ..context };
    let applied = apply(&context, wish, made_at.as_deref()).await;
    // The file must be whole before it takes its place.
    context.store.close().await;
    let (compared_with, ended, version, audit_head) = applied?;
    let set_aside =
        place::put(folder, staged, (key_bytes, wish.audit_key), carried(carried::REPORT_KEY), &context)?;
    let (epoch, audit_head) = (version.epoch, audit_head.to_string());
    Ok(Restored { made_at, epoch, audit_head, compared_with, ended, set_aside })
}

async fn copy_backup(from: &Path, to: &Path) -> Result<(), String> {
    if !from.is_file() {
        return Err("there is no such file".to_owned());
    }
    let text = |error: StoreError| error.to_string();
    copy::copy(from, to).await.map_err(text)?;
    if let Some(problem) = copy::damage(to).await.map_err(text)? {
        return Err(format!("it is damaged: {problem}"));
    }
    match copy::schema(to).await.map_err(text)? {
        None => Err("it holds another database".to_owned()),
        Some(Schema::Newer) => Err("it was made by a newer gatepass: put it back with that".to_owned()),
        Some(Schema::Older | Schema::Same) => Ok(()),
    }
}

fn key(folder: &DataFolder, wish: &Wish<'_>, carried: Option<&[u8]>) -> Result<AuditKey, RestoreError> {
    if let Some(file) = wish.audit_key {
        return Ok(audit::read_key(file)?);
    }
    match carried.map(<[u8; 32]>::try_from) {
        Some(Ok(bytes)) => Ok(AuditKey::new(bytes)),
        Some(Err(_)) => Err(RestoreError::NoKey(wish.file.to_owned())),
        // A copy that another program made.
        None if folder.audit_key().exists() => Ok(audit::load_key(folder)?),
        None => Err(RestoreError::NoKey(wish.file.to_owned())),
    }
}

/// Ends in the copy what has ended since, begins an epoch, and says so in the audit.
async fn apply(
    context: &Context,
    wish: Wish<'_>,
    made_at: Option<&str>,
) -> Result<(&'static str, Ended, Version, Head), RestoreError> {
    let head = audit::verify(context.store.as_ref(), &context.audit_key, None, |_| {}).await?;
    let head = head.map_err(|found| RestoreError::Audit { path: wish.file.to_owned(), found })?;
    let backup = context.store.read().await?.version().await?.ok_or(StoreError::Unreadable("epoch"))?;
    let found = since::find(&context.folder, wish.since, (&backup, head), context.clock.as_ref()).await?;
    let mut change = Change::by_system(context, system_actor::RESTORE).await?;
    let (compared_with, mut ended) = match (found, wish.unknown) {
        (Some(found), _) => (found.place, since::end(&mut change, &found).await?),
        (None, Some(unknown)) => (unknown.as_str(), since::end_or_keep(&mut change, unknown).await?),
        (None, None) => {
            let tokens = change.tx.count_unrevoked_tokens(change.at()).await?;
            if tokens > 0 {
                return Err(RestoreError::Unknown { tokens });
            }
            ("nothing: no token of the backup works", Ended::default())
        }
    };
    since::end_sessions(&mut change, &mut ended).await?;
    let before = json!({"epoch": backup.epoch, "revision": backup.revision.to_string(), "made_at": made_at});
    let after = json!({"compared_with": compared_with, "ended": ended});
    change.record(Action::DatabaseRestored, "database".to_owned(), &before, &after);
    epoch::begin(&mut change, context.random.as_ref()).await?;
    let committed = change.commit().await?;
    let head = context.store.read().await?.audit_head().await?;
    Ok((compared_with, ended, committed.version, head))
}

/// Ends in a database that was put back by other means what has ended since.
///
/// # Errors
/// The database failed.
pub async fn reconcile(context: &Context, since: &Since) -> Result<Ended, Error> {
    let mut change = Change::by_system(context, system_actor::RESTORE).await?;
    let mut ended = since::end(&mut change, since).await?;
    since::end_sessions(&mut change, &mut ended).await?;
    let after = json!({"compared_with": since.place, "ended": ended});
    change.record(Action::DatabaseRestored, "database".to_owned(), &serde_json::Value::Null, &after);
    change.commit().await?;
    Ok(ended)
}
