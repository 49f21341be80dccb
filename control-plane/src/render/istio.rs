//! Resources for Istio: the filter as a `WasmPlugin`, and the seatbelt.

mod seatbelt;
mod size;

use std::collections::BTreeMap;

use gatepass::compact;
use gatepass::config::ConfigError;
use gatepass::config::wire::{PluginConfiguration, Report};
use serde_json::{Value, json};

use super::{Title, yaml};
pub use size::{Apply, TooLarge};

/// Where the filter is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Proxy {
    /// An ingress gateway, of Istio's own API or of the Gateway API
    Gateway,
    /// The proxies beside a workload, for what comes in
    Sidecar,
    /// A waypoint of an ambient mesh
    Waypoint,
}

/// What becomes of requests when the filter has failed, in Istio's words. Neither lets them through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FailStrategy {
    /// Refuse, and start the filter anew (Istio 1.27 and newer)
    #[value(name = "FAIL_RELOAD")]
    Reload,
    /// Refuse until the proxy is started anew
    #[value(name = "FAIL_CLOSE")]
    Close,
}

/// What a policy is attached to: a `targetRefs` entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `Gateway`, `GatewayClass` or `Service`.
    pub kind: String,
    /// Its name, in the resource's own namespace.
    pub name: String,
}

/// The module, as a proxy fetches it.
#[derive(Clone, Debug)]
pub struct Module {
    /// `oci://`, `https://`, `http://` or `file://`.
    pub url: String,
    /// What the image's manifest, or the file, must hash to: 64 lower-case hex digits.
    pub sha256: Option<String>,
    /// The name of the secret that an image is pulled with.
    pub pull_secret: Option<String>,
}

/// All that is to be said beside the configuration.
#[derive(Clone, Debug)]
pub struct Resources {
    /// The kind of proxy.
    pub proxy: Proxy,
    /// Name of the `WasmPlugin`; the seatbelt's is longer.
    pub name: String,
    /// Namespace of both; that of whoever applies them if there is none.
    pub namespace: Option<String>,
    /// Labels of the pods, unless there are targets.
    pub selector: BTreeMap<String, String>,
    /// What they are attached to, instead of labels.
    pub targets: Vec<Target>,
    /// Ports of a workload that are guarded; all if there is none.
    pub ports: Vec<u16>,
    /// Where the module is.
    pub module: Module,
    /// What happens when the filter fails.
    pub fail_strategy: FailStrategy,
    /// The place among other plugins of the phase; the highest is first.
    pub priority: Option<i32>,
    /// The proxy's cluster that usage is reported to; no reports without it.
    pub reports: Option<String>,
    /// Whether IP lists may rest on an `x-forwarded-for` that the listener believes.
    pub trust_xff: bool,
    /// Whether there is a seatbelt.
    pub seatbelt: bool,
    /// Whether tokens are written in the compact encoding.
    pub token_set: bool,
    /// How they will be applied.
    pub apply: Apply,
}

/// Why there are no resources.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The filter would refuse the configuration.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// An IP list that clients could write themselves into.
    #[error(
        "{field}: {listener} takes the source address from the x-forwarded-for of a request, so whoever reaches it \
         could write an address that the list admits; leave IP lists to the gateway, or add --trust-xff if nobody \
         reaches it but proxies that set that header themselves"
    )]
    BelievedAddress {
        /// The list.
        field: String,
        /// The kind of listener.
        listener: &'static str,
    },
    /// The cluster could not store it.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

impl Resources {
    /// The resources as YAML, for `kubectl apply`. `configuration` has its tokens listed.
    ///
    /// # Errors
    /// The first field that stands against it.
    pub fn to_yaml(&self, configuration: &PluginConfiguration) -> Result<String, Refusal> {
        let title = format!("gatepass {}: {}", env!("CARGO_PKG_VERSION"), Title(configuration));
        let plugin = (title, self.plugin(configuration)?);
        let belt = self.seatbelt.then(|| {
            let comment = "The seatbelt: refuses what the filter has not admitted, also when it did not run.";
            (comment.to_owned(), self.seatbelt())
        });
        Ok(yaml::documents(&[vec![plugin], belt.into_iter().collect()].concat()))
    }

