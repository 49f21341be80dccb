//! A child process that cannot outlive its test, panicking or not.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::wait;

/// A running program; its output goes to files.
pub struct Process {
    child: Child,
    name: &'static str,
    output: PathBuf,
    errors: PathBuf,
}

impl Process {
    /// Starts `command` without the test's own `GATEPASS_*` variables. `folder` takes the two output files.
    pub fn start(name: &'static str, command: &mut Command, folder: &Path) -> Self {
        let output = folder.join(format!("{name}.out"));
        let errors = folder.join(format!("{name}.err"));
        // Appended to, so that what a process said before a restart can still be searched.
        let open =
            |path: &Path| File::options().create(true).append(true).open(path).expect("an output file");
        for (variable, _) in std::env::vars_os() {
            let ours = variable.to_string_lossy().starts_with("GATEPASS_");
            if ours && command.get_envs().all(|(set, _)| set != variable) {
                command.env_remove(variable);
            }
        }
        command.stdin(Stdio::null()).stdout(open(&output)).stderr(open(&errors));
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Self { child, name, output, errors }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child's status")
    }

    /// Everything on standard output so far.
    pub fn output(&self) -> String {
        read(&self.output)
    }

    /// Everything on standard error so far.
    pub fn errors(&self) -> String {
        read(&self.errors)
    }

    /// Sends a signal by its name, such as `INT`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([format!("-{signal}"), self.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{signal} {}", self.name);
    }

    /// Waits for the end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        wait::until(&what, || self.ended())
    }

    /// Ends it with no chance to tidy up, as a crash would.
    pub fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- {} said:\n{}{}", self.name, tail(&self.output()), tail(&self.errors()));
        }
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].iter().map(|line| format!("  {line}\n")).collect()
}
