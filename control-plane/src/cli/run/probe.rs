//! Asking Envoy whether it serves.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(50);
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Far more than any answer that counts here.
const MAX_REPLY: u64 = 64 * 1024;

/// Waits until Envoy says that it is ready: it then has its first configuration of the filter.
pub async fn until_ready(admin: SocketAddr) {
    while !get(admin, "/ready").await.is_some_and(|reply| reply.starts_with("HTTP/1.1 200 ")) {
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until the filter decides requests. The seatbelt's plain 403 and the filter's own `not_ready` are no decisions.
pub async fn until_filter_decides(http: SocketAddr) {
    while !get(http, "/rest/").await.is_some_and(|reply| is_decision(&reply)) {
        tokio::time::sleep(PAUSE).await;
    }
}

fn is_decision(reply: &str) -> bool {
    !reply.contains("RBAC: access denied") && !reply.contains("not_ready")
}

/// The head of the reply and as much of its body as has come; `None` if there is none.
async fn get(address: SocketAddr, path: &str) -> Option<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: gatepass-run\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut reply = Vec::new();
        stream.take(MAX_REPLY).read_to_end(&mut reply).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&reply).into_owned())
    };
    tokio::time::timeout(PATIENCE, exchange).await.ok()?.ok().filter(|reply| !reply.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_of_the_filter_counts() {
        assert!(is_decision("HTTP/1.1 401 Unauthorized\r\n\r\n{\"code\":\"credentials_missing\"}"));
        assert!(!is_decision("HTTP/1.1 403 Forbidden\r\n\r\nRBAC: access denied"));
        assert!(!is_decision("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"code\":\"not_ready\"}"));
    }
}