    /// The `WasmPlugin` (`extensions.istio.io/v1alpha1`).
    ///
    /// # Errors
    /// As above.
    pub fn plugin(&self, configuration: &PluginConfiguration) -> Result<Value, Refusal> {
        self.check_addresses(configuration)?;
        let mut spec = json!({
            "url": self.module.url,
            "phase": "AUTHN",
            "pluginName": "gatepass",
            "failStrategy": match self.fail_strategy {
                FailStrategy::Reload => "FAIL_RELOAD",
                FailStrategy::Close => "FAIL_CLOSE",
            },
            "pluginConfig": self.plugin_config(configuration)?,
        });
        self.say_where(&mut spec);
        let mut set = |field: &str, value: Option<Value>| {
            if let Some(value) = value {
                spec[field] = value;
            }
        };
        set("sha256", self.module.sha256.clone().map(Value::from));
        set("imagePullSecret", self.module.pull_secret.clone().map(Value::from));
        // What is pinned does not change.
        set("imagePullPolicy", self.module.sha256.is_some().then(|| "IfNotPresent".into()));
        set("priority", self.priority.map(Value::from));
        // From the proxy's environment; here it would show in every dump of its configuration.
        let key = || json!({"env": [{"name": crate::report_key::VARIABLE, "valueFrom": "HOST"}]});
        set("vmConfig", self.reports.is_some().then(key));
        let plugin = self.resource("extensions.istio.io/v1alpha1", "WasmPlugin", &self.name, spec);
        size::check(&plugin, self.apply)?;
        Ok(plugin)
    }

    fn plugin_config(&self, configuration: &PluginConfiguration) -> Result<Value, Refusal> {
        let report = self.reports.as_ref().map(|cluster| Report {
            cluster: cluster.clone(),
            ..configuration.report.clone().unwrap_or_default()
        });
        let listed = PluginConfiguration { report, ..configuration.clone() };
        // Encoded even if it is not used: the filter's own rules have then read it as it is here.
        let encoded = compact::encode_in_json(&listed)?;
        let written = if self.token_set { encoded } else { listed };
        serde_json::to_value(written).map_err(|error| ConfigError::new("", error).into())
    }

    fn check_addresses(&self, configuration: &PluginConfiguration) -> Result<(), Refusal> {
        let listener = match self.proxy {
            _ if self.trust_xff => return Ok(()),
            Proxy::Gateway => return Ok(()),
            Proxy::Sidecar => "the listener of a sidecar",
            Proxy::Waypoint => "the listener of a waypoint",
        };
        let mut tokens = configuration.tokens.iter().flatten();
        let field = if configuration.settings.allowed_ips.is_empty() {
            tokens
                .find(|token| !token.allowed_ips.is_empty())
                .map(|token| format!("tokens ({}).allowed_ips", token.id))
        } else {
            Some("settings.allowed_ips".to_owned())
        };
        field.map_or(Ok(()), |field| Err(Refusal::BelievedAddress { field, listener }))
    }

    /// Adds the workloads, and the direction: without one a sidecar would ask those who go out for tokens too. A
    /// waypoint knows one direction only.
    fn say_where(&self, spec: &mut Value) {
        if self.targets.is_empty() {
            spec["selector"] = json!({"matchLabels": self.selector});
        } else {
            spec["targetRefs"] = self.target_refs();
        }
        let ports: Vec<Value> = self.ports.iter().map(|port| json!({"number": port})).collect();
        let mode = match self.proxy {
            Proxy::Gateway => "CLIENT",
            Proxy::Sidecar => "SERVER",
            Proxy::Waypoint => return,
        };
        spec["match"] =
            if ports.is_empty() { json!([{"mode": mode}]) } else { json!([{"mode": mode, "ports": ports}]) };
    }

    fn target_refs(&self) -> Value {
        let group = |kind: &str| if kind == "Service" { "" } else { "gateway.networking.k8s.io" };
        self.targets
            .iter()
            .map(|target| json!({"group": group(&target.kind), "kind": target.kind, "name": target.name}))
            .collect()
    }

    fn resource(&self, version: &str, kind: &str, name: &str, spec: Value) -> Value {
        let mut metadata = json!({"name": name});
        if let Some(namespace) = &self.namespace {
            metadata["namespace"] = namespace.as_str().into();
        }
        json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
    }
}

#[cfg(test)]
mod tests;
