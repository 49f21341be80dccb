//! What the end-to-end tests share: processes that die with their test, clients that can send any byte, an upstream
//! that remembers what reached it, and waiters on conditions. Only loopback, only free ports.

pub mod artefacts;
pub mod authority;
pub mod client;
pub mod control_plane;
pub mod echo;
pub mod envoy;
pub mod istio;
pub mod plugin;
pub mod process;
pub mod program;
pub mod random;
pub mod reference;
pub mod registry;
pub mod upstream;
pub mod wait;

/// `user:secret` as the value of an `Authorization` header.
pub fn basic(user: &str, secret: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{secret}")))
}

/// A token as the value of an `Authorization` header.
pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}
