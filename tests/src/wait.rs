//! Waiting for a condition instead of for a time.

use std::time::{Duration, Instant};

/// Long enough for a loaded machine with two cores; nothing waits this long when all is well.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks `probe` until it answers, and returns the answer and how long it took.
///
/// # Panics
/// When `deadline` passes without an answer; `what` says what was awaited.
#[track_caller]
pub fn timed<T>(what: &str, deadline: Duration, mut probe: impl FnMut() -> Option<T>) -> (T, Duration) {
    let start = now();
    loop {
        if let Some(answer) = probe() {
            return (answer, start.elapsed());
        }
        assert!(start.elapsed() < deadline, "waited {deadline:?} for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Asks `probe` until it answers.
///
/// # Panics
/// When [`PATIENCE`] ends without an answer.
#[track_caller]
pub fn until<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    timed(what, PATIENCE, probe).0
}

/// The clock of the test itself: deadlines and measurements.
#[expect(clippy::disallowed_methods, reason = "a deadline on real processes needs the real clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970 by this machine's clock, which is Envoy's and the control plane's too.
#[expect(clippy::disallowed_methods, reason = "tokens must end by the real clock")]
pub fn unix_seconds() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
