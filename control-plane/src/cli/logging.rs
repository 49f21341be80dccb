//! The log: JSON lines on standard error.

use std::io::IsTerminal as _;

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

/// Starts the log. A terminal gets plain lines, everything else JSON.
pub fn init(level: Level) {
    let lines = layer().with_writer(std::io::stderr);
    // It would tell of a line that cannot be written on standard error, which panics if that is what cannot be written.
    let lines = lines.log_internal_errors(false);
    let lines = if std::io::stderr().is_terminal() {
        lines.with_filter(filter(level)).boxed()
    } else {
        lines.json().with_span_list(false).with_filter(filter(level)).boxed()
    };
    // A second start of the log in one process keeps the first.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}

/// The heads of the audit are the only thing by which a cut end is found: they are logged whatever the level is.
fn filter(level: Level) -> Targets {
    let level = LevelFilter::from(level);
    Targets::new().with_default(level).with_target(audit::LOG_TARGET, level.max(LevelFilter::INFO))
}
