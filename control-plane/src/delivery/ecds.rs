//! The ECDS resource as a file that Envoy watches (extension configuration discovery with a `path_config_source`).

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::data_folder::{FolderError, create_private_dir, read_private, write_private};
use crate::snapshot::Snapshot;
use crate::store::Version;

/// The file and the module that it names.
#[derive(Clone, Debug)]
pub struct EcdsFile {
    path: PathBuf,
    module: PathBuf,
}

impl EcdsFile {
    /// A file at `path` that has Envoy load the module at the absolute path `module`. Makes the folder (0700) if there
    /// is none.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(path: PathBuf, module: PathBuf) -> Result<Self, FolderError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            create_private_dir(folder)?;
        }
        Ok(Self { path, module })
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
        written.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// The version of the file that is there, if one is there and can be read.
    pub fn version(&self) -> Option<Version> {
        let content = read_private(&self.path).ok()??;
        let resource: Value = serde_json::from_slice(&content).ok()?;
        let (epoch, revision) = resource.get("version_info")?.as_str()?.split_once('.')?;
        Some(Version { epoch: epoch.to_owned(), revision: revision.parse().ok()? })
    }
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
