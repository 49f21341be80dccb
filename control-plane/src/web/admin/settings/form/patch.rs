//! What the form of the settings means as a change of them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::SWITCHES;
use crate::domain::settings::{APPLY_BOUND, Settings, SettingsPatch};
use crate::error::Error;
use crate::web::fields::Fields;

/// Lists of which an entry stands on each line.
const LISTS: [&str; 3] = ["protected_paths", "token_headers", "token_prefixes"];

/// What `fields` mean as a change of `settings`.
pub(in crate::web::admin::settings) fn patch(
    fields: &Fields,
    settings: &Settings,
) -> Result<SettingsPatch, Error> {
    let mut patch = Map::new();
    let mut set = |name: &str, value: Value| patch.insert(name.to_owned(), value);
    set("max_validity", json!(fields.text("max_validity")));
    set(
        "allowed_ips",
        json!(fields.all("allowed_ips").map(str::trim).filter(|ip| !ip.is_empty()).collect::<Vec<_>>()),
    );
    for name in SWITCHES {
        set(name, json!(fields.ticked(name)));
    }
    for name in LISTS {
        set(name, json!(lines(fields.raw(name))));
    }
    for name in ["anonymous", "foreign_credentials"] {
        set(name, json!(fields.text(name)));
    }
    set("max_tokens_per_user", number(fields.text("max_tokens_per_user")));
    let days = fields.text("suspend_after_days");
    set("suspend_after_days", if days.is_empty() { Value::Null } else { number(days) });
    let headers = json!({"user": fields.text("user_header"), "token_id": fields.text("token_id_header")});
    set("identity_headers", headers);
    set("scopes", scopes(fields, settings)?);
    if fields.ticked(APPLY_BOUND) {
        set(APPLY_BOUND, json!(true));
    }
    // By way of text: a patch reads its members once, by the settings' own types.
    serde_json::from_str(&Value::Object(patch).to_string())
        .map_err(|error| Error::Internal(format!("a form's patch: {error}")))
}

/// What is no number goes on as it is, for the settings to say what they take.
fn number(text: &str) -> Value {
    text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number))
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// The scopes by name; those that are not in the form any more are taken away.
fn scopes(fields: &Fields, settings: &Settings) -> Result<Value, Error> {
    let mut scopes: Map<String, Value> =
        settings.scopes.0.keys().map(|name| (name.clone(), Value::Null)).collect();
    let mut named = BTreeSet::new();
    for (name, rules) in fields.all("scope_name").zip(fields.all("scope_rules")) {
        let (name, rules) = (name.trim(), lines(rules));
        if name.is_empty() && rules.is_empty() {
            continue;
        }
        if name.is_empty() {
            return Err(Error::invalid("scopes", "give the scope a name"));
        }
        if !named.insert(name) {
            return Err(Error::invalid("scopes", "two scopes have the same name"));
        }
        // A scope without rules is one that is to go.
        if !rules.is_empty() {
            scopes.insert(name.to_owned(), rules.into_iter().map(rule).collect());
        }
    }
    Ok(Value::Object(scopes))
}

fn rule(line: &str) -> Value {
    let words = line.split([' ', ',', '\t']).filter(|word| !word.is_empty());
    let (paths, methods): (Vec<_>, Vec<_>) = words.partition(|word| word.starts_with('/'));
    if paths.is_empty() { json!({"methods": methods}) } else { json!({"methods": methods, "paths": paths}) }
}
