//! The few messages of Envoy's API that are sent in binary. Names and numbers are those of Envoy's .proto files; fields
//! that are not used here are left out.

use std::collections::HashMap;

use prost::{Enumeration, Message};

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// `google.protobuf.StringValue`.
#[derive(Clone, PartialEq, Message)]
pub struct StringValue {
    #[prost(string, tag = "1")]
    pub value: String,
}

/// `google.protobuf.BytesValue`.
#[derive(Clone, PartialEq, Message)]
pub struct BytesValue {
    #[prost(bytes = "vec", tag = "1")]
    pub value: Vec<u8>,
}

/// `envoy.service.discovery.v3.DiscoveryResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct DiscoveryResponse {
    #[prost(string, tag = "1")]
    pub version_info: String,
    #[prost(message, repeated, tag = "2")]
    pub resources: Vec<Any>,
}

/// `envoy.config.core.v3.TypedExtensionConfig`.
#[derive(Clone, PartialEq, Message)]
pub struct TypedExtensionConfig {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub typed_config: Option<Any>,
}

/// `envoy.config.core.v3.DataSource`, by file name.
#[derive(Clone, PartialEq, Message)]
pub struct DataSource {
    #[prost(string, tag = "1")]
    pub filename: String,
}

/// `envoy.config.core.v3.AsyncDataSource`.
#[derive(Clone, PartialEq, Message)]
pub struct AsyncDataSource {
    #[prost(message, optional, tag = "1")]
    pub local: Option<DataSource>,
}

/// `envoy.extensions.wasm.v3.VmConfig`.
#[derive(Clone, PartialEq, Message)]
pub struct VmConfig {
    #[prost(string, tag = "1")]
    pub vm_id: String,
    #[prost(string, tag = "2")]
    pub runtime: String,
    #[prost(message, optional, tag = "3")]
    pub code: Option<AsyncDataSource>,
}

/// `envoy.extensions.wasm.v3.FailurePolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum FailurePolicy {
    Unspecified = 0,
    FailReload = 1,
}

/// `envoy.extensions.wasm.v3.PluginConfig`.
#[derive(Clone, PartialEq, Message)]
pub struct PluginConfig {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub root_id: String,
    #[prost(message, optional, tag = "3")]
    pub vm_config: Option<VmConfig>,
    #[prost(message, optional, tag = "4")]
    pub configuration: Option<Any>,
    #[prost(enumeration = "FailurePolicy", tag = "7")]
    pub failure_policy: i32,
}

/// `envoy.extensions.filters.http.wasm.v3.Wasm`.
#[derive(Clone, PartialEq, Message)]
pub struct Wasm {
    #[prost(message, optional, tag = "1")]
    pub config: Option<PluginConfig>,
}

/// `envoy.extensions.filters.http.api_key_auth.v3.Credential`.
#[derive(Clone, PartialEq, Message)]
pub struct Credential {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub client: String,
}

/// `envoy.extensions.filters.http.api_key_auth.v3.KeySource`.
#[derive(Clone, PartialEq, Message)]
pub struct KeySource {
    #[prost(string, tag = "1")]
    pub header: String,
}

/// `envoy.extensions.filters.http.api_key_auth.v3.Forwarding`.
#[derive(Clone, PartialEq, Message)]
pub struct Forwarding {
    #[prost(string, tag = "1")]
    pub header: String,
    #[prost(bool, tag = "2")]
    pub hide_credentials: bool,
}

/// `envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth`.
#[derive(Clone, PartialEq, Message)]
pub struct ApiKeyAuth {
    #[prost(message, repeated, tag = "1")]
    pub credentials: Vec<Credential>,
    #[prost(message, repeated, tag = "2")]
    pub key_sources: Vec<KeySource>,
    #[prost(message, optional, tag = "3")]
    pub forwarding: Option<Forwarding>,
}

/// `envoy.service.auth.v3.CheckRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct CheckRequest {
    #[prost(message, optional, tag = "1")]
    pub attributes: Option<AttributeContext>,
}

/// `envoy.service.auth.v3.AttributeContext`.
#[derive(Clone, PartialEq, Message)]
pub struct AttributeContext {
    #[prost(message, optional, tag = "4")]
    pub request: Option<AttributeRequest>,
}

/// `envoy.service.auth.v3.AttributeContext.Request`.
#[derive(Clone, PartialEq, Message)]
pub struct AttributeRequest {
    #[prost(message, optional, tag = "2")]
    pub http: Option<HttpRequest>,
}

/// `envoy.service.auth.v3.AttributeContext.HttpRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct HttpRequest {
    #[prost(map = "string, string", tag = "3")]
    pub headers: HashMap<String, String>,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    #[prost(int32, tag = "1")]
    pub code: i32,
}

/// `envoy.config.core.v3.HeaderValue`.
#[derive(Clone, PartialEq, Message)]
pub struct HeaderValue {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// `envoy.config.core.v3.HeaderValueOption`.
#[derive(Clone, PartialEq, Message)]
pub struct HeaderValueOption {
    #[prost(message, optional, tag = "1")]
    pub header: Option<HeaderValue>,
    /// 2: overwrite if there is one, or add.
    #[prost(int32, tag = "3")]
    pub append_action: i32,
}

/// `envoy.service.auth.v3.OkHttpResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct OkHttpResponse {
    #[prost(message, repeated, tag = "2")]
    pub headers: Vec<HeaderValueOption>,
    #[prost(string, repeated, tag = "5")]
    pub headers_to_remove: Vec<String>,
}

/// `envoy.service.auth.v3.CheckResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct CheckResponse {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(message, optional, tag = "3")]
    pub ok_response: Option<OkHttpResponse>,
}
