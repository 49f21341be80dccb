//! What `make test` builds and installs before it runs the tests.

use std::path::{Path, PathBuf};

/// The checkout's root.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The Envoy to test with.
pub fn envoy() -> PathBuf {
    let pin = std::fs::read_to_string(root().join("scripts/envoy.txt")).expect("scripts/envoy.txt");
    let version =
        pin.split("==").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a pinned version");
    find("GATEPASS_TEST_ENVOY", &format!(".tools/envoy-{version}/envoy"))
}

/// The module that is shipped.
pub fn module() -> PathBuf {
    find("GATEPASS_TEST_MODULE", "dist/gatepass.wasm")
}

/// The module that fails on purpose on workers.
pub fn fault_module() -> PathBuf {
    find("GATEPASS_TEST_FAULT_MODULE", "target/test/gatepass-fault.wasm")
}

/// The binary `gatepass`.
pub fn program() -> PathBuf {
    find("GATEPASS_TEST_PROGRAM", "dist/gatepass")
}

/// Istio's published schema, as `scripts/tool istio-schema` installs it.
pub fn istio_schema() -> PathBuf {
    let pin =
        std::fs::read_to_string(root().join("scripts/istio-schema/package.json")).expect("the pinned schema");
    let pin: serde_json::Value = serde_json::from_str(&pin).expect("JSON");
    let version = pin["dependencies"]["@kubernetes-models/istio"].as_str().expect("a pinned version");
    find("GATEPASS_TEST_ISTIO_SCHEMA", &format!(".tools/istio-schema-{version}"))
}

/// Schemathesis and what came with it, as `scripts/tool schemathesis` installs them: the folder of their programs.
pub fn schemathesis() -> PathBuf {
    let pin =
        std::fs::read_to_string(root().join("scripts/schemathesis.txt")).expect("scripts/schemathesis.txt");
    let version =
        pin.split("==").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a pinned version");
    find("GATEPASS_TEST_SCHEMATHESIS", &format!(".tools/schemathesis-{version}/bin"))
}

/// What walks the pages, as `scripts/tool browser` installs it: a folder `node_modules`.
pub fn browser() -> PathBuf {
    let pin =
        std::fs::read_to_string(root().join("scripts/browser/package.json")).expect("the pinned walker");
    let pin: serde_json::Value = serde_json::from_str(&pin).expect("JSON");
    let version = pin["dependencies"]["playwright-core"].as_str().expect("a pinned version");
    find("GATEPASS_TEST_BROWSER", &format!(".tools/browser-{version}/node_modules"))
}

/// The provider of identities, as `scripts/tool oidc-provider` installs it.
pub fn oidc_provider() -> PathBuf {
    let pin = std::fs::read_to_string(root().join("scripts/oidc-provider/package.json"))
        .expect("the pinned provider");
    let pin: serde_json::Value = serde_json::from_str(&pin).expect("JSON");
    let version = pin["dependencies"]["oidc-provider"].as_str().expect("a pinned version");
    find("GATEPASS_TEST_OIDC_PROVIDER", &format!(".tools/oidc-provider-{version}/oidc-provider"))
}

/// The browser in which the pages are walked.
pub fn chromium() -> PathBuf {
    find("GATEPASS_TEST_CHROMIUM", "/usr/bin/chromium")
}

fn find(variable: &str, default: &str) -> PathBuf {
    let path = std::env::var_os(variable).map_or_else(|| root().join(default), PathBuf::from);
    path.canonicalize().unwrap_or_else(|error| {
        panic!(
            "{}: {error}. Run `make test`, which makes what these tests need, or set {variable}.",
            path.display()
        )
    })
}
