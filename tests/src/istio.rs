//! What Istio makes of a `WasmPlugin` on its way to Envoy.
//!
//! After `pilot/pkg/model/extensions.go` (istiod) and `pkg/wasm/convert.go` (the agent beside Envoy) of Istio: the
//! cluster's JSON becomes a `google.protobuf.Struct`, whose numbers are doubles, and this the JSON of
//! `github.com/golang/protobuf/jsonpb` in a `StringValue`: sorted by name, without blanks, written by Go's
//! `encoding/json`. The agent fetches the module, names the local file, and takes its own variables out.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

/// What Istio 1.31 calls the ECDS resource of a `WasmPlugin`.
pub fn resource_name(plugin: &Value) -> String {
    format!("extensions.istio.io/trafficextension/{}~istio-translated-wasmplugin", full_name(plugin))
}

/// The ECDS resource (`envoy.config.core.v3.TypedExtensionConfig`) as Envoy gets it from the agent.
#[track_caller]
pub fn extension(plugin: &Value, module: &Path) -> Value {
    let spec = &plugin["spec"];
    let policy = match spec["failStrategy"].as_str() {
        Some("FAIL_RELOAD") => "FAIL_RELOAD",
        Some("FAIL_CLOSE") => "FAIL_CLOSED",
        other => panic!("no fail strategy that refuses: {other:?}"),
    };
    let mut vm = json!({"runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": module}}});
    let of_host = spec["vmConfig"]["env"].as_array().into_iter().flatten();
    let of_host: Vec<&Value> =
        of_host.filter(|env| env["valueFrom"] == "HOST").map(|env| &env["name"]).collect();
    if !of_host.is_empty() {
        vm["environment_variables"] = json!({"host_env_keys": of_host});
    }
    let config = json!({
        "name": full_name(plugin), "root_id": spec["pluginName"], "vm_config": vm, "failure_policy": policy,
        "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue",
                          "value": plugin_config(&spec["pluginConfig"])},
    });
    json!({
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": resource_name(plugin),
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "config": config},
    })
}

fn full_name(plugin: &Value) -> String {
    let text = |field: &str| plugin["metadata"][field].as_str().unwrap_or("default").to_owned();
    format!("{}.{}", text("namespace"), text("name"))
}

/// The text of a `pluginConfig`.
#[track_caller]
pub fn plugin_config(config: &Value) -> String {
    let mut text = String::new();
    write(&mut text, config);
    text
}

fn write(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(is) => text.push_str(if *is { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&double(number.as_f64().expect("a number that is a double"))),
        Value::String(content) => quote(text, content),
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                write(text, item);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (at, (name, value)) in fields.into_iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                quote(text, name);
                text.push(':');
                write(text, value);
            }
            text.push('}');
        }
    }
}

/// Go writes a double as JavaScript does: the shortest digits that give it back, and an exponent for the very large and
/// the very small. No configuration has such a number.
fn double(number: f64) -> String {
    assert!(number == 0.0 || (1e-6..1e21).contains(&number.abs()), "{number} would have an exponent");
    number.to_string()
}

/// As Go's `encoding/json` does, which escapes what HTML could take for its own.
fn quote(text: &mut String, content: &str) {
    text.push('"');
    for c in content.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\0'..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            _ => text.push(c),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_is_written_as_go_does() {
        let config = json!({
            "version": 1, "b": [1_798_761_600_u64, 1.5, true, null], "a": {"<b>": "x & \u{2028}\u{1}é\"\\"},
        });
        let written = r#"{"a":{"\u003cb\u003e":"x \u0026 \u2028\u0001é\"\\"},"b":[1798761600,1.5,true,null],"version":1}"#;
        assert_eq!(plugin_config(&config), written);
    }
}
