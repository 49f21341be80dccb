//! Filters as Envoy discovers them: one file each, binary, replaced by a rename.
//!
//! Binary because Envoy chooses by the file's name, and takes seconds on its main thread for tens of megabytes of JSON.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;
use gatepass::compact;
use gatepass::config::wire::PluginConfiguration;
use prost::Message;
use serde_json::{Value, json};

use crate::proto::{
    Any, AsyncDataSource, BytesValue, DataSource, DiscoveryResponse, FailurePolicy, PluginConfig,
    StringValue, TypedExtensionConfig, VmConfig, Wasm,
};

/// The wasm filter's message.
pub const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
/// The API key filter's message.
pub const API_KEY_AUTH: &str = "type.googleapis.com/envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth";
const TYPED_EXTENSION: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
const STRING_VALUE: &str = "type.googleapis.com/google.protobuf.StringValue";
const BYTES_VALUE: &str = "type.googleapis.com/google.protobuf.BytesValue";

/// How the filter's configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// The contract's JSON, as a `StringValue`
    Json,
    /// The compact encoding of the same, as a `BytesValue`
    Compact,
}

impl Form {
    /// For the results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Compact => "the compact encoding",
        }
    }

    /// The configuration as it reaches the filter.
    ///
    /// # Errors
    /// It cannot be written so.
    pub fn encode(self, configuration: &PluginConfiguration) -> anyhow::Result<Any> {
        match self {
            Self::Json => {
                let value = serde_json::to_string(configuration)?;
                Ok(Any { type_url: STRING_VALUE.to_owned(), value: StringValue { value }.encode_to_vec() })
            }
            Self::Compact => {
                let value = compact::encode(configuration)?;
                Ok(Any { type_url: BYTES_VALUE.to_owned(), value: BytesValue { value }.encode_to_vec() })
            }
        }
    }
}

/// A filter that Envoy discovers by file.
pub struct Discovered {
    name: String,
    type_url: &'static str,
    file: PathBuf,
    version: u64,
}

/// A file that is written and not yet in place.
pub struct Prepared {
    from: PathBuf,
    to: PathBuf,
}

impl Prepared {
    /// Puts it in place: Envoy reads it at once.
    ///
    /// # Errors
    /// The system's.
    pub fn publish(self) -> anyhow::Result<()> {
        std::fs::rename(&self.from, &self.to).with_context(|| format!("cannot replace {}", self.to.display()))
    }
}

impl Discovered {
    /// The filter `name`, of the message `type_url`, in a file of `folder`.
    pub fn new(name: &str, type_url: &'static str, folder: &Path) -> Self {
        Self { name: name.to_owned(), type_url, file: folder.join(format!("{name}.pb")), version: 0 }
    }

    /// Counts versions on from `version`, which another has written.
    pub fn begin_after(&mut self, version: u64) {
        self.version = version;
    }

    /// Its place in a list of HTTP filters.
    pub fn filter(&self) -> Value {
        json!({
            "name": self.name,
            "config_discovery": {
                "config_source": {
                    "resource_api_version": "V3",
                    "path_config_source": {"path": self.file},
                    "initial_fetch_timeout": "0s",
                },
                "type_urls": [self.type_url],
            },
        })
    }

    /// The filter's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes its next version beside the file.
    ///
    /// # Errors
    /// The system's.
    pub fn prepare(&mut self, message: &impl Message) -> anyhow::Result<Prepared> {
        self.version += 1;
        let inner = Any { type_url: self.type_url.to_owned(), value: message.encode_to_vec() };
        let extension = TypedExtensionConfig { name: self.name.clone(), typed_config: Some(inner) };
        let resource = Any { type_url: TYPED_EXTENSION.to_owned(), value: extension.encode_to_vec() };
        let response =
            DiscoveryResponse { version_info: self.version.to_string(), resources: vec![resource] };
        let from = self.file.with_extension(format!("{}.new", self.version));
        std::fs::write(&from, response.encode_to_vec())
            .with_context(|| format!("cannot write {}", from.display()))?;
        Ok(Prepared { from, to: self.file.clone() })
    }

    /// Writes its next version and puts it in place.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&mut self, message: &impl Message) -> anyhow::Result<()> {
        self.prepare(message)?.publish()
    }
}

/// A wasm filter with a root of its own, in the VM `vm_id`.
pub fn wasm(name: &str, vm_id: &str, module: &Path, configuration: Option<Any>) -> Wasm {
    let code =
        AsyncDataSource { local: Some(DataSource { filename: module.to_string_lossy().into_owned() }) };
    let vm =
        VmConfig { vm_id: vm_id.to_owned(), runtime: "envoy.wasm.runtime.v8".to_owned(), code: Some(code) };
    let config = PluginConfig {
        name: name.to_owned(),
        root_id: name.to_owned(),
        vm_config: Some(vm),
        configuration,
        failure_policy: FailurePolicy::FailReload.into(),
    };
    Wasm { config: Some(config) }
}
