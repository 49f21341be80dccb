//! The document says what the server does: every route, every refusal, every limit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{Method, Request};
use gatepass_control_plane::api;
use serde_json::Value;

use crate::support::{Gate, Reply};

/// The document, as it is served.
pub static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(api::document().unwrap()).unwrap());

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Each operation with its method and path.
pub fn operations() -> impl Iterator<Item = (&'static str, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    })
}

/// What `$ref` leads to, if it is one.
pub fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(path) => resolved(DOCUMENT.pointer(path.strip_prefix('#').unwrap()).unwrap()),
        None => value,
    }
}

pub fn is_of(path: &str, template: &str) -> bool {
    let (mut parts, mut names) = (path.split('/'), template.split('/'));
    loop {
        match (parts.next(), names.next()) {
            (None, None) => return true,
            (Some(part), Some(name)) if part == name || name.starts_with('{') && !part.is_empty() => {}
            _ => return false,
        }
    }
}

/// Every reply that a test of this program gets is one that the document knows: its status, and the code of a problem.
pub fn check(method: &Method, path: &str, reply: &Reply) {
    let method = if method == Method::HEAD { "get".to_owned() } else { method.as_str().to_ascii_lowercase() };
    // A path that is written out counts before one with a name in it, as in the router.
    let exact = DOCUMENT["paths"].get(path).is_some();
    let meant = |template: &str| if exact { path == template } else { is_of(path, template) };
    let Some((_, template, operation)) = operations().find(|(m, t, _)| *m == method && meant(t)) else {
        return;
    };
    let status = reply.status.as_str();
    let known = &operation["responses"][status];
    assert!(
        known.is_object(),
        "{method} {template} answered {status}, which the document does not have: {reply:?}"
    );
    let response = resolved(known);
    let code = &reply.json()["code"];
    if !reply.text.is_empty() && reply.header("content-type") == "application/problem+json" {
        let codes = &response["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]
            ["enum"];
        let known = codes.as_array().is_some_and(|codes| codes.contains(code));
        assert!(known, "{method} {template} answered {code}, which the document does not have");
    }
    for name in reply.headers.keys().map(axum::http::HeaderName::as_str) {
        let fixed = [
            "content-type",
            "content-length",
            "x-content-type-options",
            "referrer-policy",
            "content-security-policy",
            "strict-transport-security",
        ];
        let known = fixed.contains(&name) || name == "connection" || response["headers"].get(name).is_some();
        assert!(
            known,
            "{method} {template} {status} has the header {name}, which the document does not have"
        );
    }
}

async fn plain(gate: &Gate, method: &str, path: &str) -> Reply {
    let method: Method = method.to_ascii_uppercase().parse().unwrap();
    let request = Request::builder().method(method).uri(path).header("host", "localhost");
    gate.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn it_is_served_to_everyone() {
    let gate = Gate::start().await;
    let reply = plain(&gate, "get", "/api/v1/openapi.json").await;
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(&reply.ok(200), &*DOCUMENT);
    assert_eq!(DOCUMENT["openapi"], "3.1.0");
}

/// Routes are registered with their description or not at all (`api::described`); this holds the methods to it.
#[tokio::test]
async fn a_path_takes_exactly_the_methods_that_are_described() {
    let gate = Gate::start().await;
    let mut methods: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (method, path, _) in operations() {
        let all = methods.entry(path).or_default();
        all.insert(method.to_ascii_uppercase());
        if method == "get" {
            all.insert("HEAD".to_owned());
        }
    }
    assert!(methods.len() > 10, "{methods:?}");
    for (path, methods) in methods {
        let there = path.replace(['{', '}'], "");
        let refused = plain(&gate, "purge", &there).await;
        let allowed = refused.refused(405, "method_not_allowed").header("allow").split(',');
        assert_eq!(
            allowed.map(|method| method.trim().to_owned()).collect::<BTreeSet<_>>(),
            methods,
            "{path}"
        );
        for method in METHODS.map(str::to_ascii_uppercase) {
            let taken = plain(&gate, &method, &there).await.status != 405;
            assert_eq!(taken, methods.contains(&method), "{method} {path}");
        }
    }
}

#[test]
fn each_operation_has_a_stable_name_and_says_what_it_does() {
    let mut names = BTreeSet::new();
    let tags: BTreeSet<&str> =
        DOCUMENT["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    for (method, path, operation) in operations() {
        let name = operation["operationId"].as_str().unwrap_or_default();
        assert!(!name.is_empty() && !name.contains('_') && names.insert(name), "{method} {path}: {name}");
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty() && summary.len() < 80, "{method} {path}: {summary}");
        assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{method} {path}");
        let (open, responses) = (operation["security"] == serde_json::json!([]), &operation["responses"]);
        let refusal = resolved(&responses["401"]).to_string();
        assert_eq!(open, !refusal.contains("credentials_missing"), "{method} {path}");
    }
    // What scripts hold on to: a name that goes is a break of the contract.
    for name in
        ["createToken", "listTokens", "revokeToken", "createUser", "updateSettings", "listAudit", "whoami"]
    {
        assert!(names.contains(name), "{name}");
    }
}

/// Links of the code's own documentation, and words of Rust, are nothing to readers of the document.
#[test]
fn descriptions_are_for_readers_of_the_document() {
    let text = DOCUMENT.to_string();
    for word in ["[`", "`None`", "`Some`", "crate::", "x-problems"] {
        assert!(!text.contains(word), "{word}");
    }
}

/// What may be sent has limits, and they are stated.
#[test]
fn everything_that_is_sent_has_a_stated_limit() {
    let mut open = Vec::new();
    for (method, path, operation) in operations() {
        for parameter in operation["parameters"].as_array().into_iter().flatten().map(resolved) {
            let name = parameter["name"].as_str().unwrap();
            if name == "x-request-id" {
                continue; // One of another shape is replaced, however long.
            }
            unbounded(&parameter["schema"], &format!("{method} {path} {name}"), &mut open);
        }
        for content in
            operation["requestBody"]["content"].as_object().into_iter().flat_map(|all| all.values())
        {
            unbounded(&content["schema"], &format!("{method} {path} body"), &mut open);
        }
    }
    assert!(open.is_empty(), "{open:#?}");
}

fn unbounded(schema: &'static Value, place: &str, open: &mut Vec<String>) {
    let schema = resolved(schema);
    let kind = &schema["type"];
    let is = |name: &str| {
        kind == name || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == name))
    };
    let has = |name: &str| schema.get(name).is_some();
    let bounded = has("enum")
        || has("const")
        || !(is("string") && !has("maxLength")
            || is("array") && !has("maxItems")
            || (is("integer") || is("number")) && !(has("minimum") && has("maximum"))
            || is("object") && schema["additionalProperties"] != false && !has("maxProperties"));
    if !bounded {
        open.push(place.to_owned());
    }
    for word in ["anyOf", "oneOf", "allOf"] {
        for part in schema[word].as_array().into_iter().flatten() {
            unbounded(part, place, open);
        }
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        unbounded(property, &format!("{place}.{name}"), open);
    }
    for word in ["items", "additionalProperties", "propertyNames"] {
        if let Some(part) = schema.get(word).filter(|part| part.is_object()) {
            unbounded(part, &format!("{place}.{word}"), open);
        }
    }
}
