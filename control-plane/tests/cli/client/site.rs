//! A server, and the program as somebody runs it who has an admin's token for it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::{Place, Running};

pub struct Site {
    pub place: Place,
    pub url: String,
    _server: Running,
}

/// How a command ended.
#[derive(Debug)]
pub struct Told {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Told {
    pub fn by(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// What it printed, if it did as it was told.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    #[track_caller]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.good()).unwrap()
    }

    /// What it complained of, if it ended with `code`.
    #[track_caller]
    pub fn bad(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        self.err
    }
}

impl Site {
    pub fn new() -> Self {
        let place = Place::new();
        let (server, log) = place.serve();
        Self { url: format!("http://{}", address(&log)), place, _server: server }
    }

    pub fn admin(&self) -> String {
        let token = std::fs::read_to_string(self.place.data().join("initial-admin-token")).unwrap();
        token.trim().to_owned()
    }

    /// As an admin who has a token in the environment.
    pub fn run(&self, arguments: &[&str]) -> Told {
        self.run_as(&self.admin(), arguments)
    }

    pub fn run_as(&self, token: &str, arguments: &[&str]) -> Told {
        let mut command = bare(&self.place, arguments);
        command.env("GATEPASS_SERVER", &self.url).env("GATEPASS_TOKEN", token);
        Told::by(command.output().unwrap())
    }

    /// Makes a token, and returns its secret and its id.
    pub fn token(&self, arguments: &[&str]) -> (String, String) {
        let made = self.run(&[&["token", "create", "--output", "json"], arguments].concat()).json();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("token"), text("id"))
    }
}

/// Where a server listens, by its log.
pub fn address(log: &[String]) -> String {
    let ready: Value = serde_json::from_str(log.last().unwrap()).unwrap();
    ready["fields"]["address"].as_str().unwrap().to_owned()
}

/// The program as somebody runs it who has said nothing beforehand.
pub fn bare(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.command(arguments);
    for name in ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", config(place));
    command
}

/// Where the program keeps contexts.
pub fn config(place: &Place) -> PathBuf {
    place.folder.path().join("config")
}

/// Runs `command` with `input` on standard input.
pub fn fed(mut command: Command, input: &str) -> Told {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that ends before it reads is judged by what it says.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Told::by(child.wait_with_output().unwrap())
}
