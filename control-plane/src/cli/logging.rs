//! The log: JSON lines on standard error.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::audit;

/// How much the log tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// What failed.
    Error,
    /// Also what may come to fail.
    Warn,
    /// Also what happened.
    Info,
    /// Also how.
    Debug,
    /// Also each step.
    Trace,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Plain lines for a terminal, JSON for everything else.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// Plain lines.
    Text,
}

impl Format {
    fn is_json(self) -> bool {
        self == Self::Json || self == Self::Auto && !std::io::stderr().is_terminal()
    }
}

/// An error that the log has told.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Told(String);

/// Tells `error` as the last line of the log, so that who reads JSON gets nothing else. A plain log leaves it to the program's
/// end.
pub fn told(error: anyhow::Error) -> anyhow::Error {
    if !IS_JSON.load(Ordering::Relaxed) {
        return error;
    }
    let text = super::sentence(&error);
    tracing::error!(error = text, "ended");
    Told(text).into()
}

/// Whether the log of this process is JSON.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Starts the log. What panics tells it there as well: a second kind of line would break what reads JSON.
pub fn init(level: Level, format: Format) {
    IS_JSON.store(format.is_json(), Ordering::Relaxed);
    if format.is_json() {
        std::panic::set_hook(Box::new(|panic| {
            let at = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(at, "panicked: {}", panic.payload_as_str().unwrap_or_default());
        }));
    }
    let lines = layer().with_writer(std::io::stderr);
    // It would tell of a line that cannot be written on standard error, which panics if that is what cannot be written.
    let lines = lines.log_internal_errors(false);
    let lines = if format.is_json() {
        lines.json().with_span_list(false).with_filter(filter(level)).boxed()
    } else {
        lines.with_filter(filter(level)).boxed()
    };
    // A second start of the log in one process keeps the first.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}

/// The heads of the audit are the only thing by which a cut end is found: they are logged whatever the level is.
fn filter(level: Level) -> Targets {
    let level = LevelFilter::from(level);
    Targets::new().with_default(level).with_target(audit::LOG_TARGET, level.max(LevelFilter::INFO))
}
