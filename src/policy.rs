//! The policy that the filter enforces.
use crate::config::{ConfigError, wire::PluginConfiguration};

/// A validated configuration, ready to be enforced.
#[derive(Debug)]
pub struct Policy;

impl Policy {
    /// Parses the JSON of a plugin configuration.
    ///
    /// # Errors
    /// The first field at fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let _: PluginConfiguration = serde_json::from_slice(bytes).map_err(|e| ConfigError::new("", e))?;
        Ok(Self)
    }
}
