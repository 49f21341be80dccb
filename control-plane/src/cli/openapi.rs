//! `gatepass openapi`.

use anyhow::anyhow;

use super::output::print;
use crate::api;

/// Prints the document, for people as well.
///
/// # Errors
/// It cannot be written.
pub fn execute() -> anyhow::Result<()> {
    let text = api::document().map_err(|fault| anyhow!("the document cannot be made: {fault}"))?;
    let document: serde_json::Value = serde_json::from_str(text)?;
    Ok(print(&format!("{document:#}\n"))?)
}
