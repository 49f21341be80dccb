//! Connections to a listener: how many at once, and for how long. Whoever opens connections and says nothing, or says
//! it slowly, gets neither all descriptors (delivery needs some) nor all places for good.

mod taken;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::response::Response;
use axum::serve::Listener;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::tls::Tls;
use taken::Taken;

/// Most connections to one listener at once, where the process may open enough files.
const AT_ONCE: usize = 256;
/// Most connections of strangers at once: they only get to hear that they are none of the proxies.
const STRANGERS: usize = 16;
/// Most connections at once to where metrics are.
const READERS: usize = 16;
/// Most requests at once on one HTTP/2 connection.
const STREAMS: u32 = 100;
/// Most bytes of an HTTP/1 header: as much as a connection may make the server keep.
const HEADER_BYTES: usize = 64 * 1024;

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections at once; further ones wait in the kernel's backlog.
    pub at_once: usize,
    /// Most connections of strangers at once, on top; further ones are dropped.
    pub strangers: usize,
    /// How long an HTTP/1 header may take, and how long a kept connection may wait for the next one.
    pub header_time: Duration,
    /// How long a connection may go without a request under way or a piece of a reply taken, whatever else it sends.
    pub idle_time: Duration,
    /// How long what is under way may take once a connection is to end.
    pub ending_time: Duration,
}

impl Limits {
    /// The limits of REST in this process.
    pub fn for_rest() -> Self {
        let files = files();
        Self {
            // With the data plane's a half: the other one is for the database and for what is delivered.
            at_once: AT_ONCE.min(files / 3).max(1),
            strangers: STRANGERS.min(files / 16),
            header_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(30),
            ending_time: Duration::from_secs(10),
        }
    }

    /// The limits of the data plane in this process. A worker reports every few seconds and says nothing in between: its
    /// place is then another's.
    pub fn for_dataplane() -> Self {
        Self {
            at_once: AT_ONCE.min(files() / 6).max(1),
            strangers: 0,
            header_time: Duration::from_secs(5),
            idle_time: Duration::from_secs(5),
            ending_time: Duration::from_secs(10),
        }
    }

    /// The limits of metrics: one reader, or a few.
    pub fn for_metrics() -> Self {
        Self { at_once: READERS, ..Self::for_dataplane() }
    }
}

fn files() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX)
}

/// How a connection's bytes become HTTP.
#[derive(Clone)]
pub enum Transport {
    /// As they are.
    Clear,
    /// By TLS.
    Tls(Tls),
}

impl Transport {
    /// Whether nobody on the way reads along.
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Self::Tls(_))
    }
}

/// In the extensions of a request that came by TLS.
#[derive(Clone, Copy, Debug)]
pub struct Encrypted;

/// In the extensions of a request whose connection has shown a client certificate. The handshake has verified it, or
/// there would be no request.
#[derive(Clone, Copy, Debug)]
pub struct ClientCertificate;

/// Answers with `router` until `shutdown`, then lets requests under way finish, for a while. Handlers find the peer's
/// address in [`ConnectInfo`]. Peers that are not `known` have few places, of their own.
pub async fn serve(
    mut listener: TcpListener,
    transport: Transport,
    router: Router,
    limits: Limits,
    known: impl Fn(IpAddr) -> bool,
    shutdown: impl Future<Output = ()>,
) {
    let (stop, stopping) = watch::channel(());
    let (mut open, mut strangers) = (JoinSet::new(), JoinSet::new());
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            // axum's accept logs a failure (too many files open) and tries again a second later.
            (stream, peer) = Listener::accept(&mut listener), if open.len() < limits.at_once => {
                let stranger = !known(peer.ip());
                // Strangers must not take the places of others.
                let tasks = if stranger { &mut strangers } else { &mut open };
                if !stranger || tasks.len() < limits.strangers {
                    let encrypted = transport.is_encrypted().then_some(Encrypted);
                    let peer = Peer { address: peer, encrypted, certificate: None };
                    tasks.spawn(converse(stream, transport.clone(), peer, router.clone(), limits, stopping.clone()));
                }
            }
            Some(_) = open.join_next() => {}
            Some(_) = strangers.join_next() => {}
        }
    }
    drop((listener, stop, strangers));
    let all_ended = async { while open.join_next().await.is_some() {} };
    // A client that never finishes its request must not keep the server from stopping.
    let _ = timeout(limits.ending_time, all_ended).await;
    open.shutdown().await;
}

