//! The module's image: pushed, pulled, and unpacked as Istio does.

use std::path::Path;
use std::process::Command;

use gatepass_tests::program::{fails, finish, prints};
use gatepass_tests::registry::Registry;
use gatepass_tests::{artefacts, client};
use serde_json::Value;

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

fn render(folder: &Path, more: &[&str]) -> String {
    let module = artefacts::module();
    let arguments =
        [&["render", "image", "--module", text(&module), "--output", text(folder)], more].concat();
    prints(&arguments, "").trim().to_owned()
}

#[test]
fn an_image_is_pushed_and_pulled_and_holds_the_module() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let layout = folder.path().join("image");
    let digest = render(&layout, &[]);
    let registry = Registry::start();
    let place = format!("docker://{}/gatepass:0.1.0", registry.address());
    let mut skopeo = Command::new("skopeo");
    let pushed = skopeo.args(["copy", "--quiet", "--dest-tls-verify=false"]);
    let pushed = finish(pushed.arg(format!("oci:{}", text(&layout))).arg(&place), "");
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));

    // As a proxy asks: the manifest by its tag, of the digest that a WasmPlugin pins.
    let accept = [("Accept", "application/vnd.oci.image.manifest.v1+json")];
    let reply = client::get(registry.address(), "/v2/gatepass/manifests/0.1.0", &accept);
    assert_eq!(reply.header("docker-content-digest"), [digest.as_str()]);
    let manifest = reply.json();
    assert_eq!(manifest["mediaType"], accept[0].1);
    let annotation = |name: &str| manifest["annotations"][format!("org.opencontainers.image.{name}")].clone();
    assert_eq!((annotation("version"), annotation("licenses")), ("0.1.0".into(), "Apache-2.0".into()));
    assert_eq!(annotation("revision"), Value::Null);

    // Istio's "compat" variant: the last layer, a tar+gzip, with plugin.wasm.
    let layer = manifest["layers"].as_array().and_then(|layers| layers.last()).expect("a layer");
    assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    let path = format!("/v2/gatepass/blobs/{}", layer["digest"].as_str().expect("a digest"));
    let blob = folder.path().join("layer");
    std::fs::write(&blob, client::get(registry.address(), &path, &[]).body).expect("the layer");
    let unpacked = finish(Command::new("tar").args(["-xzOf", text(&blob), "plugin.wasm"]), "");
    let module = std::fs::read(artefacts::module()).expect("the module");
    assert!(unpacked.status.success() && unpacked.stdout == module, "{} bytes", unpacked.stdout.len());
    println!("{digest}: {} bytes of module in {} bytes of layer", module.len(), layer["size"]);
}

#[test]
fn the_same_module_has_the_same_digest_and_the_sources_commit_is_told_on_request() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let digest = render(&one, &[]);
    assert_eq!(digest, render(&two, &[]));
    assert_eq!(digest, render(&one, &[]), "over itself");
    assert_ne!(digest, render(&two, &["--revision", "c0ffee"]));
    let refused = fails(&["render", "image", "--module", "/etc/hostname", "--output", text(&two)], "");
    assert!(refused.contains("/etc/hostname is no WebAssembly module"), "{refused}");
    let taken = fails(
        &["render", "image", "--module", text(&artefacts::module()), "--output", text(folder.path())],
        "",
    );
    assert!(taken.contains("is not empty and no image layout"), "{taken}");
}
