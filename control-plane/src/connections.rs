//! Connections to REST: how many at once, and for how long. Whoever opens connections and says nothing, or says it
//! slowly, gets neither all descriptors (delivery needs some) nor all places for good.

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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower::ServiceExt as _;

/// Most connections at once, where the process may open enough files.
const AT_ONCE: usize = 256;
/// Most connections of strangers at once: they only get to hear that they are none of the proxies.
const STRANGERS: usize = 16;
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
    /// How long a connection may go without a request under way, whatever else it sends.
    pub idle_time: Duration,
    /// How long what is under way may take once a connection is to end.
    pub ending_time: Duration,
}

impl Limits {
    /// The limits of a server in this process.
    pub fn of_this_process() -> Self {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
        Self {
            // The other half is for the database and for what is delivered.
            at_once: AT_ONCE.min(files / 2).max(1),
            strangers: STRANGERS.min(files / 8),
            header_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(30),
            ending_time: Duration::from_secs(10),
        }
    }
}

/// Answers with `router` until `shutdown`, then lets requests under way finish, for a while. Handlers find the peer's
/// address in [`ConnectInfo`]. Peers that are not `known` have few places, of their own.
pub async fn serve(
    mut listener: TcpListener,
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
                    tasks.spawn(converse(stream, peer, router.clone(), limits, stopping.clone()));
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

/// One connection, until the client ends it, it is idle for too long, or `stopping` has lost its sender.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
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
    peer: SocketAddr,
    counted: UnderWay,
) -> Result<Response, Infallible> {
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = router.oneshot(request).await;
    drop(counted);
    response
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
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpSocket;
    use tokio::sync::{Notify, oneshot};
    use tokio::task::JoinHandle;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(50);
    const LAST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

    struct Running {
        address: SocketAddr,
        started: Arc<Notify>,
        proceed: Arc<Notify>,
        stop: oneshot::Sender<()>,
        task: JoinHandle<()>,
    }

    /// `/` answers with the peer's address; `/slow` says that it has started and waits to be let on.
    async fn start(limits: Limits) -> Running {
        start_for(limits, |_| true).await
    }

    async fn start_for(limits: Limits, known: impl Fn(IpAddr) -> bool + Send + 'static) -> Running {
        let (started, proceed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, wait) = (Arc::clone(&started), Arc::clone(&proceed));
        let slow = async move || {
            tell.notify_one();
            wait.notified().await;
            "done"
        };
        let peer = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string();
        let router = Router::new().route("/", get(peer)).route("/slow", get(slow));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move { drop(stopped.await) };
        let task = tokio::spawn(serve(listener, router, limits, known, shutdown));
        Running { address, started, proceed, stop, task }
    }

    fn patient() -> Limits {
        Limits { at_once: 8, strangers: 1, header_time: LONG, idle_time: LONG, ending_time: LONG }
    }

    async fn send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    /// Everything until the server ends the connection.
    async fn to_the_end(mut stream: TcpStream) -> String {
        let mut bytes = Vec::new();
        // Cut off hard, what has come is what there is.
        let _ = timeout(LONG, stream.read_to_end(&mut bytes)).await.expect("the connection lives for ever");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[tokio::test]
    async fn a_header_that_does_not_end_ends_the_connection() {
        let server = start(Limits { header_time: SHORT, ..patient() }).await;
        to_the_end(send(server.address, b"GET / HTTP/1.1\r\nhost: loc").await).await;
        let kept = to_the_end(send(server.address, GET).await).await;
        assert!(kept.starts_with("HTTP/1.1 200") && kept.contains("127.0.0.1:"), "{kept}");
    }

    #[tokio::test]
    async fn a_connection_that_asks_for_nothing_ends() {
        let server = start(Limits { idle_time: SHORT, ending_time: SHORT, ..patient() }).await;
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        for said in [
            b"".as_slice(),
            b"P",
            b"PRI * HTTP/2.0",
            b"GET",
            preface,
            &[preface.as_slice(), &settings].concat(),
        ] {
            to_the_end(send(server.address, said).await).await;
        }
    }

    #[tokio::test]
    async fn a_request_under_way_is_not_idle() {
        let server = start(Limits { idle_time: SHORT, ..patient() }).await;
        let stream = send(server.address, b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        server.started.notified().await;
        // An idle connection, opened later, ends first.
        to_the_end(send(server.address, b"").await).await;
        server.proceed.notify_one();
        assert!(to_the_end(stream).await.ends_with("done"));
    }

    #[tokio::test]
    async fn those_over_the_cap_wait_for_a_place() {
        let server = start(Limits { at_once: 2, header_time: SHORT, ..patient() }).await;
        let silent = [send(server.address, b"GET /").await, send(server.address, b"GET /").await];
        let waiting = send(server.address, LAST).await;
        assert!(to_the_end(waiting).await.starts_with("HTTP/1.1 200"));
        for stream in silent {
            to_the_end(stream).await;
        }
    }

    #[tokio::test]
    async fn strangers_take_no_place_of_others() {
        let known = |peer: IpAddr| peer == IpAddr::from([127, 0, 0, 1]);
        let server = start_for(Limits { at_once: 1, ..patient() }, known).await;
        let stranger = async || {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
            socket.connect(server.address).await.unwrap()
        };
        let (_first, second) = (stranger().await, stranger().await);
        to_the_end(second).await;
        assert!(to_the_end(send(server.address, LAST).await).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_stop_lets_requests_under_way_finish_and_waits_for_no_half_ones() {
        let server = start(patient()).await;
        let stream = send(server.address, b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        server.started.notified().await;
        let idle = send(server.address, b"").await;
        server.stop.send(()).unwrap();
        to_the_end(idle).await;
        server.proceed.notify_one();
        assert!(to_the_end(stream).await.ends_with("done"));
        timeout(LONG, server.task).await.unwrap().unwrap();

        let server = start(Limits { ending_time: SHORT, ..patient() }).await;
        let half = send(server.address, b"GET / HTTP/1.1\r\nhost: loc").await;
        server.stop.send(()).unwrap();
        to_the_end(half).await;
        timeout(LONG, server.task).await.unwrap().unwrap();
    }
}
