//! When a new epoch begins. Proxies compare revisions within one epoch and ignore a lower one: a database that is behind
//! what they enforce must leave its epoch, or its revocations are ignored. See docs/decisions/0007-epochs-of-replicas.md.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use crate::change::Change;
use crate::context::Context;
use crate::data_folder::{FolderError, read_private, write_private};
use crate::domain::audit::Action;
use crate::domain::user::system_actor;
use crate::error::Error;
use crate::random::{Random, hex_text};
use crate::store::{Continuity, StoreError, Version};

/// How many epochs are remembered. Each but the first follows a restore or a failover.
const REMEMBERED: usize = 1000;

/// What this server has delivered, which the database must not fall behind.
#[derive(Debug)]
pub struct Delivered {
    file: PathBuf,
    known: Mutex<Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    /// Oldest first.
    epochs: Vec<String>,
    /// The highest revision of the newest epoch.
    revision: u64,
}

impl Delivered {
    /// What is remembered in `file`, one epoch a line, and of `last`, which the proxy's own file holds.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load(file: PathBuf, last: Option<Version>) -> Result<Self, FolderError> {
        let text = read_private(&file)?.unwrap_or_default();
        let lines = String::from_utf8_lossy(&text).lines().map(str::to_owned).collect();
        let mut known = Known { epochs: lines, revision: 0 };
        // A file of an older epoch than the last one was put back by somebody: the memory counts.
        if let Some(last) = last.filter(|last| !known.has_left(&last.epoch)) {
            known.note(&last);
        }
        Ok(Self { file, known: Mutex::new(known) })
    }

    /// Whether proxies may enforce more than `version`, since this server has delivered more.
    pub fn is_ahead_of(&self, version: &Version) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = known.epochs.last() == Some(&version.epoch);
        known.has_left(&version.epoch) || newest && known.revision > version.revision
    }

    /// Remembers `version`, durably if it is of a new epoch. To be called before it is delivered.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn note(&self, version: &Version) -> Result<(), FolderError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut noted = known.clone();
        if noted.note(version) {
            write_private(&self.file, (noted.epochs.join("\n") + "\n").as_bytes())?;
        }
        *known = noted;
        Ok(())
    }
}

impl Known {
    /// Whether it is an epoch that another one has followed.
    fn has_left(&self, epoch: &String) -> bool {
        self.epochs.split_last().is_some_and(|(newest, earlier)| newest != epoch && earlier.contains(epoch))
    }

    /// Tells whether the epoch is a new one.
    fn note(&mut self, version: &Version) -> bool {
        if self.epochs.last() == Some(&version.epoch) {
            self.revision = self.revision.max(version.revision);
            return false;
        }
        self.epochs.push(version.epoch.clone());
        self.epochs.drain(..self.epochs.len().saturating_sub(REMEMBERED));
        self.revision = version.revision;
        true
    }
}

/// Begins a new epoch at a start where it must be: when it is `asked` for, when the database was put back or may have been,
/// or when it is behind what was delivered.
///
/// # Errors
/// The database failed, or the audit cannot be written.
pub async fn at_start(context: &Context, delivered: &Delivered, asked: bool) -> Result<(), Error> {
    let mut change = Change::by_system(context, system_actor::SERVER_START).await?;
    let version = change.tx.version().await?.ok_or(StoreError::Unreadable("epoch"))?;
    let continuity = change.tx.continuity().await?;
    if !asked && continuity == Continuity::Same && !delivered.is_ahead_of(&version) {
        return Ok(());
    }
    begin(&mut change, context.random.as_ref()).await?;
    change.commit().await?;
    Ok(())
}

/// Begins a new epoch if the database that version and continuity were just read from has been put back meanwhile, and
/// tells whether it had. Where nothing tells, what was delivered does.
///
/// # Errors
/// The database failed, or the audit cannot be written.
pub async fn keep(
    context: &Context,
    delivered: &Delivered,
    (continuity, version): (Continuity, &Version),
) -> Result<bool, Error> {
    if continuity != Continuity::PutBack && !delivered.is_ahead_of(version) {
        return Ok(false);
    }
    let mut change = Change::by_system(context, system_actor::SERVER_START).await?;
    let version = change.tx.version().await?.ok_or(StoreError::Unreadable("epoch"))?;
    // Another replica may have been faster.
    if change.tx.continuity().await? == Continuity::PutBack || delivered.is_ahead_of(&version) {
        tracing::warn!(
            "the database was put back: a new epoch begins, so that proxies take up what it holds"
        );
        begin(&mut change, context.random.as_ref()).await?;
        change.commit().await?;
    }
    Ok(true)
}

/// Begins a new epoch within a change if the database was put back before it: the change's revision must not be taken for
/// one that proxies have seen.
///
/// # Errors
/// The database failed.
pub async fn keep_in(change: &mut Change<'_>, random: &dyn Random) -> Result<(), Error> {
    let put_back = change.tx.continuity().await? == Continuity::PutBack;
    if put_back { begin(change, random).await } else { Ok(()) }
}

/// Begins a new epoch within a change.
///
/// # Errors
/// The database failed.
pub async fn begin(change: &mut Change<'_>, random: &dyn Random) -> Result<(), Error> {
    let epoch = hex_text::<8>(random)?;
    let before = change.tx.version().await?.ok_or(StoreError::Unreadable("epoch"))?;
    change.tx.replace_epoch(&epoch).await?;
    let shown = |epoch: &str| json!({"epoch": epoch, "revision": before.revision.to_string()});
    let (before, after) = (shown(&before.epoch), shown(&epoch));
    change.record_of_server(Action::EpochStarted, "epoch".to_owned(), &before, &after);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(epoch: &str, revision: u64) -> Version {
        Version { epoch: epoch.to_owned(), revision }
    }

    #[test]
    fn what_was_delivered_is_remembered_over_starts() {
        let folder = tempfile::TempDir::new().unwrap();
        let load = |last| Delivered::load(folder.path().join("epochs"), last).unwrap();
        let delivered = load(None);
        assert!(!delivered.is_ahead_of(&version("a", 0)), "nothing was delivered");
        delivered.note(&version("a", 7)).unwrap();
        for (found, ahead) in [(version("a", 6), true), (version("a", 7), false), (version("b", 1), false)] {
            assert_eq!(delivered.is_ahead_of(&found), ahead, "{found:?}");
        }
        delivered.note(&version("b", 3)).unwrap();
        let again = load(Some(version("b", 3)));
        for (found, ahead) in [
            (version("a", 9), true),
            (version("b", 2), true),
            (version("b", 3), false),
            (version("c", 0), false),
        ] {
            assert_eq!(
                (delivered.is_ahead_of(&found), again.is_ahead_of(&found)),
                (ahead, ahead),
                "{found:?}"
            );
        }
        assert!(load(None).is_ahead_of(&version("a", 9)), "without the proxy's file");
        assert!(load(Some(version("a", 9))).is_ahead_of(&version("a", 9)), "with an old one");
        assert!(load(Some(version("c", 4))).is_ahead_of(&version("c", 3)), "with one that was not noted");
    }
}
