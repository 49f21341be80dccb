//! Plugin configurations written by hand, for tests of the filter without a control plane.

use std::convert::Infallible;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use gatepass::token::{PlainToken, Prefix};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::envoy::{Changes, Envoy};
use crate::upstream::Upstream;
use crate::{artefacts, wait};

/// A new token.
pub fn mint() -> PlainToken {
    let mut random = std::fs::File::open("/dev/urandom").expect("/dev/urandom");
    let fill = |buffer: &mut [u8]| -> Result<(), Infallible> {
        random.read_exact(buffer).expect("random bytes");
        Ok(())
    };
    match PlainToken::generate(&Prefix::default(), fill) {
        Ok(token) => token,
    }
}

/// A token's entry.
pub fn entry(id: &str, token: &PlainToken, user: &str) -> Value {
    json!({"id": id, "sha256": token.digest().to_string(), "user": user})
}

/// A configuration that protects `/rest/`.
pub fn configuration(revision: u64, tokens: &[Value]) -> Value {
    json!({
        "version": 1, "epoch": "a1", "revision": revision.to_string(),
        "settings": {"protected_paths": ["/rest/"]},
        "tokens": tokens,
    })
}

/// Envoy with a recording upstream, configured by an ECDS file that the test writes.
pub struct Gate {
    /// The proxy.
    pub envoy: Envoy,
    /// What is behind it.
    pub upstream: Upstream,
    module: PathBuf,
    pushes: u64,
    data: TempDir,
}

impl Gate {
    /// Starts with `configuration`; `changes.upstream` is filled in.
    #[track_caller]
    pub fn start(module: PathBuf, changes: Changes, configuration: &Value) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        let upstream = Upstream::start();
        write(data.path(), &module, 1, &configuration.to_string());
        let changes = Changes { upstream: Some(upstream.address()), ..changes };
        let envoy = Envoy::start(data.path(), changes);
        Self { envoy, upstream, module, pushes: 1, data }
    }

    /// The shipped module in the shipped configuration.
    #[track_caller]
    pub fn shipped(configuration: &Value) -> Self {
        Self::start(artefacts::module(), Changes::default(), configuration)
    }

    /// Pushes the text of a configuration and returns once Envoy has answered it: true if it took it.
    #[track_caller]
    pub fn push(&mut self, configuration: &str) -> bool {
        let before = self.counts();
        self.pushes += 1;
        write(self.data.path(), &self.module, self.pushes, configuration);
        wait::until("Envoy to take or reject the configuration", || {
            let now = self.counts();
            (now.0 > before.0 || now.1 > before.1).then_some(now.0 > before.0)
        })
    }

    /// Configurations taken and rejected.
    fn counts(&self) -> (u64, u64) {
        let stat = |name| self.envoy.stat(&format!("extension_config_discovery.http_filter.gatepass.{name}"));
        (stat("update_success").unwrap_or(0), stat("update_rejected").unwrap_or(0))
    }
}

/// Writes the resource under another name and renames it: Envoy watches for the rename.
fn write(data: &Path, module: &Path, version: u64, configuration: &str) {
    let filter = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            "name": "gatepass", "root_id": "gatepass", "failure_policy": "FAIL_RELOAD",
            "vm_config": {"vm_id": "gatepass", "runtime": "envoy.wasm.runtime.v8",
                          "code": {"local": {"filename": module}}},
            "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration},
        },
    });
    let resource = json!({
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": "gatepass", "typed_config": filter,
    });
    let file = data.join("envoy/gatepass.ecds.json");
    let new = data.join("envoy/gatepass.ecds.json.new");
    std::fs::create_dir_all(data.join("envoy")).expect("the data folder");
    std::fs::write(&new, json!({"version_info": version.to_string(), "resources": [resource]}).to_string())
        .and_then(|()| std::fs::rename(&new, &file))
        .expect("the ECDS file");
}
