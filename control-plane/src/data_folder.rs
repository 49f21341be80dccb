//! The data folder: 0700, and every file in it 0600.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Why the data folder cannot be used, as a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Cannot be made or written.
    #[error("cannot write to {}: {source}; give a folder that this user may write to with --data-dir", path.display())]
    Unwritable {
        /// What could not be written.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Open to others.
    #[error("{} can be read by other users of this machine: run `chmod 700 {}` and start again", .0.display(), .0.display())]
    OpenToOthers(PathBuf),
    /// A link where a file of the folder's own should be.
    #[error("{} is a link: put the file itself in its place", .0.display())]
    Link(PathBuf),
    /// Not a folder.
    #[error("{} is not a folder: give another one with --data-dir", .0.display())]
    NoFolder(PathBuf),
    /// Another server uses it.
    #[error("another gatepass server is using {}: stop it, or give another folder with --data-dir", .0.display())]
    InUse(PathBuf),
    /// Another server writes this file.
    #[error("another gatepass server writes {}: stop it, or give another file with --ecds-file", .0.display())]
    FileInUse(PathBuf),
    /// Envoy would read the file as something else than it is.
    #[error("{}: Envoy takes binary from files alone whose names end in .pb: give such a one with --ecds-file", .0.display())]
    NotBinary(PathBuf),
    /// There is no database.
    #[error("there is no database in {}: start `gatepass serve` first, or name its folder with --data-dir", .0.display())]
    NoDatabase(PathBuf),
}

/// The data folder.
#[derive(Clone, Debug)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// The folder at `path`, made (0700) if it does not exist.
    ///
    /// # Errors
    /// It cannot be made or written, or others may read it.
    pub fn open_or_create(path: &Path) -> Result<Self, FolderError> {
        create_private_dir(path)?;
        let folder = Self::open(path)?;
        folder.tighten()?;
        Ok(folder)
    }

    /// Makes the database's file, if there is none: found out with a sentence, rather than as a database error.
    ///
    /// # Errors
    /// It cannot be made or written.
    pub fn make_database(&self) -> Result<(), FolderError> {
        create_file(&self.database()).map(drop)
    }

    /// The existing folder at `path`, with its database.
    ///
    /// # Errors
    /// There is none, or others may read it.
    pub fn open_existing(path: &Path) -> Result<Self, FolderError> {
        match path.join("gatepass.db").metadata() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unreadable(path, error)),
            Ok(metadata) if metadata.is_file() => {}
            _ => return Err(FolderError::NoDatabase(path.to_owned())),
        }
        Self::open(path)
    }

    /// The existing folder at `path`, whose database may be elsewhere.
    ///
    /// # Errors
    /// There is none, or others may read it.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let path = path.canonicalize().map_err(|source| unreadable(path, source))?;
        let metadata = path.metadata().map_err(|source| unreadable(&path, source))?;
        if !metadata.is_dir() {
            return Err(FolderError::NoFolder(path));
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(FolderError::OpenToOthers(path));
        }
        Ok(Self(path))
    }

    /// The absolute path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The database's file.
    pub fn database(&self) -> PathBuf {
        self.0.join("gatepass.db")
    }

    /// The first admin's password, until it is changed.
    pub fn initial_password(&self) -> PathBuf {
        self.0.join("initial-admin-password")
    }

    /// The first admin's token, until the password is changed.
    pub fn initial_token(&self) -> PathBuf {
        self.0.join("initial-admin-token")
    }

    /// The token that `gatepass user recover` makes.
    pub fn recovery_token(&self) -> PathBuf {
        self.0.join("recovery-token")
    }

    /// The key with which proxies report.
    pub fn report_key(&self) -> PathBuf {
        self.0.join("report-key")
    }

    /// The file that Envoy watches, unless another one was named.
    pub fn ecds_file(&self) -> PathBuf {
        self.0.join("envoy").join("gatepass.ecds.pb")
    }

    /// The epochs that were delivered.
    pub fn epochs(&self) -> PathBuf {
        self.0.join("epochs")
    }

    /// The key of the audit's chain.
    pub fn audit_key(&self) -> PathBuf {
        self.0.join("audit.key")
    }

    /// Keeps a second server out, as long as the file lives.
    ///
    /// # Errors
    /// Another server is in.
    pub fn lock(&self) -> Result<File, FolderError> {
        lock_file(&self.0.join("serve.lock"))?.ok_or_else(|| FolderError::InUse(self.0.clone()))
    }

    /// Takes the files in the folder from others: one that was put back from a backup, for example.
    fn tighten(&self) -> Result<(), FolderError> {
        let unreadable = |source| unreadable(&self.0, source);
        for entry in self.0.read_dir().map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let metadata = entry.metadata().map_err(unreadable)?;
            if metadata.is_file() && metadata.mode() & 0o077 != 0 {
                let private = fs::Permissions::from_mode(0o600);
                fs::set_permissions(entry.path(), private)
                    .map_err(|source| unwritable(&entry.path(), source))?;
            }
        }
        Ok(())
    }
}

