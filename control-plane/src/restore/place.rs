//! The restored database takes its place, in one step; what was there is set aside.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::RestoreError;
use crate::clock::rfc3339;
use crate::context::Context;
use crate::data_folder::{
    DATABASE_SUFFIXES, DataFolder, FolderError, Staged, read_private, remove_private, with_suffix,
    write_private,
};

/// Puts the database that is `staged` into `folder`, with the key that belongs to it, and returns where the one that was there
/// is now.
pub(super) fn put(
    folder: &DataFolder,
    staged: Staged,
    (key, elsewhere): (Option<Vec<u8>>, Option<&Path>),
    report_key: Option<Vec<u8>>,
    context: &Context,
) -> Result<Option<PathBuf>, RestoreError> {
    let unwritable = |path: &Path| {
        let path = path.to_owned();
        move |source| FolderError::Unwritable { path, source }
    };
    File::open(staged.temporary())
        .and_then(|file| file.sync_all())
        .map_err(unwritable(staged.temporary()))?;
    let now = rfc3339(context.clock.now().as_second()).replace(':', "");
    let aside = |path: &Path| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".before-{now}"));
        path.with_file_name(name)
    };
    let database = folder.database();
    let set_aside = database.exists().then(|| aside(&database));
    if let Some(set_aside) = &set_aside {
        // A second name for the file: the first never leads to nothing, which a start would take for a new installation.
        fs::hard_link(&database, set_aside).map_err(unwritable(set_aside))?;
    }
    for suffix in DATABASE_SUFFIXES {
        let (path, place) =
            (with_suffix(&database, suffix), set_aside.as_ref().map(|path| with_suffix(path, suffix)));
        if let Some(place) = place.filter(|_| path.exists()) {
            fs::hard_link(&path, &place).map_err(unwritable(&place))?;
        }
        // It belongs to the database that goes.
        remove_private(&path)?;
    }
    if let Some(key) = key.filter(|_| elsewhere.is_none()) {
        put_key(folder, &key, &aside)?;
    }
    if let Some(report_key) = report_key.filter(|_| !folder.report_key().exists()) {
        write_private(&folder.report_key(), &report_key)?;
    }
    staged.publish()?;
    Ok(set_aside)
}

fn put_key(folder: &DataFolder, key: &[u8], aside: &impl Fn(&Path) -> PathBuf) -> Result<(), FolderError> {
    let path = folder.audit_key();
    let there = read_private(&path)?;
    if there.as_deref() == Some(key) {
        return Ok(());
    }
    if let Some(there) = there {
        write_private(&aside(&path), &there)?;
    }
    // The first start that made these was another one's.
    remove_private(&folder.initial_password())?;
    remove_private(&folder.initial_token())?;
    write_private(&path, key)
}
