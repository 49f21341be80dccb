//! What differs between two configurations. Not their epochs and revisions, which differ whenever anything has been changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gatepass::config::wire::{PluginConfiguration, Token};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::domain::terminal::{harmless, harmless_json};

/// What of a digest is shown to people: enough to tell two apart.
const DIGEST: usize = 12;
/// Fields of a configuration that are compared by themselves, or not at all.
const APART: [&str; 5] = ["version", "epoch", "revision", "tokens", "token_set"];

/// What differs.
#[derive(Debug, Serialize)]
pub(super) struct Difference {
    /// Epoch and revision of each.
    before: Value,
    after: Value,
    same: bool,
    /// Of settings, scopes and reports.
    fields: Vec<Changed>,
    tokens: Tokens,
}

#[derive(Debug, Serialize)]
struct Changed {
    /// Such as `settings.allowed_ips`, or a token's field.
    field: String,
    before: Value,
    after: Value,
}

#[derive(Debug, Default, Serialize)]
struct Tokens {
    added: Vec<Value>,
    removed: Vec<Value>,
    changed: Vec<ChangedToken>,
}

#[derive(Debug, Serialize)]
struct ChangedToken {
    id: String,
    user: Value,
    fields: Vec<Changed>,
}

impl Difference {
    /// What is to be changed in `before` for it to be `after`. Tokens are told apart by their ids.
    pub(super) fn between(
        before: &PluginConfiguration,
        after: &PluginConfiguration,
    ) -> serde_json::Result<Self> {
        let [old, new] = [members(before)?, members(after)?];
        let tokens = Tokens::between(&by_id(before), &by_id(after))?;
        let fields = fields_between(&flat(&old), &flat(&new));
        let version =
            |all: &Map<String, Value>| json!({"epoch": all.get("epoch"), "revision": all.get("revision")});
        let same = fields.is_empty() && tokens.is_none();
        Ok(Self { before: version(&old), after: version(&new), same, fields, tokens })
    }

    /// Whether nothing differs.
    pub(super) fn is_none(&self) -> bool {
        self.same
    }

    /// One object, for programs.
    pub(super) fn json(&self) -> serde_json::Result<String> {
        Ok(harmless_json(&serde_json::to_string(self)?) + "\n")
    }

    /// A line for each thing, for people: `-` goes, `+` comes, `~` changes.
    pub(super) fn lines(&self) -> String {
        let mut text = String::new();
        for changed in &self.fields {
            let _ = writeln!(text, "~ {}", changed.line());
        }
        for token in &self.tokens.removed {
            let _ = writeln!(text, "- token {}", summary(token));
        }
        for token in &self.tokens.added {
            let _ = writeln!(text, "+ token {}", summary(token));
        }
        for token in &self.tokens.changed {
            let _ = writeln!(text, "~ token {} of {}", harmless(&token.id), shown("user", &token.user));
            for changed in &token.fields {
                let _ = writeln!(text, "    {}", changed.line());
            }
        }
        let Tokens { added, removed, changed } = &self.tokens;
        let (added, removed, changed) = (added.len(), removed.len(), changed.len());
        let _ = match self.same {
            true => writeln!(text, "no difference"),
            false => writeln!(
                text,
                "{} fields differ; tokens: {added} added, {removed} removed, {changed} changed",
                self.fields.len()
            ),
        };
        text
    }
}

impl Changed {
    fn line(&self) -> String {
        let [before, after] = [&self.before, &self.after].map(|value| shown(&self.field, value));
        format!("{}: {before} → {after}", harmless(&self.field))
    }
}

impl Tokens {
    /// Of a million tokens only those that differ are written down.
    fn between(before: &ById<'_>, after: &ById<'_>) -> serde_json::Result<Self> {
        let mut found = Self::default();
        for (id, old) in before {
            match after.get(id) {
                None => found.removed.push(serde_json::to_value(old)?),
                Some(new) if new == old => {}
                Some(new) => {
                    let fields = fields_between(&named(old)?, &named(new)?);
                    let user = new.user.clone().into();
                    found.changed.push(ChangedToken { id: (*id).to_owned(), user, fields });
                }
            }
        }
        for (_, new) in after.iter().filter(|(id, _)| !before.contains_key(*id)) {
            found.added.push(serde_json::to_value(new)?);
        }
        Ok(found)
    }

    fn is_none(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// All fields but the tokens, which may be a million.
fn members(configuration: &PluginConfiguration) -> serde_json::Result<Map<String, Value>> {
    let without_tokens = PluginConfiguration {
        version: configuration.version,
        epoch: configuration.epoch.clone(),
        revision: configuration.revision.clone(),
        settings: configuration.settings.clone(),
        scopes: configuration.scopes.clone(),
        tokens: None,
        token_set: None,
        report: configuration.report.clone(),
    };
    match serde_json::to_value(without_tokens)? {
        Value::Object(members) => Ok(members),
        _ => Ok(Map::new()),
    }
}

type ById<'a> = BTreeMap<&'a str, &'a Token>;

fn by_id(configuration: &PluginConfiguration) -> ById<'_> {
    configuration.tokens.iter().flatten().map(|token| (token.id.as_str(), token)).collect()
}

/// `settings.allowed_ips` and the like: two levels are told apart, what lies deeper is a value.
fn flat(members: &Map<String, Value>) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for (name, value) in members.iter().filter(|(name, _)| !APART.contains(&name.as_str())) {
        match value {
            Value::Object(inner) => {
                found.extend(inner.iter().map(|(field, value)| (format!("{name}.{field}"), value.clone())));
            }
            value => {
                found.insert(name.clone(), value.clone());
            }
        }
    }
    found
}

fn named(token: &Token) -> serde_json::Result<BTreeMap<String, Value>> {
    let value = serde_json::to_value(token)?;
    Ok(value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn fields_between(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Vec<Changed> {
    let value = |all: &BTreeMap<String, Value>, field: &str| all.get(field).cloned().unwrap_or_default();
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .map(|field| Changed {
            field: field.clone(),
            before: value(before, field),
            after: value(after, field),
        })
        .filter(|changed| changed.before != changed.after)
        .collect()
}

/// A value on one line. Nothing is `-`, and of a digest there is only the beginning.
fn shown(field: &str, value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(digest) if field == "sha256" => {
            format!("{}…", harmless(&digest.chars().take(DIGEST).collect::<String>()))
        }
        Value::String(text) => harmless(text),
        other => harmless(&other.to_string()),
    }
}

fn summary(token: &Value) -> String {
    let one = |name: &str| shown(name, token.get(name).unwrap_or(&Value::Null));
    let rest = ["expires_at", "scope", "allowed_ips", "refuse", "sha256"];
    let rest: Vec<_> = rest
        .into_iter()
        .filter(|name| token.get(name).is_some())
        .map(|name| format!("{name} {}", one(name)))
        .collect();
    format!("{} of {}: {}", one("id"), one("user"), rest.join(", "))
}
