//! What `gatepass snapshot inspect` tells.

use std::collections::HashSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepass::compact::{self, NamedPart, Parts};
use gatepass::config::ConfigError;
use gatepass::config::wire::PluginConfiguration;
use gatepass::policy::Policy;

/// What is in a configuration that the filter would take.
#[derive(Debug)]
pub struct Report {
    size: usize,
    format: String,
    epoch: String,
    revision: u64,
    tokens: usize,
    users: usize,
    /// Number of chunks, least and most tokens of one; `None` when the tokens are listed.
    chunks: Option<(usize, u32, u32)>,
    /// `chunks[3]`, or `ids[0]`, for each part whose name is not the SHA-256 of its bytes.
    pub misnamed: Vec<String>,
}

impl Report {
    /// Reads a configuration in any form, all of it.
    ///
    /// # Errors
    /// The first field for which the filter would refuse it.
    pub fn of(bytes: &[u8]) -> Result<Self, ConfigError> {
        let policy = Policy::parse(bytes)?;
        let users: HashSet<_> = policy.table().iter().map(|(_, entry)| entry.user).collect();
        let version = format!("format {}", compact::FORMAT);
        let (format, set) = if bytes.starts_with(&compact::MAGIC) {
            (format!("compact, {version}"), Some(bytes.to_vec()))
        } else if let Some(set) = token_set(bytes)? {
            (format!("JSON with a compact token_set, {version}"), Some(set))
        } else {
            ("JSON".to_owned(), None)
        };
        let parts = set.as_deref().map(compact::parts).transpose()?;
        Ok(Self {
            size: bytes.len(),
            format,
            epoch: policy.version().epoch.clone(),
            revision: policy.version().revision,
            tokens: policy.tokens(),
            users: users.len(),
            chunks: parts.as_ref().map(|parts| span(&parts.chunks)),
            misnamed: parts.as_ref().map(misnamed).unwrap_or_default(),
        })
    }
}

/// The bytes of a JSON configuration's `token_set`, if it has one.
fn token_set(json: &[u8]) -> Result<Option<Vec<u8>>, ConfigError> {
    let configuration: PluginConfiguration =
        serde_json::from_slice(json).map_err(|error| ConfigError::new("", error))?;
    let decode = |text| STANDARD.decode(text).map_err(|error| ConfigError::new("token_set", error));
    configuration.token_set.map(decode).transpose()
}

fn span(chunks: &[NamedPart<'_>]) -> (usize, u32, u32) {
    let tokens = || chunks.iter().map(|chunk| chunk.tokens);
    (chunks.len(), tokens().min().unwrap_or(0), tokens().max().unwrap_or(0))
}

fn misnamed(parts: &Parts<'_>) -> Vec<String> {
    let wrong = |of: &'static str, parts: &[NamedPart<'_>]| -> Vec<String> {
        let wrong = parts.iter().enumerate().filter(|(_, part)| !part.has_its_own_name());
        wrong.map(|(index, _)| format!("{of}[{index}]")).collect()
    };
    [wrong("chunks", &parts.chunks), wrong("ids", &parts.ids)].concat()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "size      {} bytes", self.size)?;
        writeln!(f, "format    {}", self.format)?;
        writeln!(f, "epoch     {}", self.epoch)?;
        writeln!(f, "revision  {}", self.revision)?;
        write!(f, "tokens    {}", self.tokens)?;
        // Tenths, of all bytes: what a token costs on its way.
        if let Some(tenths) = self.size.saturating_mul(10).checked_div(self.tokens) {
            write!(f, ", {}.{} bytes each", tenths / 10, tenths % 10)?;
        }
        writeln!(f, "\nusers     {}", self.users)?;
        let Some((count, least, most)) = self.chunks else { return Ok(()) };
        write!(f, "chunks    {count}")?;
        if count > 0 {
            write!(f, " of {least} to {most} tokens")?;
        }
        let verdict = if self.misnamed.is_empty() { "all right" } else { "wrong" };
        writeln!(f, "\nnames     {verdict}")
    }
}
