//! The module as an OCI image, in the form that Istio calls "compat": one layer with `plugin.wasm` in it. Every
//! registry keeps it, and Istio, Envoy Gateway and others load it
//! (<https://github.com/solo-io/wasm/blob/master/spec/spec-compat.md>).
//!
//! The same module gives the same digest wherever it is made: there is no time, no owner and no compression in it, whose
//! result would differ from one version of a library to the next.

mod archive;
mod layout;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub use layout::{LayoutError, digest_of, write};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The three blobs of an image.
#[derive(Debug)]
pub struct Image {
    manifest: Vec<u8>,
    config: Vec<u8>,
    layer: Vec<u8>,
}

impl Image {
    /// The image of `module`, with the source's revision if it is known.
    ///
    /// Returns `None` if it is no WebAssembly module.
    pub fn new(module: &[u8], revision: Option<&str>) -> Option<Self> {
        if !module.starts_with(b"\0asm") {
            return None;
        }
        let tar = archive::tar("plugin.wasm", module);
        let layer = archive::gzip(&tar);
        let labels = labels(revision);
        let config = json!({
            "architecture": "wasm", "os": "wasip1",
            "config": {"Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [digest(&tar)]},
        });
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config),
            "layers": [descriptor(LAYER, &layer)],
            "annotations": labels,
        });
        Some(Self { manifest: manifest.to_string().into_bytes(), config, layer })
    }

    /// The digest that a registry knows it by, `sha256:` and hex.
    pub fn digest(&self) -> String {
        digest(&self.manifest)
    }

    fn index(&self) -> Value {
        let mut manifest = descriptor(MANIFEST, &self.manifest);
        manifest["annotations"] = json!({"org.opencontainers.image.ref.name": env!("CARGO_PKG_VERSION")});
        json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]})
    }
}

/// <https://github.com/opencontainers/image-spec/blob/main/annotations.md>
fn labels(revision: Option<&str>) -> Value {
    let mut labels = json!({
        "org.opencontainers.image.title": "gatepass",
        "org.opencontainers.image.description": "Checks API tokens inside Envoy: a proxy-wasm filter",
        "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"),
        "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
    });
    if let Some(revision) = revision {
        labels["org.opencontainers.image.revision"] = revision.into();
    }
    labels
}

fn descriptor(media_type: &str, blob: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(blob), "size": blob.len()})
}

fn digest(blob: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(blob)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn the_same_module_has_the_same_digest_everywhere() {
        let image = Image::new(MODULE, None).unwrap();
        assert_eq!(image.digest(), Image::new(MODULE, None).unwrap().digest());
        assert_ne!(image.digest(), Image::new(b"\0asm\x01\0\0\0\0", None).unwrap().digest());
        assert_ne!(image.digest(), Image::new(MODULE, Some("c0ffee")).unwrap().digest());
    }

    #[test]
    fn what_is_no_module_makes_no_image() {
        assert!(Image::new(b"", None).is_none());
        assert!(Image::new(b"#!/bin/sh", None).is_none());
    }
}
