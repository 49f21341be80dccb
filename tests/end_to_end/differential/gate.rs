//! Envoy with the filter and an echo behind it, and pushes that return when every worker has them.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepass::compact;
use gatepass::config::wire::PluginConfiguration;
use gatepass_tests::envoy::{Changes, Envoy};
use gatepass_tests::random::Random;
use gatepass_tests::{artefacts, echo, istio, wait};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How a configuration is written for Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON in a `StringValue`.
    Json,
    /// The compact encoding in a `BytesValue`.
    Compact,
    /// JSON in a `StringValue`, its tokens as `token_set`.
    TokenSet,
    /// JSON in a `StringValue`, as Istio writes it.
    Istio,
}

/// The forms that valid configurations are pushed in, at random.
pub const FORMS: [Form; 4] = [Form::Json, Form::Compact, Form::TokenSet, Form::Istio];

/// A valid configuration as the `configuration` of Envoy's Wasm filter.
pub fn encode_push(configuration: &Value, form: Form) -> Value {
    match form {
        Form::Json => string_value(&configuration.to_string()),
        Form::Istio => string_value(&istio::plugin_config(configuration)),
        Form::Compact => bytes_value(&compact::encode(&wire(configuration)).expect("a valid configuration")),
        Form::TokenSet => token_set(&wire(configuration), |bytes| bytes),
    }
}

/// The same with one bit of the compact encoding turned: to be rejected.
pub fn encode_damaged(configuration: &Value, random: &mut Random) -> Value {
    let configuration = wire(configuration);
    let in_json = random.percent(50);
    let damaged = |mut bytes: Vec<u8>| {
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
        bytes
    };
    if in_json {
        return token_set(&configuration, damaged);
    }
    bytes_value(&compact::encode(&configuration).map(damaged).expect("a valid configuration"))
}

fn wire(configuration: &Value) -> PluginConfiguration {
    serde_json::from_value(configuration.clone()).expect("a configuration")
}

fn bytes_value(bytes: &[u8]) -> Value {
    json!({"@type": "type.googleapis.com/google.protobuf.BytesValue", "value": STANDARD.encode(bytes)})
}

fn token_set(configuration: &PluginConfiguration, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Value {
    let mut encoded = compact::encode_in_json(configuration).expect("a valid configuration");
    let bytes = encoded.token_set.as_deref().map(|text| STANDARD.decode(text).expect("base64"));
    encoded.token_set = bytes.map(|bytes| STANDARD.encode(change(bytes)));
    string_value(&serde_json::to_string(&encoded).expect("JSON"))
}

/// Any text, valid or not, in a `StringValue`.
pub fn string_value(text: &str) -> Value {
    json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text})
}

/// How Envoy answered a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// Each worker has it.
    Taken,
    /// No worker has seen it.
    Rejected,
}

/// What Envoy counts of pushes: configurations that are valid, those that every worker has, and rejected ones.
const COUNTS: [&str; 3] = ["update_success", "config_reload", "update_rejected"];

/// The proxy under test.
pub struct Gate {
    /// Envoy, with two workers.
    pub envoy: Envoy,
    module: PathBuf,
    versions: u64,
    last: (Value, Answered),
    data: TempDir,
}

impl Gate {
    /// Starts with a first configuration.
    pub fn start(first: Value) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        let module = artefacts::module();
        write(&data, &module, 1, &first);
        let changes = Changes {
            upstream: Some(echo::start()),
            underscores_admitted: true,
            paths_untouched: true,
            forwarded_for_believed: true,
            decision_told: true,
            access_log_removed: true,
            ..Changes::default()
        };
        let envoy = Envoy::start(data.path(), changes);
        Self { envoy, module, versions: 1, last: (first, Answered::Taken), data }
    }

    /// Pushes, and returns when what Envoy makes of it holds on every worker.
    ///
    /// Envoy counts `config_reload` when the last worker has told the main thread that it has the new filter. The
    /// filter is configured on a worker by an earlier message in the same queue, so that each has then run
    /// `on_configure` too. A rejected configuration is not sent to any worker (and counts as `config_reload` as well).
    pub fn push(&mut self, configuration: Value) -> Answered {
        if configuration == self.last.0 {
            // Envoy compares it with what it got last, be it a rejected one, and does nothing.
            return self.last.1;
        }
        let before = COUNTS.map(|name| self.count(name));
        self.versions += 1;
        write(&self.data, &self.module, self.versions, &configuration);
        let answered =
            wait::until("Envoy to have the configuration on every worker, or to reject it", || {
                let [success, reload, rejected] = COUNTS.map(|name| self.count(name));
                let taken = success > before[0] && reload > before[1];
                if rejected > before[2] { Some(Answered::Rejected) } else { taken.then_some(Answered::Taken) }
            });
        self.last = (configuration, answered);
        answered
    }

    fn count(&self, name: &str) -> u64 {
        self.envoy.stat(&format!("extension_config_discovery.http_filter.gatepass.{name}")).unwrap_or(0)
    }

    /// How many connections each worker has had on the plain listener.
    pub fn connections_by_worker(&self) -> Vec<u64> {
        let start = format!("listener.{}.worker_", self.envoy.http().to_string().replace(':', "_"));
        let start = start.replace(&self.envoy.http().port().to_string(), "0");
        let page = self.envoy.admin("/stats?filter=downstream_cx_total");
        let lines: Vec<String> = page.text().lines().map(str::to_owned).collect();
        let of_worker = |line: &String| line.strip_prefix(&start)?.split(' ').next_back()?.parse().ok();
        lines.iter().filter_map(of_worker).collect()
    }
}

/// Writes the resource under another name and renames it: Envoy watches for the rename.
fn write(data: &TempDir, module: &PathBuf, version: u64, configuration: &Value) {
    let filter = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            "name": "gatepass", "root_id": "gatepass", "failure_policy": "FAIL_RELOAD",
            "vm_config": {"vm_id": "gatepass", "runtime": "envoy.wasm.runtime.v8",
                          "code": {"local": {"filename": module}}},
            "configuration": configuration,
        },
    });
    let resource = json!({
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": "gatepass", "typed_config": filter,
    });
    let folder = data.path().join("envoy");
    let (file, new) = (folder.join("gatepass.ecds.json"), folder.join("gatepass.ecds.json.new"));
    std::fs::create_dir_all(&folder).expect("the data folder");
    std::fs::write(&new, json!({"version_info": version.to_string(), "resources": [resource]}).to_string())
        .and_then(|()| std::fs::rename(&new, &file))
        .expect("the ECDS file");
}
