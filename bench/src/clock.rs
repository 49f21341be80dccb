//! The clocks of the measurement.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The monotonic clock.
#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "tokens must not have expired by Envoy's clock")]
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Lets `probe` answer, looking every half millisecond.
///
/// # Errors
/// `probe`'s own, or after `patience` without an answer; `what` says what was awaited.
pub fn wait_for<T>(
    what: &str,
    patience: Duration,
    mut probe: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let start = now();
    loop {
        if let Some(answer) = probe()? {
            return Ok(answer);
        }
        anyhow::ensure!(start.elapsed() < patience, "waited {patience:?} for {what}");
        std::thread::sleep(Duration::from_micros(500));
    }
}
