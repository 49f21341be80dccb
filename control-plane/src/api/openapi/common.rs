//! What holds for every call: its headers, and the refusals that follow from what it takes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::problems::{ALWAYS, BODY, CREATION, CREDENTIALS, PRECONDITION, known};

/// Where a handler names the codes that are its own.
const CODES: &str = "x-problems";

/// Headers of replies: name, schema and meaning.
const HEADERS: &[(&str, &str, &str)] = &[
    ("x-request-id", "^[0-9A-Fa-f-]{8,64}$", "The log tells of the request under this id"),
    ("cache-control", "^no-store$", "Nothing is to be kept"),
    ("www-authenticate", "^Bearer realm=\"gatepass\"$", "Never Basic: a browser would ask for a password"),
    ("retry-after", "^[0-9]{1,5}$", "Seconds"),
    ("etag", "^\"[0-9a-f]{1,64}\"$", "The version, for `If-Match` or `If-None-Match`"),
    (
        "gatepass-revision",
        "^[0-9]{1,20}$",
        "The revision that is live for the proxies; absent while the change waits for delivery",
    ),
    ("location", "^(/api/v1/|https?://)[!-~]{1,4096}$", "The path of what was created, or where to go on"),
    (
        "idempotency-replayed",
        "^true$",
        "This is what was answered before, without the secret; nothing was done again",
    ),
    (
        "set-cookie",
        "^(__Host-gatepass|gatepass-local)(-oidc)?=[A-Za-z0-9_.-]*; .*$",
        "The session's cookie, or its end",
    ),
    ("content-disposition", "^attachment; filename=\"[!-~]{1,64}\"$", "A name for the file"),
];

/// Adds to each operation what follows from what it takes.
pub(super) fn complete(document: &mut Value) -> Result<(), String> {
    let components = document.get_mut("components").and_then(Value::as_object_mut).ok_or("no components")?;
    components.insert("headers".to_owned(), headers());
    components.insert("parameters".to_owned(), json!({"RequestId": request_id()}));
    let schemas = components.get_mut("schemas").and_then(Value::as_object_mut).ok_or("no schemas")?;
    schemas.insert("Problem".to_owned(), problem());
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).ok_or("no paths")?;
    let mut shared = Map::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            let operation = operation.as_object_mut().ok_or("an operation is no object")?;
            complete_operation(operation, &mut shared)
                .map_err(|error| format!("{method} {path}: {error}"))?;
        }
    }
    document["components"]["responses"] = shared.into();
    Ok(())
}

fn complete_operation(
    operation: &mut Map<String, Value>,
    shared: &mut Map<String, Value>,
) -> Result<(), String> {
    let takes = |operation: &Map<String, Value>, name: &str| {
        let mut parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
        parameters.any(|parameter| parameter["name"] == name)
    };
    let open = operation.get("security").is_some();
    let has_body = operation.contains_key("requestBody");
    let own = operation.remove(CODES).unwrap_or_else(|| json!([]));
    let mut codes: Vec<&str> = own.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let reads_something = operation.get("parameters").is_some();
    for (holds, more) in [
        (true, ALWAYS),
        (!open, CREDENTIALS),
        (has_body, BODY),
        (reads_something, &["invalid"][..]),
        (takes(operation, "Idempotency-Key"), CREATION),
        (takes(operation, "If-Match"), PRECONDITION),
    ] {
        codes.extend(if holds { more } else { &[] });
    }
    let creates = takes(operation, "Idempotency-Key");
    if open {
        // utoipa writes "no requirement" as one that is empty; this is how it is written.
        operation.insert("security".to_owned(), json!([]));
    }
    let refusals = refusals(&codes, shared)?;
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut).ok_or("no responses")?;
    responses.extend(refusals);
    for (status, response) in responses.iter_mut().filter(|(_, response)| response.get("$ref").is_none()) {
        complete_headers(status, response, creates).ok_or("a response is no object")?;
    }
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    let parameters = parameters.as_array_mut().ok_or("parameters are no list")?;
    parameters.push(json!({"$ref": "#/components/parameters/RequestId"}));
    Ok(())
}

