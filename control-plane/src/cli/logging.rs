//! The log: JSON lines on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Starts the log. `filter` is a level, or `target=level,…`. A terminal gets plain lines, everything else JSON.
///
/// # Errors
/// `filter` is no filter.
pub fn init(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| anyhow::anyhow!("--log: {error}; give a level such as info or debug"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start of the log in one process keeps the first.
    let _ = if std::io::stderr().is_terminal() {
        log.try_init()
    } else {
        log.json().with_span_list(false).try_init()
    };
    Ok(())
}
