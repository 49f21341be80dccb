//! One post to a URL that somebody configured: to a public address, over TLS, without redirects, bounded in time and size.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use axum::http::{Request, StatusCode, header};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_rustls::ConfigBuilderExt as _;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::domain::destination::Networks;
use crate::tls::{self, TlsError};

/// How long a post may take, from the look-up of the name to the head of the reply.
const TIME: Duration = Duration::from_secs(10);
/// How long one address may take to take a connection.
const CONNECT: Duration = Duration::from_secs(4);
/// How many addresses of a name are tried.
const ADDRESSES: usize = 4;
/// Most bytes of a reply's head. Its body is not read.
const HEAD: usize = 16 * 1024;
/// Most fields of a reply's head.
const FIELDS: usize = 64;

/// What names stand for.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// The addresses of a name, with this port.
    ///
    /// # Errors
    /// There are none, or nobody knows.
    async fn resolve(&self, name: &str, port: u16) -> std::io::Result<Vec<SocketAddr>>;
}

/// As the machine looks names up.
struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((name, port)).await?.collect())
    }
}

/// Why a post did not arrive. The word is kept and shown; it is ours, not the receiver's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The name has no address.
    #[error("name_unknown")]
    NameUnknown,
    /// All its addresses are of networks that are not connected to.
    #[error("address_refused")]
    AddressRefused,
    /// Nobody takes a connection.
    #[error("connection_failed")]
    ConnectionFailed,
    /// The receiver's certificate is not believed, or it speaks no TLS.
    #[error("tls_failed")]
    TlsFailed,
    /// The receiver broke off, or does not speak HTTP.
    #[error("reply_unreadable")]
    ReplyUnreadable,
    /// It took too long.
    #[error("timed_out")]
    TimedOut,
    /// The receiver sends elsewhere, where nobody goes.
    #[error("redirected")]
    Redirected(u16),
    /// The receiver wants no more posts: 410.
    #[error("gone")]
    Gone,
    /// Another status than 2xx.
    #[error("status")]
    Status(u16),
}

impl Failure {
    /// The status of the reply, if there was one.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Redirected(status) | Self::Status(status) => Some(status),
            Self::Gone => Some(StatusCode::GONE.as_u16()),
            _ => None,
        }
    }
}

/// What is posted.
pub struct Post<'a> {
    /// The message's id.
    pub id: &'a str,
    /// Unix time in seconds.
    pub at: i64,
    /// The value of `webhook-signature`.
    pub signatures: String,
    /// JSON.
    pub body: String,
}

/// Who posts.
pub struct Outgoing {
    networks: Networks,
    tls: OnceLock<Result<Arc<ClientConfig>, String>>,
    resolver: Arc<dyn Resolve>,
    time: Duration,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").field("networks", &self.networks).finish_non_exhaustive()
    }
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            networks: Networks::default(),
            tls: OnceLock::new(),
            resolver: Arc::new(SystemResolver),
            time: TIME,
        }
    }
}

