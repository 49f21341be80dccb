//! Edits of the shipped configuration, and JSON that may stand in a block of YAML.

use std::fmt::Write as _;

use gatepass::config::ConfigError;
use gatepass::config::wire::PluginConfiguration;

use super::EnvoyError;

/// A text whose parts are replaced. What is not found exactly once is an error.
pub(super) struct Text(String);

impl Text {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Puts `by` in the place of `from`.
    pub(super) fn once(&mut self, from: &'static str, by: &str) -> Result<(), EnvoyError> {
        let at = self.find(from).ok_or(EnvoyError::Shipped(from))?;
        self.0.replace_range(at..at + from.len(), by);
        Ok(())
    }

    /// As [`Self::once`], for a place that is made up of constants.
    pub(super) fn once_of(&mut self, from: &str, by: &str) -> Result<(), EnvoyError> {
        let at = self.find(from).ok_or(EnvoyError::Shipped("a header in the access log"))?;
        self.0.replace_range(at..at + from.len(), by);
        Ok(())
    }

    /// Puts `by` in the place of what stands from `from` (itself included) up to `to`.
    pub(super) fn between(
        &mut self,
        from: &'static str,
        to: &'static str,
        by: &str,
    ) -> Result<(), EnvoyError> {
        let (start, end) = self.bounds(from, to)?;
        self.0.replace_range(start..end, by);
        Ok(())
    }

    /// What stands from `from` (itself included) up to `to`.
    pub(super) fn part(&self, from: &'static str, to: &'static str) -> Result<&str, EnvoyError> {
        let (start, end) = self.bounds(from, to)?;
        Ok(self.0.get(start..end).unwrap_or_default())
    }

    fn bounds(&self, from: &'static str, to: &'static str) -> Result<(usize, usize), EnvoyError> {
        let start = self.find(from).ok_or(EnvoyError::Shipped(from))?;
        let rest = self.0.get(start..).unwrap_or_default();
        let end = rest.find(to).ok_or(EnvoyError::Shipped(to))?;
        Ok((start, start + end))
    }

    fn find(&self, place: &str) -> Option<usize> {
        let mut found = self.0.match_indices(place);
        found.next().filter(|_| found.next().is_none()).map(|(at, _)| at)
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

/// The configuration's JSON with a line for each field and each token, indented by `indent` spaces and without a line
/// break at its end. ASCII alone: some other characters are line breaks to YAML.
pub(super) fn readable(configuration: &PluginConfiguration, indent: usize) -> Result<String, ConfigError> {
    let json = |value: &dyn Fn() -> serde_json::Result<String>| {
        value().map(|text| ascii(&text)).map_err(|error| ConfigError::new("", error))
    };
    let rest = PluginConfiguration { tokens: None, ..configuration.clone() };
    let rest = serde_json::to_value(&rest).map_err(|error| ConfigError::new("", error))?;
    let mut text = format!("{:indent$}{{\n", "");
    for (name, value) in rest.as_object().into_iter().flatten() {
        let value = json(&|| serde_json::to_string(value))?;
        let _ = writeln!(text, "{:indent$}  \"{name}\": {value},", "");
    }
    let _ = write!(text, "{:indent$}  \"tokens\": [", "");
    let mut comma = "";
    for token in configuration.tokens.iter().flatten() {
        let token = json(&|| serde_json::to_string(token))?;
        let _ = write!(text, "{comma}\n{:indent$}    {token}", "");
        comma = ",";
    }
    let _ = write!(text, "\n{:indent$}  ]\n{:indent$}}}", "", "");
    Ok(text)
}

/// JSON in which all but ASCII is escaped (RFC 8259 §7).
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() && c != '\x7f' {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}
