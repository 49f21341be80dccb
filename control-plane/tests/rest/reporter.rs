//! The listener for proxies on a real socket, and a proxy that reports there.

use std::net::SocketAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use gatepass_control_plane::connections::{self, Limits, Transport};
use gatepass_control_plane::dataplane::access::Access;
use gatepass_control_plane::dataplane::{self, DataPlane, USAGE_PATH};
use gatepass_control_plane::random::SystemRandom;
use gatepass_control_plane::report_key::ReportKey;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::{Gate, Reply};

/// A running listener, which ends with the test.
pub struct Listener {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub async fn listen(gate: &Gate, transport: Transport, access: Access) -> Listener {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let router = dataplane::router(DataPlane { context: gate.context.clone(), access });
    let limits = Limits::for_dataplane();
    let serving = connections::serve(tcp, transport, router, limits, |_| true, std::future::pending());
    Listener { address, task: tokio::spawn(serving) }
}

/// A proxy with the report key, on one control plane.
pub struct Reporter {
    pub listener: Listener,
    pub key: String,
}

impl Reporter {
    pub async fn start(gate: &Gate) -> Self {
        let key = ReportKey::load_or_make(&gate.context.folder, &SystemRandom).unwrap();
        let listener = listen(gate, Transport::Clear, Access::Key(key.digest())).await;
        Self { listener, key: key.expose().to_owned() }
    }

    /// Posts a report with the key.
    pub async fn post(&self, report: &Value) -> Reply {
        let bearer = format!("Bearer {}", self.key);
        self.send("POST", USAGE_PATH, &[("authorization", &bearer)], report.to_string().as_bytes()).await
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let stream = TcpStream::connect(self.listener.address).await.unwrap();
        exchange(stream, method, path, headers, body).await.unwrap()
    }
}

/// One request on a connection that ends with it.
pub async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Reply> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: gatepass\r\nconnection: close\r\n");
    head += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let request = [head.as_bytes(), b"\r\n", body].concat();
    // A server that has refused by the head may hang up before it has read the rest.
    let written = stream.write_all(&request).await;
    let mut reply = Vec::new();
    let read = stream.read_to_end(&mut reply).await;
    if reply.is_empty() {
        written?;
        read?;
    }
    parse(&reply).ok_or_else(|| std::io::Error::other("no HTTP"))
}

fn parse(reply: &[u8]) -> Option<Reply> {
    let reply = String::from_utf8(reply.to_vec()).ok()?;
    let (head, text) = reply.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = StatusCode::from_bytes(lines.next()?.split(' ').nth(1)?.as_bytes()).ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        headers.append(name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?);
    }
    Some(Reply { status, headers, text: text.to_owned() })
}

/// A report of one worker that enforces what the database holds.
pub async fn report(gate: &Gate, worker: u64, sequence: u64, uses: Value) -> Value {
    let version = gate.version().await;
    json!({
        "version": 1,
        "node": {"id": "gate-1", "cluster": "edge"},
        "worker": format!("{worker:016x}"),
        "instance": "gatepass/gatepass",
        "module_version": "0.1.0",
        "sequence": sequence,
        "time": 1_795_338_000,
        "epoch": version.epoch, "revision": version.revision.to_string(), "tokens": 1,
        "decisions": {"allow.token": 3, "refuse.token_expired": 1},
        "stale_revisions": 0, "dropped_uses": 0,
        "uses": uses,
    })
}

/// One use of a token, at a time by the proxy's clock.
pub fn used(id: &str, at: i64) -> Value {
    json!({"id": id, "count": 1, "last_used_at": at, "ip": "10.0.0.1", "user_agent": "curl/8.0"})
}
