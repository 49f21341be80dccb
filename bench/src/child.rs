//! Child processes that end with the benchmark, however it ends.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal};

/// A running program; it is killed when this is dropped.
pub struct Child {
    child: std::process::Child,
    name: String,
}

impl Child {
    /// Starts `program` by way of this program itself, see [`become_program`], with its output in `log`.
    ///
    /// To be called on the main thread: Linux ties the death signal to the thread that started the child.
    pub fn start(program: &Path, arguments: &[OsString], log: &Path) -> anyhow::Result<Self> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let output = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = Command::new("/proc/self/exe")
            .arg("become")
            .arg(std::process::id().to_string())
            .arg(program)
            .arg("--")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, name })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// An error if it has ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended: {status}", self.name),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the child: has the kernel kill this process when `parent` ends, then becomes `program`. A step of its own because
/// saying so between fork and exec would be unsafe code.
///
/// # Errors
/// Whatever the operating system says; on success this does not return.
pub fn become_program(parent: u32, program: &Path, arguments: &[OsString]) -> anyhow::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // A parent that ended before the line above sends no signal any more.
    let now = rustix::process::getppid().map(Pid::as_raw_nonzero);
    if now.is_none_or(|pid| u32::try_from(pid.get()).ok() != Some(parent)) {
        bail!("the program that started this one has ended");
    }
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}
