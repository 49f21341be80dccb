//! git as it is used: a server with one repository, and a client with a credential helper.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gatepass_tests::process::Process;
use gatepass_tests::{artefacts, wait};
use serde_json::Value;
use tempfile::TempDir;

/// Serves the bare repository `proj/repo.git`.
pub struct Server {
    process: Process,
    address: SocketAddr,
    folder: TempDir,
}

impl Server {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repository = folder.path().join("proj/repo.git");
        let repository = repository.to_str().expect("a path of text");
        for words in [
            vec!["init", "--quiet", "--bare", "--initial-branch=main", repository],
            vec!["-C", repository, "config", "core.logAllRefUpdates", "true"],
        ] {
            assert!(git(folder.path()).args(words).status().is_ok_and(|status| status.success()));
        }
        let script = artefacts::root().join("tests/end_to_end/git/server.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(folder.path());
        let mut process = Process::start("git-server", &mut command, folder.path());
        let port = wait::until("the git server", || {
            assert!(process.ended().is_none(), "the git server ended: {}", process.errors());
            process.output().lines().next()?.parse().ok()
        });
        Self { process, address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port), folder }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Value> {
        self.process.output().lines().skip(1).map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// What git says in the repository.
    #[track_caller]
    pub fn git(&self, words: &[&str]) -> String {
        let output =
            git(&self.folder.path().join("proj/repo.git")).args(words).output().expect("git runs here");
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// How a command ended.
pub struct Ended {
    pub success: bool,
    pub errors: String,
}

/// Somebody's machine: a folder for repositories, and a credential helper that knows fred and a token.
pub struct Client {
    url: String,
    ca: PathBuf,
    folder: TempDir,
}

/// Writes down what it is told to do; a token comes from the environment, and without one it knows nothing.
const HELPER: &str = r#"#!/bin/sh
echo "$1" >>"$(dirname "$0")/told"
if [ "$1" = get ] && [ -n "$TOKEN" ]; then printf 'username=fred\npassword=%s\n' "$TOKEN"; fi
"#;

impl Client {
    pub fn new(origin: String, ca: PathBuf) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let helper = folder.path().join("helper");
        std::fs::write(&helper, HELPER).expect("a helper");
        std::fs::set_permissions(&helper, PermissionsExt::from_mode(0o700)).expect("a helper that runs");
        Self { url: format!("{origin}/scm/proj/repo.git"), ca, folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs git with `URL` replaced by the repository's; the helper knows `token`, unless it is empty.
    pub fn git_as(&self, token: &str, words: &[&str]) -> Ended {
        let helper = self.path("helper");
        let helper = helper.to_str().expect("a path of text");
        self.run(&[("TOKEN", token)], [("credential.helper", helper)], words)
    }

    /// The same with the token as a header, which no argument shows.
    pub fn git_with_bearer(&self, token: &str, words: &[&str]) -> Ended {
        self.run(&[], [("http.extraHeader", &format!("Authorization: Bearer {token}"))], words)
    }

    fn run(&self, variables: &[(&str, &str)], [(key, value)]: [(&str, &str); 1], words: &[&str]) -> Ended {
        let mut command = git(self.folder.path());
        command.envs(variables.iter().copied()).env("GIT_SSL_CAINFO", &self.ca);
        command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", key).env("GIT_CONFIG_VALUE_0", value);
        command.args(words.iter().map(|word| if *word == "URL" { &self.url } else { *word }));
        let output = command.output().expect("git runs here");
        Ended {
            success: output.status.success(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// A commit with a file of so many random bytes in the repository `name`, which is made if it is new.
    #[track_caller]
    pub fn commit(&self, name: &str, bytes: usize) -> String {
        use std::io::Read as _;
        let folder = self.path(name);
        let mut content = Vec::new();
        let random = std::fs::File::open("/dev/urandom").expect("/dev/urandom");
        random.take(bytes as u64).read_to_end(&mut content).expect("random bytes");
        let folder_name = folder.to_str().expect("a path of text").to_owned();
        let ran = |words: &[&str]| {
            let ended = self.git_as("", words);
            assert!(ended.success, "git {words:?}: {}", ended.errors);
        };
        ran(&["init", "--quiet", "--initial-branch=main", &folder_name]);
        std::fs::write(folder.join("file"), content).expect("a file");
        ran(&["-C", &folder_name, "add", "file"]);
        ran(&["-C", &folder_name, "commit", "--quiet", "--message", "A change"]);
        folder_name
    }

    /// The commit that is checked out in the repository `name`.
    #[track_caller]
    pub fn head(&self, name: &str) -> String {
        let output = git(&self.path(name)).args(["rev-parse", "HEAD"]).output().expect("git runs here");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// What git has told the helper so far.
    pub fn told_to_helper(&self) -> Vec<String> {
        let told = std::fs::read_to_string(self.path("told")).unwrap_or_default();
        told.lines().map(str::to_owned).collect()
    }
}

/// git in a folder, with nothing of the tester's own.
fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).stdin(Stdio::null()).env_clear();
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.env("HOME", folder).env("LC_ALL", "C").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_TERMINAL_PROMPT", "0");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Fred").env(format!("GIT_{who}_EMAIL"), "fred@example.com");
    }
    command
}
