//! The seatbelt: what refuses when the filter did not run.
//!
//! It stands directly before the router instead of behind the filter. There it also refuses when there is no filter at
//! all, and it needs no name of Istio's making, which has changed from one version to another.

use serde_json::{Value, json};

use super::{Proxy, Resources};

/// For waypoints, which take no `EnvoyFilter`. A script that fails would let the request pass: hence `pcall`.
const SCRIPT: &str = r#"function envoy_on_request(handle)
  local asked, decision = pcall(function()
    return handle:streamInfo():filterState():get("wasm.gatepass.decision")
  end)
  if not asked or type(decision) ~= "string" or string.sub(decision, 1, 6) ~= "allow." then
    handle:respond({[":status"] = "403"}, "gatepass: access denied")
  end
end
"#;

impl Resources {
    /// An `EnvoyFilter` (`networking.istio.io/v1alpha3`), or for a waypoint a `TrafficExtension`
    /// (`extensions.istio.io/v1alpha1`, Istio 1.30 and newer).
    pub fn seatbelt(&self) -> Value {
        let name = format!("{}-seatbelt", self.name);
        match self.proxy {
            Proxy::Gateway => self.envoy_filter(&name, "GATEWAY"),
            Proxy::Sidecar => self.envoy_filter(&name, "SIDECAR_INBOUND"),
            Proxy::Waypoint => {
                // Without a phase it is the last before the router.
                let spec = json!({"targetRefs": self.target_refs(), "lua": {"inlineCode": SCRIPT}});
                self.resource("extensions.istio.io/v1alpha1", "TrafficExtension", &name, spec)
            }
        }
    }

    fn envoy_filter(&self, name: &str, context: &str) -> Value {
        let patch = |port: Option<u16>| {
            let before = "envoy.filters.http.router";
            let manager = "envoy.filters.network.http_connection_manager";
            let mut chain = json!({"filter": {"name": manager, "subFilter": {"name": before}}});
            if let Some(port) = port {
                chain["destinationPort"] = port.into();
            }
            json!({
                "applyTo": "HTTP_FILTER",
                "match": {"context": context, "listener": {"filterChain": chain}},
                "patch": {"operation": "INSERT_BEFORE", "value": rbac()},
            })
        };
        let patches: Vec<Value> = if self.ports.is_empty() {
            vec![patch(None)]
        } else {
            self.ports.iter().map(|port| patch(Some(*port))).collect()
        };
        let mut spec = json!({"configPatches": patches});
        if self.targets.is_empty() {
            spec["workloadSelector"] = json!({"labels": self.selector});
        } else {
            spec["targetRefs"] = self.target_refs();
        }
        self.resource("networking.istio.io/v1alpha3", "EnvoyFilter", name, spec)
    }
}

/// As in `envoy.yaml`. Istio's own rules have the usual name, and the usual statistics.
fn rbac() -> Value {
    let allowed =
        json!({"filter_state": {"key": "wasm.gatepass.decision", "string_match": {"prefix": "allow."}}});
    let policy = json!({"permissions": [{"any": true}], "principals": [allowed]});
    json!({
        "name": "gatepass.seatbelt",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": {"action": "ALLOW", "policies": {"gatepass-has-allowed": policy}},
            "rules_stat_prefix": "gatepass_seatbelt",
        },
    })
}
