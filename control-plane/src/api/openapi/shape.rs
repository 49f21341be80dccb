//! Schemas as the wire has them, where what Rust derives says it otherwise.

use serde_json::{Map, Value};

/// Puts objects that Rust puts together from parts (`#[serde(flatten)]`) into one each, takes away what only Rust means,
/// and drops the schemas that nothing names then.
pub(super) fn tidy(document: &mut Value) {
    let all = schemas(document).cloned().unwrap_or_default();
    each(document, &mut |value| {
        if let Some(one) = one_object(value, &all) {
            *value = one;
        }
        // A member that may be left out has no default that could be written.
        if let Some(object) = value.as_object_mut()
            && object.get("default") == Some(&Value::Null)
        {
            object.remove("default");
        }
        // A parameter that is not given is left out: there is no null.
        if value.get("in").is_some()
            && let Some(given) = value.pointer("/schema/oneOf/0").cloned()
        {
            value["schema"] = given;
        }
        // Nor is there of a body that may be left out.
        if let Some(body) = value.pointer_mut("/requestBody/content/application~1json/schema")
            && let Some(given) = body.pointer("/oneOf/0").cloned()
        {
            *body = given;
        }
    });
    name_items(document);
    drop_unnamed(document);
}

/// Pages hold what has a name, by its name.
fn name_items(document: &mut Value) {
    let all = schemas(document).cloned().unwrap_or_default();
    each(document, &mut |value| {
        let Some(items) = value.get_mut("items").filter(|items| items.get("properties").is_some()) else {
            return;
        };
        if let Some((name, _)) = all.iter().find(|(_, schema)| *schema == items) {
            *items = serde_json::json!({"$ref": format!("#/components/schemas/{name}")});
        }
    });
}

fn schemas(document: &mut Value) -> Option<&mut Map<String, Value>> {
    document.pointer_mut("/components/schemas")?.as_object_mut()
}

fn each(value: &mut Value, change: &mut impl FnMut(&mut Value)) {
    change(value);
    match value {
        Value::Object(members) => members.values_mut().for_each(|member| each(member, change)),
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, change)),
        _ => {}
    }
}

fn drop_unnamed(document: &mut Value) {
    loop {
        let text = document.to_string();
        let Some(schemas) = schemas(document) else { return };
        let before = schemas.len();
        schemas.retain(|name, _| text.contains(&format!("\"#/components/schemas/{name}\"")));
        if schemas.len() == before {
            return;
        }
    }
}

fn one_object(schema: &Value, all: &Map<String, Value>) -> Option<Value> {
    let parts = schema.get("allOf")?.as_array()?;
    let mut object = schema.as_object()?.clone();
    object.remove("allOf");
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for part in parts {
        let named = part.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
        let part = named.and_then(|name| all.get(name)).unwrap_or(part);
        let part = one_object(part, all).unwrap_or_else(|| part.clone());
        properties.extend(part.get("properties")?.as_object()?.clone());
        required.extend(part.get("required").and_then(Value::as_array).cloned().unwrap_or_default());
    }
    object.insert("type".to_owned(), "object".into());
    object.insert("properties".to_owned(), properties.into());
    object.insert("required".to_owned(), required.into());
    Some(object.into())
}
