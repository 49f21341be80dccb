//! Envoy as a child process that ends with its parent, however the parent ends.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};

use crate::report_key::{self, ReportKey};

/// How long Envoy may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts `envoy` by way of this program itself, see [`become_envoy`], with the report key in its environment.
///
/// To be called on the main thread: Linux ties the death signal to the thread that started the child.
///
/// # Errors
/// When there is no such program.
pub fn start(
    envoy: &Path,
    configuration: &Path,
    key: Option<&ReportKey>,
    extra: &[OsString],
) -> anyhow::Result<Child> {
    // The path by which this program was started may lead to a newer build by now.
    let itself = "/proc/self/exe";
    let mut command = Command::new(itself);
    command
        .args(["run", "--become-envoy-of"])
        .arg(std::process::id().to_string())
        .arg("--envoy")
        .arg(envoy)
        .arg("--");
    command.arg("-c").arg(configuration).arg("--disable-hot-restart");
    let given = |flag: &str| extra.iter().any(|argument| argument == OsStr::new(flag));
    if !given("--concurrency") {
        command.arg("--concurrency").arg(workers().to_string());
    }
    if !given("--file-flush-interval-msec") {
        // The access log is to be seen while one tries things out; Envoy would keep it back for 10 s.
        command.args(["--file-flush-interval-msec", "200"]);
    }
    if !given("--log-level") && !given("-l") {
        command.args(["--log-level", "warning"]);
    }
    command.args(extra);
    if let Some(key) = key {
        command.env(report_key::VARIABLE, key.expose());
    }
    // Ctrl-C reaches a whole process group: only the parent is to act on it.
    command.process_group(0).kill_on_drop(true).stdin(std::process::Stdio::null());
    command.spawn().with_context(|| format!("cannot start {itself}"))
}

/// In the child: has the kernel kill this process when `parent` ends, then becomes Envoy. This is a step of its own
/// because a program cannot say so of its child, and saying it between fork and exec would be unsafe code.
///
/// # Errors
/// Whatever the operating system says; on success this does not return.
pub fn become_envoy(parent: u32, envoy: &Path, arguments: &[OsString]) -> anyhow::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // A parent that ended before the line above sends no signal any more.
    let now = rustix::process::getppid().map(Pid::as_raw_nonzero);
    if now.is_none_or(|pid| u32::try_from(pid.get()).ok() != Some(parent)) {
        bail!("the program that started this one has ended");
    }
    let error = std::process::Command::new(envoy).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start Envoy at {}", envoy.display()))
}

/// Asks it to end, and insists after a while.
///
/// # Errors
/// Whatever the operating system says.
pub async fn stop(mut child: Child) -> anyhow::Result<()> {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // An error means that it has ended by itself.
        let _ = rustix::process::kill_process(pid, Signal::TERM);
    }
    if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
        child.kill().await?;
    }
    Ok(())
}

/// Each worker has a VM of its own with all tokens in it, so a big machine does not get as many by default.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 4))
}
