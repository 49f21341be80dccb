//! What is said of a configuration that is refused.

use std::fmt;

/// A configuration was refused whole: the field at fault, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The path of the field, such as `tokens[3].sha256`; empty when the whole text is no JSON.
    pub field: String,
    /// What is wrong with it. Never holds a token: configurations hold only digests.
    pub problem: String,
}

impl ConfigError {
    /// An error at `field`.
    pub fn new(field: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self { field: field.into(), problem: problem.to_string() }
    }

    /// The same error, one level further out: `[3].sha256` within `tokens`.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        let joint = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("{outer}{joint}{}", self.field);
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "{}: {}", self.field, self.problem)
        }
    }
}

impl std::error::Error for ConfigError {}
