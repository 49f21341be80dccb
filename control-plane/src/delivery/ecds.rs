//! The ECDS resource as a file that Envoy watches (extension configuration discovery with a `path_config_source`).

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepass::compact;
use gatepass::config::ConfigError;
use gatepass::config::wire::PluginConfiguration;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use serde_json::json;

use super::proto::{
    Any, AsyncDataSource, BytesValue, DataSource, DiscoveryResponse, EnvironmentVariables, FailurePolicy,
    PluginConfig, TypedExtensionConfig, VmConfig, Wasm,
};
use crate::data_folder::{FolderError, create_private_dir, folder_of, lock_file, write_private_by};
use crate::report_key;
use crate::snapshot::Snapshot;
use crate::store::Version;

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

/// A file that reaches the disk a slice at a time: the database's commits wait for the same disk, and would wait for all of a
/// large file at once.
struct Slices<'f> {
    file: &'f mut File,
    unsynced: usize,
}

/// Bytes of a slice.
const SLICE: usize = 4 << 20;

impl Write for Slices<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.unsynced = self.unsynced.saturating_add(written);
        if self.unsynced >= SLICE {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// How much less of a processor than others a large file gets while they want it (nice, 0 to 19): a third. People wait for
/// the others.
const NICE: i32 = 5;

/// Does on a thread of its own, behind others, what keeps a processor busy for long.
async fn behind_others<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let (done, result) = tokio::sync::oneshot::channel();
    let work = move || {
        // Linux keeps this for each thread, and lets none become more important again. Without it, work is done as well.
        let _refused = rustix::process::nice(NICE);
        let _gone = done.send(work());
    };
    let thread = std::thread::Builder::new().name("delivery".to_owned()).spawn(work);
    thread.map_err(|error| format!("no thread for the delivery: {error}"))?;
    result.await.map_err(|_| "the delivery's thread ended before its work".to_owned())
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
    /// The name does not end in `.pb`, the folder cannot be made, or another server writes this file.
    pub fn new(path: PathBuf, module: PathBuf) -> Result<Self, FolderError> {
        // Envoy chooses the parser by the name's end, and would take nothing from another.
        if path.extension().is_none_or(|end| end != "pb") {
            return Err(FolderError::NotBinary(path));
        }
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

    /// Which configuration the file holds; `None` if there is none that this program wrote.
    pub fn version(&self) -> Option<Version> {
        let found = DiscoveryResponse::decode(std::fs::read(&self.path).ok()?.as_slice()).ok()?;
        let (epoch, revision) = found.version_info.rsplit_once('.')?;
        Some(Version { epoch: epoch.to_owned(), revision: revision.parse().ok()? })
    }

    /// Replaces the file in one step; Envoy sees the old one or the new one.
    ///
    /// # Errors
    /// A sentence for the log: the filter would refuse the snapshot, or the file cannot be written.
    pub async fn write(&self, snapshot: Arc<Snapshot>) -> Result<(), String> {
        let (path, module) = (self.path.clone(), self.module.clone());
        let write = move || {
            let configuration = snapshot.encode();
            let configuration =
                configuration.map_err(|error| format!("the snapshot would be refused: {error}"))?;
            let version = version_info(&snapshot.version.epoch, &snapshot.version.revision.to_string());
            let before = before_configuration(&module, version, configuration.size());
            write_private_by(&path, |file| {
                let mut file = Slices { file, unsynced: 0 };
                file.write_all(&before)?;
                configuration.write_to(&mut file)
            })
            .map_err(|error| error.to_string())
        };
        behind_others(write).await??;
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

const EXTENSION: &str = "envoy.config.core.v3.TypedExtensionConfig";
const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
const BYTES: &str = "google.protobuf.BytesValue";

/// The discovery response with the filter's whole configuration, up to the configuration's `size` bytes, with which it
/// ends. All but these stays the same from one snapshot to the next: another `vm_config` would cost Envoy a full compile
/// of the module.
fn before_configuration(module: &Path, version_info: String, size: usize) -> Vec<u8> {
    let code = DataSource { filename: module.to_string_lossy().into_owned() };
    let vm = VmConfig {
        vm_id: "gatepass".to_owned(),
        runtime: "envoy.wasm.runtime.v8".to_owned(),
        code: Some(AsyncDataSource { local: Some(code) }),
        // The VM is given the report key by Envoy's own environment; here it would show in /config_dump. A variable
        // that is not set is left out.
        environment_variables: Some(EnvironmentVariables {
            host_env_keys: vec![report_key::VARIABLE.to_owned()],
        }),
    };
    let plugin = PluginConfig {
        name: "gatepass".to_owned(),
        root_id: "gatepass".to_owned(),
        vm_config: Some(vm),
        configuration: None,
        failure_policy: FailurePolicy::FailReload.into(),
    };
    let extension = TypedExtensionConfig { name: "gatepass".to_owned(), typed_config: None };
    let response = DiscoveryResponse { version_info, resources: Vec::new() };
    Unfinished::ending_in(size)
        .within(&BytesValue::default(), 1)
        .within(&Any::empty(BYTES), 2)
        .within(&plugin, 4)
        .within(&Wasm::default(), 1)
        .within(&Any::empty(WASM), 2)
        .within(&extension, 2)
        .within(&Any::empty(EXTENSION), 2)
        .within(&response, 2)
        .before
}

/// A message that ends in bytes that are not there yet: what is a hundred megabytes need not be copied once for each
/// message around it. A reader takes the fields of a message in any order
/// (<https://protobuf.dev/programming-guides/encoding/#order>), so the one with these bytes can be the last.
struct Unfinished {
    before: Vec<u8>,
    bytes: usize,
}

impl Unfinished {
    fn ending_in(bytes: usize) -> Self {
        Self { before: Vec::new(), bytes }
    }

    /// `message` with this as its field `tag`, which it leaves out.
    fn within(self, message: &impl Message, tag: u32) -> Self {
        let mut before = message.encode_to_vec();
        encode_key(tag, WireType::LengthDelimited, &mut before);
        encode_varint(self.before.len() as u64 + self.bytes as u64, &mut before);
        before.extend(self.before);
        Self { before, bytes: self.bytes }
    }
}

fn version_info(epoch: &str, revision: &str) -> String {
    format!("{epoch}.{revision}")
}

/// The content of such a file, for a module at a path as Envoy sees it.
///
/// # Errors
/// The first field for which the filter would refuse the configuration.
pub fn binary(module: &Path, configuration: &PluginConfiguration) -> Result<Vec<u8>, ConfigError> {
    let version = version_info(&configuration.epoch, &configuration.revision);
    let bytes = compact::encode(configuration)?;
    Ok([before_configuration(module, version, bytes.len()), bytes].concat())
}

/// The same as JSON, for a file whose name ends in `.json`; the tokens listed, or in the compact encoding.
///
/// # Errors
/// As above.
pub fn json(
    module: &Path,
    configuration: &PluginConfiguration,
    compact: bool,
) -> Result<Vec<u8>, ConfigError> {
    let bytes = compact::encode(configuration)?;
    let type_url = |name: &str| format!("type.googleapis.com/{name}");
    let configured = if compact {
        json!({"@type": type_url(BYTES), "value": STANDARD.encode(bytes)})
    } else {
        let text = serde_json::to_string(configuration).map_err(|error| ConfigError::new("", error))?;
        json!({"@type": type_url("google.protobuf.StringValue"), "value": text})
    };
    let plugin = json!({
        "name": "gatepass", "root_id": "gatepass", "failure_policy": "FAIL_RELOAD",
        "vm_config": {
            "vm_id": "gatepass", "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": module}},
            "environment_variables": {"host_env_keys": [report_key::VARIABLE]},
        },
        "configuration": configured,
    });
    let filter = json!({"@type": type_url(WASM), "config": plugin});
    let extension = json!({"@type": type_url(EXTENSION), "name": "gatepass", "typed_config": filter});
    let response = json!({
        "version_info": version_info(&configuration.epoch, &configuration.revision),
        "resources": [extension],
    });
    Ok(format!("{response:#}\n").into_bytes())
}

/// The plugin within the content of such a file; `None` if it is not one.
pub fn plugin(content: &[u8]) -> Option<PluginConfig> {
    let within = |any: Any, name: &str| any.type_url.ends_with(name).then_some(any.value);
    let resource = DiscoveryResponse::decode(content).ok()?.resources.into_iter().next()?;
    let extension = TypedExtensionConfig::decode(within(resource, EXTENSION)?.as_slice()).ok()?;
    Wasm::decode(within(extension.typed_config?, WASM)?.as_slice()).ok()?.config
}

/// The plugin configuration within the content of such a file; `None` if it is not one, or the filter would refuse it.
pub fn configuration(content: &[u8]) -> Option<PluginConfiguration> {
    let any = plugin(content)?.configuration.filter(|any| any.type_url.ends_with(BYTES))?;
    compact::decode(&BytesValue::decode(any.value.as_slice()).ok()?.value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_parts_is_one_message() {
        for size in [0, 1, 127, 128, 70_000] {
            let bytes = vec![7; size];
            let before = before_configuration(Path::new("/m.wasm"), "a1.17".to_owned(), size);
            let content = [before, bytes.clone()].concat();
            let response = DiscoveryResponse::decode(content.as_slice()).expect("a response");
            assert_eq!((response.version_info.as_str(), response.resources.len()), ("a1.17", 1));
            let plugin = plugin(&content).expect("a plugin");
            assert_eq!((plugin.name.as_str(), plugin.root_id.as_str()), ("gatepass", "gatepass"));
            assert_eq!(plugin.failure_policy, i32::from(FailurePolicy::FailReload));
            let vm = plugin.vm_config.expect("a VM");
            assert_eq!((vm.vm_id.as_str(), vm.runtime.as_str()), ("gatepass", "envoy.wasm.runtime.v8"));
            let file = vm.code.and_then(|code| code.local).expect("a file").filename;
            assert_eq!(file, "/m.wasm");
            let given = plugin.configuration.expect("a configuration");
            assert_eq!(given.type_url, format!("type.googleapis.com/{BYTES}"));
            assert_eq!(BytesValue::decode(given.value.as_slice()).expect("bytes").value, bytes);
        }
    }
}
