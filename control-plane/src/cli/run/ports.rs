//! Finding out that a port is taken before anything is started.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

/// A port that is needed, and what to change when it cannot be had.
#[derive(Clone, Copy, Debug)]
pub struct Needed {
    /// Where something will listen.
    pub address: SocketAddr,
    /// What listens there.
    pub purpose: &'static str,
    /// The flag that moves it.
    pub flag: &'static str,
    /// The flag's environment variable.
    pub variable: &'static str,
}

/// Why a port cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Somebody listens there.
    #[error(
        "port {port} is in use, and {purpose} is to listen there: stop what uses it, or choose another with {flag} or {variable}"
    )]
    InUse {
        /// The port.
        port: u16,
        /// What was to listen there.
        purpose: &'static str,
        /// The flag that moves it.
        flag: &'static str,
        /// The flag's environment variable.
        variable: &'static str,
    },
    /// Anything else that the operating system says.
    #[error("{purpose} cannot listen on {address} ({source}): choose another port with {flag} or {variable}")]
    Unusable {
        /// Where it was to listen.
        address: SocketAddr,
        /// What was to listen there.
        purpose: &'static str,
        /// The flag that moves it.
        flag: &'static str,
        /// The flag's environment variable.
        variable: &'static str,
        /// What the operating system says.
        source: std::io::Error,
    },
}

/// Listens on each port for a moment. Whoever takes one a moment later is found out by the program that needs it.
///
/// # Errors
/// The first port that cannot be had.
pub fn check(needed: &[Needed]) -> Result<(), PortError> {
    needed.iter().try_for_each(|port| match TcpListener::bind(port.address) {
        Ok(_) => Ok(()),
        Err(error) => Err(explain(*port, error)),
    })
}

fn explain(port: Needed, source: std::io::Error) -> PortError {
    let Needed { address, purpose, flag, variable } = port;
    match source.kind() {
        ErrorKind::AddrInUse => PortError::InUse { port: address.port(), purpose, flag, variable },
        _ => PortError::Unusable { address, purpose, flag, variable, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_its_flag_and_variable() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let needed =
            Needed { address, purpose: "Envoy", flag: "--http-port", variable: "GATEPASS_HTTP_PORT" };
        let sentence = check(&[needed]).unwrap_err().to_string();
        let start = format!("port {} is in use, and Envoy is to listen there", address.port());
        assert!(sentence.starts_with(&start), "{sentence}");
        assert!(sentence.contains("--http-port") && sentence.contains("GATEPASS_HTTP_PORT"), "{sentence}");
        drop(taken);
        assert!(check(&[needed]).is_ok());
    }
}
