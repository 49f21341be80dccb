use super::*;
use axum::routing::get;
use rustls::pki_types::PrivateKeyDer;
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
    start_with(Transport::Clear, limits, known).await
}

async fn start_with(
    transport: Transport,
    limits: Limits,
    known: impl Fn(IpAddr) -> bool + Send + 'static,
) -> Running {
    let (started, proceed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&started), Arc::clone(&proceed));
    let slow = async move || {
        tell.notify_one();
        wait.notified().await;
        "done"
    };
    let peer = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string();
    let flood = (Arc::clone(&started), Arc::clone(&proceed));
    let flood =
        async move || axum::body::Body::new(Flood { told: flood.0, end: Arc::clone(&flood.1), over: None });
    #[expect(clippy::disallowed_methods, reason = "these are not REST's")]
    let router = Router::new().route("/", get(peer)).route("/slow", get(slow)).route("/flood", get(flood));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move { drop(stopped.await) };
    let task = tokio::spawn(serve(listener, transport, router, limits, known, shutdown));
    Running { address, started, proceed, stop, task }
}

/// A body that goes on until it is let end, and says when it has been dropped.
struct Flood {
    told: Arc<Notify>,
    end: Arc<Notify>,
    over: Option<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.told.notify_one();
    }
}

impl hyper::body::Body for Flood {
    type Data = axum::body::Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<axum::body::Bytes>, Infallible>>> {
        let end = Arc::clone(&self.end);
        let over = self.over.get_or_insert_with(|| Box::pin(async move { end.notified().await }));
        let piece = || Some(Ok(hyper::body::Frame::data(axum::body::Bytes::from_static(&[b'x'; 4096]))));
        std::task::Poll::Ready(if over.as_mut().poll(context).is_ready() { None } else { piece() })
    }
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
    for said in
        [b"".as_slice(), b"P", b"PRI * HTTP/2.0", b"GET", preface, &[preface.as_slice(), &settings].concat()]
    {
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
async fn a_long_reply_goes_on_while_it_is_taken() {
    let server = start(Limits { idle_time: 4 * SHORT, ending_time: SHORT, ..patient() }).await;
    let mut stream = send(server.address, b"GET /flood HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    // Two idle connections end, one after the other, in the meantime.
    let address = server.address;
    let idle = tokio::spawn(async move {
        to_the_end(send(address, b"").await).await;
        to_the_end(send(address, b"").await).await;
    });
    let mut buffer = [0; 4096];
    while !idle.is_finished() {
        assert!(stream.read(&mut buffer).await.unwrap() > 0, "broken off");
    }
    server.proceed.notify_one();
    assert!(to_the_end(stream).await.ends_with("x\r\n0\r\n\r\n"));
}

#[tokio::test]
async fn a_reply_that_nobody_takes_ends_with_its_connection() {
    let server = start(Limits { idle_time: SHORT, ending_time: SHORT, ..patient() }).await;
    let _unread = send(server.address, b"GET /flood HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    timeout(LONG, server.started.notified()).await.expect("it is kept for ever");
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

/// Answers by TLS with a certificate that nobody knows.
async fn start_tls(limits: Limits) -> Running {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    start_with(Transport::Tls(Tls::fixed(config)), limits, |_| true).await
}

#[tokio::test]
async fn a_tls_handshake_that_does_not_end_ends_the_connection_and_gives_its_place_back() {
    let server = start_tls(Limits { at_once: 1, header_time: SHORT, ..patient() }).await;
    // The head of a record that never comes, and words in clear.
    for said in [b"".as_slice(), b"\x16", b"\x16\x03\x01\x02\x00", GET] {
        let reply = to_the_end(send(server.address, said).await).await;
        assert!(!reply.contains("HTTP/1.1"), "{reply}");
    }
}

#[tokio::test]
async fn a_stop_waits_for_no_handshake() {
    let server = start_tls(patient()).await;
    let silent = send(server.address, b"").await;
    // Taken one after the other: once a later one was refused, the first is in its handshake.
    to_the_end(send(server.address, GET).await).await;
    server.stop.send(()).unwrap();
    to_the_end(silent).await;
    timeout(LONG, server.task).await.unwrap().unwrap();
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
