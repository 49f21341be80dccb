//! The audit: its key, its pages, its verification.

mod chain;
mod pages;
mod view;

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::data_folder::{DataFolder, FolderError, read_private, write_private};
use crate::domain::audit::{AuditKey, Break, Entry, Head, follow};
use crate::random::{Random, RandomError};
use crate::store::{Store, StoreError, Transaction};
pub use chain::{Chain, check_chain};
pub use pages::{Entries, export, list};
pub use view::{EntryView, Format};

const VERIFY_PAGE: i64 = 500;

/// The target of log events that show the audit's head. They are logged whatever the log's level is: a head that was
/// kept elsewhere is what shows a cut tail.
pub const LOG_TARGET: &str = "gatepass::audit";

/// Why the key cannot be used, as a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file is gone, and entries bear MACs.
    #[error(
        "{0} is missing, and without it the audit cannot go on: put it back from a backup of the data folder; if other \
         servers use this database, take the audit.key of one of them, or name the file that they share with \
         --audit-key-file"
    )]
    Missing(String),
    /// The file that was named is not there.
    #[error(
        "there is no {0}: make the key, one for all servers of a database, by `(umask 077; head -c 32 /dev/urandom > {0})`"
    )]
    NotThere(String),
    /// The file that was named is everybody's.
    #[error("{0} can be read by every user of this machine: run `chmod o-rwx {0}`")]
    OpenToOthers(String),
    /// The file holds something else.
    #[error("{0} does not hold a key of 32 bytes: put it back from a backup of the data folder")]
    Damaged(String),
    /// The last entry bears a MAC of another key, or was changed.
    #[error(
        "{0}, at the end of the audit: put back the audit.key that belongs to this database, or that of the other servers \
         that use it; if it is that one, run `gatepass audit verify` to see what was changed"
    )]
    End(Break),
    /// There are people and no entry.
    #[error(
        "the audit is empty although there are users: entries were removed; put the database back from a backup"
    )]
    Emptied,
    /// The file cannot be read or written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There was no key to be made.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// The key in the data folder.
///
/// # Errors
/// It is missing or damaged.
pub fn load_key(folder: &DataFolder) -> Result<AuditKey, KeyError> {
    let path = folder.audit_key();
    let shown = || path.display().to_string();
    let bytes = read_private(&path)?.ok_or_else(|| KeyError::Missing(shown()))?;
    bytes.try_into().map(AuditKey::new).map_err(|_| KeyError::Damaged(shown()))
}

/// The key in a file that was named: 32 bytes, or 64 hex digits.
///
/// # Errors
/// It is missing, damaged or everybody's.
pub fn read_key(path: &Path) -> Result<AuditKey, KeyError> {
    let shown = || path.display().to_string();
    let bytes = read_private(path)?.ok_or_else(|| KeyError::NotThere(shown()))?;
    // A group may read it: that is how secrets are mounted.
    if path.metadata().is_ok_and(|metadata| metadata.mode() & 0o007 != 0) {
        return Err(KeyError::OpenToOthers(shown()));
    }
    let raw = bytes.as_slice().try_into().ok();
    let written = || hex::decode(bytes.trim_ascii()).ok()?.try_into().ok();
    raw.or_else(written).map(AuditKey::new).ok_or_else(|| KeyError::Damaged(shown()))
}

/// Makes the key if the audit is still empty. Only the server does, which holds the folder's lock: two keys would make
/// one chain that neither verifies.
///
/// # Errors
/// The folder cannot be written.
pub async fn make_key_if_new(
    store: &dyn Store,
    folder: &DataFolder,
    random: &dyn Random,
) -> Result<(), KeyError> {
    let path = folder.audit_key();
    if read_private(&path)?.is_some() || store.read().await?.audit_head().await? != Head::EMPTY {
        return Ok(());
    }
    let mut bytes = [0; 32];
    random.fill(&mut bytes)?;
    write_private(&path, &bytes)?;
    Ok(())
}

/// Checks that the chain's last entry bears a MAC of this key, and returns the head: entries that are appended under
/// another key would break the chain for good.
///
/// # Errors
/// The key is another one, or the audit was emptied.
pub async fn check_end(store: &dyn Store, key: &AuditKey) -> Result<Head, KeyError> {
    let mut tx = store.read().await?;
    let head = end(tx.as_mut(), key).await?.map_err(KeyError::End)?;
    if head == Head::EMPTY && tx.has_users().await? {
        return Err(KeyError::Emptied);
    }
    Ok(head)
}

/// The head, if the last entry bears a MAC of this key.
///
/// # Errors
/// The database failed; inside, what is wrong with the last entry.
pub async fn end(tx: &mut dyn Transaction, key: &AuditKey) -> Result<Result<Head, Break>, StoreError> {
    let mut last = tx.audit_before(None, 2).await?.into_iter();
    let Some(newest) = last.next() else { return Ok(Ok(Head::EMPTY)) };
    let before = last.next().map_or(Head::EMPTY, |entry| Head { seq: entry.seq, mac: entry.mac });
    Ok(follow(key, before, &newest))
}

/// Walks the whole chain, hands each entry to `show`, and returns the head. `expected` is a head that the log showed:
/// with it, a cut tail is found as well.
///
/// # Errors
/// The database failed; inside, the first entry that breaks the chain.
pub async fn verify(
    store: &dyn Store,
    key: &AuditKey,
    expected: Option<Head>,
    mut show: impl FnMut(&Entry) + Send,
) -> Result<Result<Head, Break>, StoreError> {
    let mut tx = store.read().await?;
    if tx.has_users().await? && tx.audit_head().await? == Head::EMPTY {
        return Ok(Err(Break::Emptied));
    }
    let mut head = Head::EMPTY;
    let mut after = i64::MIN;
    let mut met = expected.is_none_or(|expected| expected == head);
    loop {
        let page = tx.audit_after(after, VERIFY_PAGE).await?;
        if page.is_empty() {
            break;
        }
        for entry in &page {
            head = match follow(key, head, entry) {
                Ok(head) => head,
                Err(found) => return Ok(Err(found)),
            };
            after = entry.seq;
            show(entry);
            if let Some(expected) = expected.filter(|expected| expected.seq == head.seq) {
                if expected != head {
                    return Ok(Err(Break::Replaced(head.seq)));
                }
                met = true;
            }
        }
    }
    Ok(if met { Ok(head) } else { Err(Break::Cut(head.seq)) })
}