/// Locks the file at `path`, made (0600) if it does not exist, for as long as the handle lives; `None` when another
/// process has locked it.
///
/// # Errors
/// It cannot be made.
pub fn lock_file(path: &Path) -> Result<Option<File>, FolderError> {
    let file = create_file(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(unwritable(path, source)),
    }
}

fn create_file(path: &Path) -> Result<File, FolderError> {
    if path.is_symlink() {
        return Err(FolderError::Link(path.to_owned()));
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(|source| unwritable(path, source))
}

/// Makes the folder at `path` and those above it, 0700, unless it exists.
///
/// # Errors
/// It cannot be made.
pub fn create_private_dir(path: &Path) -> Result<(), FolderError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| unwritable(path, source))
}

/// A file that is written and has not taken its place yet. Dropped, it leaves no trace.
#[derive(Debug)]
pub struct Staged {
    temporary: PathBuf,
    path: PathBuf,
}

impl Staged {
    /// Where it is until then.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn publish(self) -> Result<(), FolderError> {
        let renamed = fs::rename(&self.temporary, &self.path);
        renamed
            .and_then(|()| File::open(folder_of(&self.path))?.sync_all())
            .map_err(|e| unwritable(&self.path, e))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Nothing of a half-written or unwanted secret stays behind. Gone already, once it is published.
        let _ = fs::remove_file(&self.temporary);
        for suffix in DATABASE_SUFFIXES {
            let _ = fs::remove_file(with_suffix(&self.temporary, suffix));
        }
    }
}

/// Puts `content` at `path`, 0600, whole or not at all, and durably. What stood there before, file or link, is replaced
/// and never followed or written to.
///
/// # Errors
/// The folder cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), FolderError> {
    write_private_by(path, |file| file.write_all(content))
}

/// The same of what `write` writes.
///
/// # Errors
/// The folder cannot be written.
pub fn write_private_by(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), FolderError> {
    stage_private_by(path, write)?.publish()
}

/// Writes `content`, 0600 and durably, beside `path`, where [`Staged::publish`] puts it.
///
/// # Errors
/// The folder cannot be written.
pub fn stage_private(path: &Path, content: &[u8]) -> Result<Staged, FolderError> {
    stage_private_by(path, |file| file.write_all(content))
}

fn stage_private_by(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<Staged, FolderError> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let staged = Staged { temporary: folder_of(path).join(name), path: path.to_owned() };
    write_new(&staged.temporary, write).map_err(|source| unwritable(path, source))?;
    Ok(staged)
}

/// What SQLite puts beside a database's file.
pub const DATABASE_SUFFIXES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Makes an empty file, 0600, beside `path`, for a database that [`Staged::publish`] puts there. What an earlier one left
/// beside it is removed: SQLite would take it for this one's.
///
/// # Errors
/// The folder cannot be written.
pub fn stage_database(path: &Path) -> Result<Staged, FolderError> {
    let staged = stage_private(path, b"")?;
    for suffix in DATABASE_SUFFIXES {
        remove_private(&with_suffix(&staged.temporary, suffix))?;
    }
    Ok(staged)
}

/// `path` with `suffix` at its end.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The folder that `path` is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn write_new(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    // Left over from a crash. Removing a link removes the link.
    remove_if_there(path)?;
    // create_new is O_EXCL, which fails on a link rather than follow it.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    write(&mut file)?;
    file.sync_all()
}

/// Removes a file or link, if there is one.
///
/// # Errors
/// It is there and cannot be removed.
pub fn remove_private(path: &Path) -> Result<(), FolderError> {
    remove_if_there(path).map_err(|source| unwritable(path, source))
}

/// The content of a file, or `None` if there is none.
///
/// # Errors
/// It is there and cannot be read.
pub fn read_private(path: &Path) -> Result<Option<Vec<u8>>, FolderError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(unreadable(path, source)),
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn unwritable(path: &Path, source: io::Error) -> FolderError {
    FolderError::Unwritable { path: path.to_owned(), source }
}

fn unreadable(path: &Path, source: io::Error) -> FolderError {
    FolderError::Unreadable { path: path.to_owned(), source }
}
