//! A folder for the binary to work in.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

pub struct Place {
    pub folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("gatepass.wasm"), "").unwrap();
        Self { folder }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepass"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GATEPASS_")) {
            command.env_remove(name);
        }
        command.current_dir(self.folder.path()).env("GATEPASS_DATA_DIR", self.data());
        command.env("GATEPASS_DATAPLANE_LISTEN", "127.0.0.1:0");
        command.env("GATEPASS_MODULE", "gatepass.wasm").args(arguments).stdin(Stdio::null());
        command
    }

    /// The one sentence that a command says when it fails.
    pub fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Starts a server on a free port, and returns it once it answers.
    pub fn serve(&self) -> (Running, Vec<String>) {
        Self::started(self.command(&["serve", "--listen", "127.0.0.1:0"]))
    }

    /// Waits until the server that `command` starts answers.
    pub fn started(mut command: Command) -> (Running, Vec<String>) {
        let mut child = Running(command.stderr(Stdio::piped()).spawn().unwrap());
        let mut log = Vec::new();
        for line in BufReader::new(child.stderr.as_mut().unwrap()).lines().map_while(Result::ok) {
            log.push(line);
            if log.last().is_some_and(|line| line.contains("\"ready\"")) {
                break;
            }
        }
        assert!(log.last().is_some_and(|line| line.contains("\"ready\"")), "{log:?}");
        (child, log)
    }

    pub fn set_password(&self, name: &str, input: &str) -> Output {
        let mut command = self.command(&["user", "set-password", name]);
        let mut child =
            command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }
}

/// A process that ends with its test, also when the test fails.
pub struct Running(pub Child);

impl std::ops::Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl std::ops::DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing to do for one that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn stop(mut child: Running) {
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success() && child.wait().unwrap().success());
}

pub fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
