//! The ECDS resource as a file that Envoy watches (extension configuration discovery with a `path_config_source`).

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::data_folder::{FolderError, create_private_dir, folder_of, lock_file, write_private};
use crate::report_key;
use crate::snapshot::Snapshot;

/// The file and the module that it names.
#[derive(Debug)]
pub struct EcdsFile {
    path: PathBuf,
    module: PathBuf,
    /// The file as it was written last, and the folder that it was written to.
    written: Mutex<Option<Written>>,
    /// Keeps a second server from writing the same file.
    _lock: File,
}

/// What tells a file from any other: device, inode, size and time of change.
type Identity = (u64, u64, u64, i64, i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Written {
    file: Identity,
    folder: (u64, u64),
}

impl EcdsFile {
    /// A file at `path` that has Envoy load the module at the absolute path `module`. Makes the folder (0700) if there
    /// is none.
    ///
    /// # Errors
    /// The folder cannot be made, or another server writes this file.
    pub fn new(path: PathBuf, module: PathBuf) -> Result<Self, FolderError> {
        create_private_dir(folder_of(&path))?;
        let mut name = path.clone().into_os_string();
        name.push(".lock");
        let lock = lock_file(Path::new(&name))?.ok_or_else(|| FolderError::FileInUse(path.clone()))?;
        Ok(Self { path, module, written: Mutex::new(None), _lock: lock })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file in one step; Envoy sees the old one or the new one.
    ///
    /// # Errors
    /// A sentence for the log.
    pub async fn write(&self, snapshot: &Snapshot) -> Result<(), String> {
        let content = resource(&self.module, snapshot).to_string();
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || write_private(&path, content.as_bytes())).await;
        written.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let now = look(&self.path);
        let before = std::mem::replace(&mut *self.lock_written(), now);
        if before.zip(now).is_some_and(|(before, now)| before.folder != now.folder) {
            tracing::error!(
                file = %self.path.display(),
                "the folder of this file was replaced, and Envoy still watches the old one: restart Envoy"
            );
        }
        Ok(())
    }

    /// Whether the file is still the one that was written last.
    pub fn is_untouched(&self) -> bool {
        let written = *self.lock_written();
        written.is_some() && written == look(&self.path)
    }

    fn lock_written(&self) -> MutexGuard<'_, Option<Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file and its folder as they are; `None` if either is gone.
fn look(path: &Path) -> Option<Written> {
    let file = path.symlink_metadata().ok()?;
    let folder = folder_of(path).metadata().ok()?;
    Some(Written {
        file: (file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec()),
        folder: (folder.dev(), folder.ino()),
    })
}

/// The discovery response with the filter's whole configuration. All but the inner `configuration` stays the same from
/// one snapshot to the next: another `vm_config` would cost Envoy a full compile of the module.
fn resource(module: &Path, snapshot: &Snapshot) -> Value {
    json!({
        "version_info": format!("{}.{}", snapshot.version.epoch, snapshot.version.revision),
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": "gatepass",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": {
                    "name": "gatepass",
                    "root_id": "gatepass",
                    "failure_policy": "FAIL_RELOAD",
                    "vm_config": {
                        "vm_id": "gatepass",
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": {"local": {"filename": module.to_string_lossy()}},
                        // The VM is given the report key by Envoy's own environment; here it would show in
                        // /config_dump. A variable that is not set is left out.
                        "environment_variables": {"host_env_keys": [report_key::VARIABLE]},
                    },
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": snapshot.json,
                    },
                },
            },
        }],
    })
}
