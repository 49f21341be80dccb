//! What is wrong with an installation, and what to do about it: the data folder and its database, and the Envoy that enforces.

pub mod admin;
pub mod envoy;
pub mod local;
mod notices;
pub mod ports;

use serde::Serialize;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Somebody should look.
    Warning,
    /// It does not protect, or does not work.
    Error,
}

impl Severity {
    /// The name that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What one look found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was looked at; stable, for programs.
    pub check: &'static str,
    /// What was found.
    pub found: String,
    /// What to do; empty if nothing.
    #[serde(rename = "do")]
    pub advice: String,
}

impl Finding {
    /// All is well.
    pub fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { severity: Severity::Ok, check, found: found.into(), advice: String::new() }
    }

    /// Somebody should look.
    pub fn warning(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, check, found: found.into(), advice: advice.into() }
    }

    /// It does not protect, or does not work.
    pub fn error(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { severity: Severity::Error, check, found: found.into(), advice: advice.into() }
    }
}
