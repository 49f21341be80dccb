//! A registry of OCI images on a free port: Debian's `docker-registry`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::client::get;
use crate::control_plane::free_port;
use crate::process::Process;
use crate::wait;

/// A running registry without TLS, whose images go with it.
pub struct Registry {
    _process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

impl Registry {
    /// Starts it, and waits until it answers.
    #[track_caller]
    pub fn start() -> Self {
        for _ in 0..5 {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
            // JSON is YAML.
            let configuration = json!({
                "version": "0.1", "log": {"level": "warn"},
                "storage": {"filesystem": {"rootdirectory": folder.path().join("images")}},
                "http": {"addr": address.to_string()},
            });
            let file = folder.path().join("registry.yml");
            std::fs::write(&file, configuration.to_string()).expect("the configuration");
            let mut command = Command::new("docker-registry");
            let mut process =
                Process::start("docker-registry", command.arg("serve").arg(file), folder.path());
            let answers = || crate::client::tcp(address).is_ok() && get(address, "/v2/", &[]).status == 200;
            let ready = || (answers() || process.ended().is_some()).then(|| process.ended().is_none());
            if wait::until("the registry to be ready", ready) {
                return Self { _process: process, address, _folder: folder };
            }
            // Somebody took the port.
        }
        panic!("no port stayed free for the registry");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
