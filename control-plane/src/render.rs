//! What others load the filter from: a configuration for Envoy, resources for Istio, an OCI image.
//!
//! Nothing here knows the store: all is made from a plugin configuration, whoever wrote it.

pub mod envoy;
pub mod image;
pub mod istio;
mod yaml;

use std::fmt;

use gatepass::config::wire::PluginConfiguration;

/// Which configuration it is, for a comment.
pub(crate) struct Title<'c>(pub &'c PluginConfiguration);

impl fmt::Display for Title<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tokens = self.0.tokens.as_ref().map_or(0, Vec::len);
        let plural = if tokens == 1 { "" } else { "s" };
        if !self.0.epoch.is_empty() {
            write!(f, "epoch {}, ", self.0.epoch)?;
        }
        write!(f, "revision {}, {tokens} token{plural}", self.0.revision)
    }
}
