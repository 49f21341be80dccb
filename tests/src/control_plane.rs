//! The real control plane as a process, and its REST.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use gatepass_control_plane::delivery::ecds;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Connection, Response};
use crate::process::Process;
use crate::{artefacts, bearer, wait};

/// A running `gatepass serve` with a data folder of its own.
pub struct ControlPlane {
    process: Process,
    address: SocketAddr,
    dataplane: SocketAddr,
    folder: TempDir,
}

impl ControlPlane {
    /// Starts with an empty data folder that protects `/rest/`, and waits until it is ready.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with these variables, until it is restarted; `{address}` in one stands for where REST listens.
    #[track_caller]
    pub fn start_with(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (process, address, dataplane) = serve(folder.path(), None, variables);
        Self { process, address, dataplane, folder }
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where REST listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where proxies report, also after a restart.
    pub fn dataplane(&self) -> SocketAddr {
        self.dataplane
    }

    /// The log so far, over all restarts.
    pub fn log(&self) -> String {
        self.process.output() + &self.process.errors()
    }

    /// The token of the first start.
    pub fn admin(&self) -> String {
        let text = std::fs::read_to_string(self.data().join("initial-admin-token")).expect("the first token");
        text.trim().to_owned()
    }

    /// Ends it with no chance to tidy up.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts again on the same data folder.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill();
        let at = Some(self.dataplane);
        (self.process, self.address, self.dataplane) = serve(self.folder.path(), at, &[]);
    }

    /// A call with a token; `body` is sent unless it is null.
    #[track_caller]
    pub fn call(&self, token: &str, method: &str, path: &str, body: &Value) -> Response {
        let credentials = bearer(token);
        self.raw_call(method, path, &[("Host", "localhost"), ("Authorization", &credentials)], body)
    }

    /// A call with these headers and no others.
    #[track_caller]
    pub fn raw_call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Response {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let path = format!("/api/v1{path}");
        Connection::open(self.address)
            .and_then(|mut connection| connection.request(method, &path, headers, &body))
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// A call by the first admin that must succeed with this status.
    #[track_caller]
    pub fn admins(&self, status: u16, method: &str, path: &str, body: &Value) -> Response {
        let reply = self.call(&self.admin(), method, path, body);
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.text());
        reply
    }

    /// A new user.
    #[track_caller]
    pub fn user(&self, name: &str, role: &str) {
        self.admins(201, "POST", "/users", &json!({"name": name, "role": role}));
    }

    /// A new token for a user.
    #[track_caller]
    pub fn token(&self, user: &str) -> Created {
        self.token_with(user, &json!({}))
    }

    /// A new token for a user, with further fields.
    #[track_caller]
    pub fn token_with(&self, user: &str, more: &Value) -> Created {
        let mut wish = json!({"user": user, "description": "end to end"});
        for (field, value) in more.as_object().expect("an object") {
            wish[field] = value.clone();
        }
        let reply = self.admins(201, "POST", "/tokens", &wish).json();
        let text =
            |field: &str| reply[field].as_str().unwrap_or_else(|| panic!("no {field} in {reply}")).to_owned();
        Created { id: text("id"), secret: text("token") }
    }

    /// Epoch and revision of the ECDS file.
    pub fn delivered(&self) -> Option<(String, u64)> {
        let file = std::fs::read(self.data().join("envoy/gatepass.ecds.pb")).ok()?;
        let configuration = ecds::configuration(&file)?;
        Some((configuration.epoch, configuration.revision.parse().ok()?))
    }

    /// Epoch and revision of the database.
    #[track_caller]
    pub fn revision(&self) -> (String, u64) {
        version(&self.admins(200, "GET", "/snapshot", &Value::Null).json()).expect("epoch and revision")
    }
}

fn version(configuration: &Value) -> Option<(String, u64)> {
    let text = |field: &str| configuration[field].as_str().map(str::to_owned);
    Some((text("epoch")?, text("revision")?.parse().ok()?))
}

/// A token as it was created.
#[derive(Clone, Debug)]
pub struct Created {
    /// The public id.
    pub id: String,
    /// The token itself.
    pub secret: String,
}

/// A port that is free now. Somebody may take it before it is used; callers try again.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Where [`ControlPlane`] leaves a note for [`dataplane_of`].
const DATAPLANE: &str = "envoy/dataplane-of-this-test";

/// Where the control plane of a data folder takes reports; `None` if it has none.
pub fn dataplane_of(data: &Path) -> Option<SocketAddr> {
    std::fs::read_to_string(data.join(DATAPLANE)).ok()?.parse().ok()
}

fn serve(
    folder: &Path,
    dataplane: Option<SocketAddr>,
    variables: &[(&str, &str)],
) -> (Process, SocketAddr, SocketAddr) {
    let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    for _ in 0..5 {
        let (address, dataplane) = (local(free_port()), dataplane.unwrap_or_else(|| local(free_port())));
        let mut command = Command::new(artefacts::program());
        command.args(["serve", "--initial-protected-path", "/rest/", "--listen", &address.to_string()]);
        command.arg("--data-dir").arg(folder.join("data")).arg("--module").arg(artefacts::module());
        command.env("GATEPASS_DATAPLANE_LISTEN", dataplane.to_string());
        for (name, value) in variables {
            command.env(name, value.replace("{address}", &address.to_string()));
        }
        let mut process = Process::start("gatepass", &mut command, folder);
        let ready = || {
            let answered = Connection::open(address)
                .and_then(|mut c| c.request("GET", "/readyz", &[("Host", "localhost")], ""))
                .is_ok_and(|reply| reply.status == 200);
            (answered || process.ended().is_some()).then_some(answered)
        };
        if wait::until("the control plane to be ready", ready) {
            std::fs::write(folder.join("data").join(DATAPLANE), dataplane.to_string())
                .expect("the data folder");
            return (process, address, dataplane);
        }
        let said = process.errors();
        assert!(said.contains("cannot listen"), "the control plane ended: {said}");
    }
    panic!("no port stayed free for the control plane");
}