/// Who is at the other end.
#[derive(Clone, Copy)]
struct Peer {
    address: SocketAddr,
    encrypted: Option<Encrypted>,
    certificate: Option<ClientCertificate>,
}

/// One connection, until the client ends it, it is idle for too long, or `stopping` has lost its sender.
async fn converse(
    stream: TcpStream,
    transport: Transport,
    mut peer: Peer,
    router: Router,
    limits: Limits,
    mut stopping: watch::Receiver<()>,
) {
    let config = match transport {
        Transport::Clear => return talk(stream, peer, router, limits, stopping).await,
        Transport::Tls(tls) => tls.config(),
    };
    let handshake = tokio::select! {
        done = timeout(limits.header_time, TlsAcceptor::from(config).accept(stream)) => done,
        _ = stopping.changed() => return,
    };
    match handshake {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates();
            peer.certificate = shown.filter(|chain| !chain.is_empty()).map(|_| ClientCertificate);
            talk(stream, peer, router, limits, stopping).await;
        }
        Ok(Err(error)) => tracing::info!(peer = %peer.address, %error, "a TLS handshake failed"),
        Err(_) => tracing::info!(peer = %peer.address, "a TLS handshake took too long"),
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    router: Router,
    limits: Limits,
    mut stopping: watch::Receiver<()>,
) {
    let (requests, under_way) = watch::channel(0);
    let requests = Arc::new(requests);
    let service = service_fn(move |request| {
        let counted = UnderWay::begin(&requests);
        answer(router.clone(), request, peer, counted)
    });
    let builder = builder(limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // An error here is the client's: it went away, or spoke no HTTP.
        _ = &mut connection => return,
        () = idle(under_way, limits.idle_time) => {}
        _ = stopping.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(limits.ending_time, connection).await;
}

async fn answer(
    router: Router,
    mut request: Request<Incoming>,
    peer: Peer,
    counted: UnderWay,
) -> Result<Response, Infallible> {
    request.extensions_mut().insert(ConnectInfo(peer.address));
    if let Some(encrypted) = peer.encrypted {
        request.extensions_mut().insert(encrypted);
    }
    if let Some(certificate) = peer.certificate {
        request.extensions_mut().insert(certificate);
    }
    let requests = Arc::clone(&counted.0);
    let response = router.oneshot(request).await;
    drop(counted);
    response.map(|response| response.map(|body| Taken::of(body, requests)))
}

fn builder(limits: Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    let mut http1 = builder.http1();
    http1.timer(TokioTimer::new()).header_read_timeout(limits.header_time).max_buf_size(HEADER_BYTES);
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new()).max_concurrent_streams(STREAMS);
    http2.keep_alive_interval(limits.header_time).keep_alive_timeout(limits.header_time);
    builder
}

/// Ends once no request has been under way for `time`. Neither the protocol's own timeouts see a client that never
/// says which protocol it speaks, nor one that answers HTTP/2 pings and asks for nothing.
async fn idle(mut under_way: watch::Receiver<usize>, time: Duration) {
    loop {
        // No sender is no connection any more, and its own future says so.
        if under_way.wait_for(|requests| *requests == 0).await.is_err() {
            return std::future::pending().await;
        }
        if timeout(time, under_way.changed()).await.is_err() {
            return;
        }
    }
}

/// A request that counts as under way as long as this lives, also when its stream is reset.
struct UnderWay(Arc<watch::Sender<usize>>);

impl UnderWay {
    fn begin(requests: &Arc<watch::Sender<usize>>) -> Self {
        requests.send_modify(|requests| *requests += 1);
        Self(Arc::clone(requests))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|requests| *requests -= 1);
    }
}

#[cfg(test)]
mod tests;