impl Outgoing {
    /// One that connects to `networks` besides the public Internet, and believes the authorities in the file `authorities`,
    /// or without one the machine's own.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn new(networks: Networks, authorities: Option<&Path>, flag: &'static str) -> Result<Self, TlsError> {
        let tls = OnceLock::new();
        if let Some(path) = authorities {
            let roots = tls::roots(path, flag)?;
            let config = versions(|builder| Ok(builder.with_root_certificates(roots)));
            let _ = tls.set(config);
        }
        Ok(Self { networks, tls, ..Self::default() })
    }

    /// The same, with another idea of what names stand for.
    pub fn with_resolver(self, resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, ..self }
    }

    /// The same, that waits for so long and no longer.
    pub fn with_patience(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// Whether posts may go to this URL, as far as that can be told without looking a name up.
    ///
    /// # Errors
    /// What would be right.
    pub fn check(&self, url: &Url) -> Result<(), &'static str> {
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("must have no user name, password or fragment");
        }
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(Host::Domain(_)) => None,
            None => return Err("must be https://HOST/…"),
        };
        let is_here =
            literal.map_or(url.host_str() == Some("localhost"), |ip| ip.to_canonical().is_loopback());
        if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
            return Err("must be https://HOST/…; http is for this machine alone");
        }
        if literal.is_some_and(|ip| !self.networks.admit(ip)) {
            return Err(
                "is an address of a network that posts do not go to: the operator may allow it with --webhook-network",
            );
        }
        Ok(())
    }

    /// Posts once.
    ///
    /// # Errors
    /// Why it did not arrive.
    pub async fn post(&self, url: &Url, post: Post<'_>) -> Result<u16, Failure> {
        let status = timeout(self.time, self.exchange(url, post)).await.unwrap_or(Err(Failure::TimedOut))?;
        match status.as_u16() {
            200..=299 => Ok(status.as_u16()),
            300..=399 => Err(Failure::Redirected(status.as_u16())),
            410 => Err(Failure::Gone),
            other => Err(Failure::Status(other)),
        }
    }

    async fn exchange(&self, url: &Url, post: Post<'_>) -> Result<StatusCode, Failure> {
        let request = request(url, post)?;
        let stream = self.connect(url).await?;
        if url.scheme() != "https" {
            return send(stream, request).await;
        }
        let config = self.tls.get_or_init(|| versions(|builder| builder.with_native_roots()));
        let config = config.as_ref().map_err(|problem| {
            tracing::error!(problem, "no webhook can be posted to: give --webhook-ca-file");
            Failure::TlsFailed
        })?;
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Failure::NameUnknown)?;
        let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
        let stream = stream.map_err(|error| {
            tracing::warn!(origin = %url.origin().ascii_serialization(), %error, "a webhook's TLS failed");
            Failure::TlsFailed
        })?;
        send(stream, request).await
    }

    /// Connects to an address that was looked at: what the name stands for a moment later does not matter.
    async fn connect(&self, url: &Url) -> Result<TcpStream, Failure> {
        let port = url.port_or_known_default().ok_or(Failure::NameUnknown)?;
        let found = match url.host() {
            Some(Host::Ipv4(ip)) => vec![SocketAddr::new(ip.into(), port)],
            Some(Host::Ipv6(ip)) => vec![SocketAddr::new(ip.into(), port)],
            Some(Host::Domain(name)) => {
                self.resolver.resolve(name, port).await.map_err(|_| Failure::NameUnknown)?
            }
            None => return Err(Failure::NameUnknown),
        };
        if found.is_empty() {
            return Err(Failure::NameUnknown);
        }
        let clear = url.scheme() != "https";
        let admitted = |ip: &IpAddr| self.networks.admit(*ip) && (!clear || ip.is_loopback());
        let addresses = found.iter().map(|found| found.ip().to_canonical()).filter(admitted);
        let addresses: Vec<_> = addresses.take(ADDRESSES).collect();
        if addresses.is_empty() {
            return Err(Failure::AddressRefused);
        }
        for ip in addresses {
            if let Ok(Ok(stream)) = timeout(CONNECT, TcpStream::connect((ip, port))).await {
                return Ok(stream);
            }
        }
        Err(Failure::ConnectionFailed)
    }
}

/// TLS 1.2 and 1.3, and HTTP/1.1 alone.
fn versions(
    roots: impl FnOnce(
        rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>,
    )
        -> std::io::Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>>,
) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = roots(builder.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// By Standard Webhooks 1.0.0: the names of the headers, and what is signed.
fn request(url: &Url, post: Post<'_>) -> Result<Request<Full<Bytes>>, Failure> {
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => return Err(Failure::NameUnknown),
    };
    let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let request = Request::post(target)
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("gatepass/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close")
        .header("webhook-id", post.id)
        .header("webhook-timestamp", post.at)
        .header("webhook-signature", post.signatures);
    request.body(Full::new(Bytes::from(post.body))).map_err(|_| Failure::ReplyUnreadable)
}

/// Sends a request and reads the head of the reply. With this the connection ends: what follows is nobody's.
async fn send(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<StatusCode, Failure> {
    let unreadable = |error: hyper::Error| {
        tracing::debug!(%error, "a webhook's reply cannot be read");
        Failure::ReplyUnreadable
    };
    let mut http = http1::Builder::new();
    http.max_buf_size(HEAD).max_headers(FIELDS);
    let (mut sender, connection) = http.handshake(TokioIo::new(stream)).await.map_err(unreadable)?;
    let mut reply = std::pin::pin!(sender.send_request(request));
    let mut connection = std::pin::pin!(connection);
    let reply = tokio::select! {
        biased;
        reply = &mut reply => reply,
        _ = &mut connection => reply.await,
    };
    Ok(reply.map_err(unreadable)?.status())
}