/// One response for each status, which names its codes. Those that are the same everywhere are written once, in `shared`.
fn refusals(codes: &[&str], shared: &mut Map<String, Value>) -> Result<BTreeMap<String, Value>, String> {
    let mut by_status: BTreeMap<u16, BTreeMap<&str, &str>> = BTreeMap::new();
    for code in codes {
        let (status, meaning) = known(code).ok_or_else(|| format!("there is no code {code}"))?;
        by_status.entry(status).or_default().insert(code, meaning);
    }
    let mut refusals = BTreeMap::new();
    for (status, codes) in by_status {
        let mut response = refusal(status, &codes);
        let name = match (status, codes.keys().next()) {
            (401, _) if asks_for_credentials(&codes) => "unauthenticated",
            (_, Some(only)) if codes.len() == 1 => only,
            _ => {
                refusals.insert(status.to_string(), response);
                continue;
            }
        };
        complete_headers(&status.to_string(), &mut response, false);
        shared.insert(name.to_owned(), response);
        refusals.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{name}")}));
    }
    Ok(refusals)
}

/// Whether these are the codes of every call that wants credentials, and no others.
fn asks_for_credentials(codes: &BTreeMap<&str, &str>) -> bool {
    let usual = CREDENTIALS.iter().filter(|code| known(code).is_some_and(|(status, _)| status == 401));
    let usual: Vec<_> = usual.collect();
    usual.len() == codes.len() && usual.iter().all(|code| codes.contains_key(**code))
}

fn refusal(status: u16, codes: &BTreeMap<&str, &str>) -> Value {
    let lines: Vec<_> = codes.iter().map(|(code, meaning)| format!("- `{code}`: {meaning}")).collect();
    let names: Vec<_> = codes.keys().collect();
    let schema = json!({"allOf": [
        {"$ref": "#/components/schemas/Problem"},
        {"type": "object", "properties": {"status": {"const": status}, "code": {"enum": names}}},
    ]});
    json!({"description": lines.join("\n"), "content": {"application/problem+json": {"schema": schema}}})
}

fn complete_headers(status: &str, response: &mut Value, creates: bool) -> Option<()> {
    let headers = response.as_object_mut()?.entry("headers").or_insert_with(|| json!({}));
    let headers = headers.as_object_mut()?;
    let own: Vec<String> = headers.keys().map(|name| name.to_ascii_lowercase()).collect();
    headers.clear();
    let mut add = |name: &str| {
        headers.insert(name.to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    };
    own.iter().map(String::as_str).chain(["x-request-id", "cache-control"]).for_each(&mut add);
    match status {
        "401" => add("www-authenticate"),
        "429" => add("retry-after"),
        "201" if creates => add("idempotency-replayed"),
        _ => {}
    }
    Some(())
}

fn headers() -> Value {
    let header = |(name, pattern, meaning): &(&str, &str, &str)| {
        (
            (*name).to_owned(),
            json!({"description": meaning, "schema": {"type": "string", "pattern": pattern}}),
        )
    };
    Value::Object(HEADERS.iter().map(header).collect())
}

fn request_id() -> Value {
    json!({
        "name": "x-request-id", "in": "header", "required": false,
        "description": "The id under which the log is to tell of this request, as UUIDs and trace ids are written; any other is \
                        replaced",
        "schema": {"type": "string"},
    })
}

/// As `http::problem` writes it (RFC 9457).
fn problem() -> Value {
    let text = |meaning: &str| json!({"type": "string", "description": meaning});
    json!({
        "type": "object",
        "description": "Why a request was refused (RFC 9457)",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": {"const": "about:blank"},
            "title": text("The status in words"),
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "code": {"type": "string", "pattern": "^[a-z_]{1,64}$", "description": "Stable, for programs"},
            "detail": text("What is wrong and what would be right, for people; it may change"),
            "field": text("The path of the member or parameter that is at fault, where one is"),
            "errors": {
                "type": "array", "description": "What is wrong with the rows of a file",
                "items": {"type": "object", "required": ["field", "detail"], "properties": {
                    "line": {"type": "integer", "minimum": 1}, "item": {"type": "integer", "minimum": 0},
                    "field": text("Empty for the whole row"), "detail": text("What would be right"),
                }},
            },
        },
    })
}
