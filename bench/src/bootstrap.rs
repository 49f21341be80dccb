//! Envoy's own configuration: the same listener for every variant, but for its filters.

use std::net::SocketAddr;

use serde_json::{Value, json};

/// What Envoy is to be.
#[derive(Default)]
pub struct Bootstrap {
    listeners: Vec<Value>,
    clusters: Vec<Value>,
}

impl Bootstrap {
    /// Adds a listener with `filters` in front of the router.
    ///
    /// The edge settings are those of the shipped `envoy.yaml`; there is no access log. `/check` shows what the upstream
    /// would be told, everything else is the one direct response that is measured.
    pub fn listener(&mut self, name: &str, filters: Vec<Value>) {
        let mut filters = filters;
        filters.push(json!({
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        }));
        let manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.\
                      http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "bench",
            "codec_type": "HTTP1",
            "use_remote_address": true,
            "normalize_path": true,
            "merge_slashes": true,
            "path_with_escaped_slashes_action": "REJECT_REQUEST",
            "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
            "http_filters": filters,
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                {"match": {"path": "/check"}, "direct_response": {"status": 200, "body_format": {"json_format": {
                    "user": "%REQ(X-GATEPASS-USER)%",
                    "token_id": "%REQ(X-GATEPASS-TOKEN-ID)%",
                    "authorization": "%REQ(AUTHORIZATION)%",
                }}}},
                {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "ok\n"}}},
            ]}]},
        });
        self.listeners.push(json!({
            "name": name,
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "per_connection_buffer_limit_bytes": 65536,
            "filter_chains": [{"filters": [
                {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager},
            ]}],
        }));
    }

    /// Adds a cluster of one HTTP/2 server.
    pub fn cluster(&mut self, name: &str, server: SocketAddr) {
        let address = json!({"socket_address": {"address": server.ip(), "port_value": server.port()}});
        let http2 = json!({
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        });
        self.clusters.push(json!({
            "name": name,
            "type": "STATIC",
            "connect_timeout": "5s",
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2,
            },
            "load_assignment": {"cluster_name": name, "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": address}}]},
            ]},
        }));
    }

    /// The whole configuration.
    pub fn json(&self) -> Value {
        json!({
            "node": {"id": "gatepass-bench", "cluster": "gatepass-bench"},
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
            "static_resources": {"listeners": self.listeners, "clusters": self.clusters},
        })
    }
}

/// The seatbelt of the shipped `envoy.yaml`.
pub fn seatbelt() -> Value {
    json!({
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": {"action": "ALLOW", "policies": {"gatepass-has-allowed": {
                "permissions": [{"any": true}],
                "principals": [{"filter_state": {
                    "key": "wasm.gatepass.decision", "string_match": {"prefix": "allow."},
                }}],
            }}},
        },
    })
}

/// Envoy's `basic_auth` with the users of a file.
pub fn basic_auth(users: &std::path::Path) -> Value {
    json!({
        "name": "envoy.filters.http.basic_auth",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.basic_auth.v3.BasicAuth",
            "users": {"filename": users},
            "forward_username_header": "x-gatepass-user",
        },
    })
}

/// A Lua filter with its script in a file.
pub fn lua(script: &std::path::Path) -> Value {
    json!({
        "name": "envoy.filters.http.lua",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"filename": script},
        },
    })
}

/// `ext_authz` over gRPC to a cluster. Only the one header that the server needs is sent.
pub fn ext_authz(cluster: &str) -> Value {
    json!({
        "name": "envoy.filters.http.ext_authz",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            "transport_api_version": "V3",
            "grpc_service": {"envoy_grpc": {"cluster_name": cluster}, "timeout": "60s"},
            "allowed_headers": {"patterns": [{"exact": "authorization"}]},
            "failure_mode_allow": false,
        },
    })
}
