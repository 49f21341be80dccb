//! A change of settings on the command line: a JSON merge patch (RFC 7396).

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value};

use crate::cli::client::failure::Failure;
use crate::cli::snapshot;
use crate::domain::settings::APPLY_BOUND;

/// What is to change.
#[derive(Clone, Debug, Args)]
pub(super) struct PatchArgs {
    /// A setting and its value: JSON, or a text without quotes; `null` is the default. Such as max_validity=P6M or
    /// 'allowed_ips=["10.0.0.0/8"]'
    #[arg(value_name = "NAME=VALUE", value_parser = assignment)]
    changes: Vec<(String, Value)>,
    /// A file with a JSON merge patch in their place; standard input if it is `-`
    #[arg(long, value_name = "FILE", conflicts_with = "changes")]
    from: Option<PathBuf>,
    /// Also cut the life of tokens that there are to max_validity, counted from their creation
    #[arg(long)]
    pub apply_max_validity_to_existing: bool,
}

impl PatchArgs {
    /// The patch.
    ///
    /// # Errors
    /// There is none, a name stands twice, or the file holds no JSON object.
    pub(super) fn patch(&self) -> anyhow::Result<Map<String, Value>> {
        let mut patch = match &self.from {
            Some(file) => object(&snapshot::read(Some(file))?)?,
            None => Map::new(),
        };
        for (name, value) in &self.changes {
            if patch.insert(name.clone(), value.clone()).is_some() {
                return Err(Failure::setup(format!("{name} is given twice")).into());
            }
        }
        if self.apply_max_validity_to_existing {
            patch.insert(APPLY_BOUND.to_owned(), true.into());
        }
        if patch.is_empty() {
            return Err(Failure::setup("what is to change? Give NAME=VALUE, or a file with --from").into());
        }
        Ok(patch)
    }
}

fn object(json: &[u8]) -> Result<Map<String, Value>, Failure> {
    let wrong = |error| Failure::setup(format!("--from: no JSON object: {error}"));
    serde_json::from_slice(json).map_err(wrong)
}

fn assignment(text: &str) -> Result<(String, Value), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    if name.is_empty() {
        return Err("write NAME=VALUE");
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_json_or_a_text() {
        for (text, name, value) in [
            ("max_validity=P6M", "max_validity", json!("P6M")),
            ("custom_validity=true", "custom_validity", json!(true)),
            ("allowed_ips=[\"10.0.0.0/8\"]", "allowed_ips", json!(["10.0.0.0/8"])),
            ("max_validity=null", "max_validity", Value::Null),
            ("a=b=c", "a", json!("b=c")),
            ("a=", "a", json!("")),
            ("a=\"true\"", "a", json!("true")),
        ] {
            assert_eq!(assignment(text), Ok((name.to_owned(), value)));
        }
        assert!(assignment("max_validity").is_err() && assignment("=x").is_err());
    }
}
