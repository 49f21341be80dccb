//! What a cluster stores of a resource, and whether it takes that much.

use serde_json::{Value, json};

/// How the resources will be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Apply {
    /// `kubectl apply`, which keeps a second copy of the resource in an annotation
    Client,
    /// `kubectl apply --server-side`, and what else keeps no copy (`create`, `replace`, Argo CD with ServerSideApply)
    Server,
}

/// Bytes of one request to etcd: its `--max-request-bytes` by default. Kubernetes stores custom resources as JSON.
const STORE: usize = 1_572_864;
/// Of them, for what the cluster adds: identity, times, status, and the request around it all.
const ADDED: usize = 4_096;
/// Bytes of all annotations of a resource together (`TotalAnnotationSizeLimitB` of Kubernetes).
const ANNOTATIONS: usize = 262_144;
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The cluster would not take it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// As an annotation.
    #[error(
        "spec.pluginConfig: `kubectl apply` keeps a copy of the WasmPlugin in an annotation, which would have {0} bytes, \
         and annotations have at most {ANNOTATIONS}: apply it with `kubectl apply --server-side`, and add --apply server; \
         or make it smaller with --token-set"
    )]
    Annotation(usize),
    /// As a whole, with its tokens listed.
    #[error(
        "spec.pluginConfig: the WasmPlugin would take {0} bytes of the cluster's store, which takes {STORE}: make it \
         smaller with --token-set"
    )]
    Listed(usize),
    /// As a whole, even in the compact encoding.
    #[error(
        "spec.pluginConfig: the WasmPlugin would take {0} bytes of the cluster's store, which takes {STORE}: so many tokens \
         need an Envoy of your own, see docs/istio.md"
    )]
    Compact(usize),
}

/// Whether the cluster takes `resource`.
///
/// # Errors
/// It is larger than that.
pub(super) fn check(resource: &Value, apply: Apply) -> Result<(), TooLarge> {
    let mut whole = resource.clone();
    if apply == Apply::Client {
        let copy = last_applied(resource);
        let annotation = copy.len() + LAST_APPLIED.len();
        if annotation > ANNOTATIONS {
            return Err(TooLarge::Annotation(annotation));
        }
        whole["metadata"]["annotations"] = json!({LAST_APPLIED: copy});
    }
    let stored = as_kubernetes_writes(&whole).len() + managed_fields(&resource["spec"]) + ADDED;
    let is_compact = resource["spec"]["pluginConfig"]["token_set"].is_string();
    match stored {
        ..=STORE => Ok(()),
        _ if is_compact => Err(TooLarge::Compact(stored)),
        _ => Err(TooLarge::Listed(stored)),
    }
}

/// What kubectl puts into the annotation.
fn last_applied(resource: &Value) -> String {
    let mut copy = resource.clone();
    copy["metadata"]["annotations"] = json!({});
    format!("{}\n", as_kubernetes_writes(&copy))
}

/// Go's JSON is free of what HTML and JavaScript could take for their own.
fn as_kubernetes_writes(value: &Value) -> String {
    let mut text = value.to_string();
    for (c, escaped) in [
        ('&', "\\u0026"),
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ] {
        if text.contains(c) {
            text = text.replace(c, escaped);
        }
    }
    text
}

/// Bytes of `metadata.managedFields`, which names every field that its owner has set; a list is one field.
fn managed_fields(value: &Value) -> usize {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(name, value)| name.len() + r#""f:":{},"#.len() + managed_fields(value)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(characters: usize, text: &str) -> Value {
        json!({"metadata": {"name": "gatepass"},
               "spec": {"pluginConfig": {"token_set": text.repeat(characters / text.len())}}})
    }

    #[test]
    fn the_copy_in_the_annotation_is_bounded_by_kubernetes() {
        let frame = LAST_APPLIED.len() + last_applied(&resource(0, "a")).len();
        assert_eq!(check(&resource(ANNOTATIONS - frame, "a"), Apply::Client), Ok(()));
        let too_large = resource(ANNOTATIONS - frame + 1, "a");
        assert_eq!(check(&too_large, Apply::Client), Err(TooLarge::Annotation(ANNOTATIONS + 1)));
        assert_eq!(check(&too_large, Apply::Server), Ok(()), "nobody keeps a copy");
    }

    #[test]
    fn the_whole_is_bounded_by_the_store() {
        let empty = resource(0, "a");
        let frame = as_kubernetes_writes(&empty).len() + managed_fields(&empty["spec"]) + ADDED;
        assert_eq!(check(&resource(STORE - frame, "a"), Apply::Server), Ok(()));
        let result = check(&resource(STORE - frame + 1, "a"), Apply::Server);
        assert_eq!(result, Err(TooLarge::Compact(STORE + 1)));
    }

    #[test]
    fn bytes_are_counted_as_go_writes_them() {
        let half = resource(STORE / 2, "a");
        assert_eq!(check(&half, Apply::Server), Ok(()));
        assert!(check(&resource(STORE / 2, "<"), Apply::Server).is_err(), "a < is six bytes");
        assert_eq!(as_kubernetes_writes(&json!("a&<>\u{2028}")), r#""a\u0026\u003c\u003e\u2028""#);
    }
}
