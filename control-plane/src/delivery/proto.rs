//! The few messages of Envoy's API that are sent in binary. Names and numbers are those of Envoy's .proto files; fields
//! that are not used here are left out.

use prost::{Enumeration, Message};

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub struct Any {
    /// `type.googleapis.com/` and the message's full name.
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// The message.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

impl Any {
    /// A message whose full name is `name`, all of whose fields have their defaults.
    pub fn empty(name: &str) -> Self {
        Self { type_url: format!("type.googleapis.com/{name}"), value: Vec::new() }
    }
}

/// `google.protobuf.BytesValue`.
#[derive(Clone, PartialEq, Message)]
pub struct BytesValue {
    /// The bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub value: Vec<u8>,
}

/// `envoy.service.discovery.v3.DiscoveryResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct DiscoveryResponse {
    /// Which state it is.
    #[prost(string, tag = "1")]
    pub version_info: String,
    /// Each a [`TypedExtensionConfig`].
    #[prost(message, repeated, tag = "2")]
    pub resources: Vec<Any>,
}

/// `envoy.config.core.v3.TypedExtensionConfig`.
#[derive(Clone, PartialEq, Message)]
pub struct TypedExtensionConfig {
    /// The filter's name in the listener.
    #[prost(string, tag = "1")]
    pub name: String,
    /// A [`Wasm`].
    #[prost(message, optional, tag = "2")]
    pub typed_config: Option<Any>,
}

/// `envoy.config.core.v3.DataSource`, by file name.
#[derive(Clone, PartialEq, Message)]
pub struct DataSource {
    /// As Envoy sees it.
    #[prost(string, tag = "1")]
    pub filename: String,
}

/// `envoy.config.core.v3.AsyncDataSource`.
#[derive(Clone, PartialEq, Message)]
pub struct AsyncDataSource {
    /// A file.
    #[prost(message, optional, tag = "1")]
    pub local: Option<DataSource>,
}

/// `envoy.extensions.wasm.v3.EnvironmentVariables`.
#[derive(Clone, PartialEq, Message)]
pub struct EnvironmentVariables {
    /// Variables of Envoy's own environment that the VM is given.
    #[prost(string, repeated, tag = "1")]
    pub host_env_keys: Vec<String>,
}

/// `envoy.extensions.wasm.v3.VmConfig`.
#[derive(Clone, PartialEq, Message)]
pub struct VmConfig {
    /// VMs with the same id and code are one.
    #[prost(string, tag = "1")]
    pub vm_id: String,
    /// The name of the engine.
    #[prost(string, tag = "2")]
    pub runtime: String,
    /// The module.
    #[prost(message, optional, tag = "3")]
    pub code: Option<AsyncDataSource>,
    /// What the VM sees of the environment.
    #[prost(message, optional, tag = "7")]
    pub environment_variables: Option<EnvironmentVariables>,
}

/// `envoy.extensions.wasm.v3.FailurePolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum FailurePolicy {
    /// Envoy's default.
    Unspecified = 0,
    /// A VM that failed is replaced; until then requests are refused.
    FailReload = 1,
}

/// `envoy.extensions.wasm.v3.PluginConfig`.
#[derive(Clone, PartialEq, Message)]
pub struct PluginConfig {
    /// The plugin's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The root context's id.
    #[prost(string, tag = "2")]
    pub root_id: String,
    /// The VM.
    #[prost(message, optional, tag = "3")]
    pub vm_config: Option<VmConfig>,
    /// What the plugin gets: a [`BytesValue`] without its wrapping.
    #[prost(message, optional, tag = "4")]
    pub configuration: Option<Any>,
    /// What happens when the VM fails.
    #[prost(enumeration = "FailurePolicy", tag = "7")]
    pub failure_policy: i32,
}

/// `envoy.extensions.filters.http.wasm.v3.Wasm`.
#[derive(Clone, PartialEq, Message)]
pub struct Wasm {
    /// The plugin.
    #[prost(message, optional, tag = "1")]
    pub config: Option<PluginConfig>,
}
