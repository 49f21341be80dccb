//! Whether a server answers where it should, or could.

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::Finding;
use crate::data_folder::DataFolder;

/// How long a port may take to take a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// A listener of a server.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    /// The name of the check.
    pub check: &'static str,
    /// What listens there.
    pub purpose: &'static str,
    /// The flag that moves it.
    pub flag: &'static str,
    /// Where it is.
    pub address: SocketAddr,
    /// Whether that was said, and is not only the default of `gatepass serve`: `gatepass run` takes other ports.
    pub is_stated: bool,
}

/// What is found at each of `listeners`.
pub async fn examine(folder: &DataFolder, listeners: &[Listener]) -> Vec<Finding> {
    let lock = File::open(folder.path().join("serve.lock"));
    let runs = lock.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)));
    let mut findings = Vec::new();
    for (index, listener) in listeners.iter().enumerate() {
        let before = listeners.iter().take(index).find(|before| before.address == listener.address);
        findings.extend(match before.filter(|before| before.address.port() != 0) {
            Some(before) => Some(taken_twice(before, listener)),
            None if runs => answers(listener).await,
            None => Some(is_free(listener).await),
        });
    }
    findings
}

fn taken_twice(before: &Listener, listener: &Listener) -> Finding {
    let found = format!("{} and {} both name {}", before.flag, listener.flag, listener.address);
    Finding::error(listener.check, found, "give each an address of its own")
}

async fn answers(listener: &Listener) -> Option<Finding> {
    let Listener { check, purpose, flag, address, is_stated } = *listener;
    if address.port() == 0 {
        return Some(Finding::ok(check, format!("{purpose} takes any free port, which is not looked for")));
    }
    let connected = timeout(PATIENCE, TcpStream::connect(address)).await;
    if connected.is_ok_and(|connected| connected.is_ok()) {
        return Some(Finding::ok(check, format!("a server answers at {address}, for {purpose}")));
    }
    let found = format!("a server uses the data folder, and none answers at {address}, for {purpose}");
    let advice =
        format!("name the address that it was started with, by {flag}, or stop it and start it there");
    is_stated.then(|| Finding::error(check, found, advice))
}

async fn is_free(listener: &Listener) -> Finding {
    let Listener { check, purpose, flag, address, .. } = *listener;
    match TcpListener::bind(address).await {
        Ok(_) => Finding::ok(check, format!("no server runs; {address} is free, for {purpose}")),
        Err(error) => {
            let found = format!("no server runs, and {purpose} cannot listen on {address}: {error}");
            Finding::error(check, found, format!("stop what uses it, or give another address with {flag}"))
        }
    }
}
