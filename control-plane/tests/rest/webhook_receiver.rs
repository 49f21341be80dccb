//! Somebody who is posted to, on loopback, and behaves well or badly.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepass_control_plane::domain::destination::Networks;
use gatepass_control_plane::webhooks::outgoing::{Outgoing, Resolve};
use rustls::ServerConfig;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// How posts are answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// With this status.
    Status(u16),
    /// With a redirect to this URL.
    Redirect(String),
    /// Not at all.
    Never,
    /// With 200, and a body without end.
    EndlessBody,
    /// With a head without end.
    EndlessHead,
    /// With something that is no HTTP.
    Noise,
    /// By closing the connection.
    Close,
}

/// A post as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub target: String,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Whether a receiver who knows only this secret believes it (Standard Webhooks).
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let text =
            format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.body);
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
        let signatures =
            self.header("webhook-signature").split(' ').filter_map(|one| one.strip_prefix("v1,"));
        signatures
            .map(|one| STANDARD.decode(one).unwrap())
            .any(|one| ring::hmac::verify(&key, text.as_bytes(), &one).is_ok())
    }
}

pub struct Receiver {
    pub address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    received: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    pub async fn start(tls: Option<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answer, received) = (Arc::new(Mutex::new(Answer::Status(200))), Arc::default());
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let shared = (Arc::clone(&answer), Arc::clone(&received));
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, (answer, received)) = (acceptor.clone(), shared.clone());
                serving.spawn(async move {
                    // A client that goes is no failure of the receiver's.
                    match acceptor {
                        None => _ = serve(stream, &answer, &received).await,
                        Some(acceptor) => {
                            let Ok(stream) = acceptor.accept(stream).await else { return };
                            _ = serve(stream, &answer, &received).await;
                        }
                    }
                });
            }
        });
        Self { address, answer, received, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// What has come since it was asked last.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut *self.received.lock().unwrap())
    }

    /// Waits for a post to come.
    pub async fn until_it_has_one(&self) {
        while self.received.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &Mutex<Answer>,
    received: &Mutex<Vec<Received>>,
) -> std::io::Result<()> {
    let post = read(&mut stream).await?;
    let answer = answer.lock().unwrap().clone();
    received.lock().unwrap().push(post);
    let reply = match answer {
        Answer::Status(status) => format!("HTTP/1.1 {status} Word\r\ncontent-length: 0\r\n\r\n"),
        Answer::Redirect(to) => format!("HTTP/1.1 307 Word\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"),
        Answer::Noise => "SSH-2.0-OpenSSH_9.0\r\n\r\n".to_owned(),
        Answer::Close => return Ok(()),
        Answer::Never => std::future::pending().await,
        Answer::EndlessBody => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            loop {
                stream.write_all(b"5\r\nhello\r\n").await?;
            }
        }
        Answer::EndlessHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                stream.write_all(b"x-more: and more\r\n").await?;
            }
        }
    };
    stream.write_all(reply.as_bytes()).await?;
    stream.shutdown().await
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Received> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.split("\r\n");
            let target = lines.next().unwrap_or_default().to_owned();
            let pairs = lines.filter_map(|line| line.split_once(": "));
            let headers: HashMap<_, _> =
                pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
            let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                return Ok(Received { target, headers, body: body.to_owned() });
            }
        }
        let mut more = [0; 4096];
        let read = stream.read(&mut more).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend(&more[..read]);
    }
}

/// A resolver that says what a test wants, and counts how often it was asked.
#[derive(Default)]
pub struct Names {
    pub says: Mutex<Vec<&'static str>>,
    pub asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, name: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        self.asked.lock().unwrap().push(name.to_owned());
        let says = self.says.lock().unwrap();
        Ok(says.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect())
    }
}

/// Who posts to this machine, if the operator allows it.
pub fn outgoing(networks: &[&str], authorities: Option<&Path>) -> Outgoing {
    let networks = Networks(networks.iter().map(|network| network.parse().unwrap()).collect());
    Outgoing::new(networks, authorities, "--webhook-ca-file").unwrap().with_patience(Duration::from_secs(60))
}
