//! The ext_authz server: a look-up in a hash map behind gRPC, and nothing else. It also takes usage reports and drops
//! them.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue as Value};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::net::TcpListener;

use crate::proto::{CheckRequest, CheckResponse, HeaderValue, HeaderValueOption, OkHttpResponse, Status};

/// `google.rpc.Code.PERMISSION_DENIED`.
const PERMISSION_DENIED: i32 = 7;
/// `HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD`.
const OVERWRITE: i32 = 2;
/// Where the filter posts its reports by default.
const REPORTS: &str = "/dataplane/v1/usage";
/// Of a message in gRPC: a byte that says whether it is compressed, and its length.
const FRAME_HEAD: usize = 5;

/// Token → user and id.
type Table = HashMap<String, (String, String)>;
type Body = BoxBody<Bytes, std::convert::Infallible>;

/// Serves until it is killed; writes its address to a file.
///
/// # Errors
/// The system's.
pub fn serve(tokens: &Path, address_file: &Path) -> anyhow::Result<()> {
    let table = Arc::new(read(tokens)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        tell(address_file, listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let table = Arc::clone(&table);
            let service = hyper::service::service_fn(move |request| answer(Arc::clone(&table), request));
            let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    eprintln!("a connection ended: {error}");
                }
            });
        }
    })
}

fn read(tokens: &Path) -> anyhow::Result<Table> {
    let text = std::fs::read_to_string(tokens)?;
    let entry = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        Some((words.next()?, (words.next()?, words.next()?)))
    };
    Ok(text.lines().filter_map(entry).collect())
}

/// Whole or not at all: the benchmark waits for the file.
fn tell(file: &Path, address: SocketAddr) -> anyhow::Result<()> {
    let new = file.with_extension("new");
    std::fs::write(&new, address.to_string())?;
    Ok(std::fs::rename(new, file)?)
}

async fn answer(table: Arc<Table>, request: Request<Incoming>) -> anyhow::Result<Response<Body>> {
    let reports = request.uri().path() == REPORTS;
    let body = request.into_body().collect().await?.to_bytes();
    if reports {
        return Ok(Response::builder().status(204).body(Full::default().boxed())?);
    }
    let message = body.get(FRAME_HEAD..).context("a message without its head")?;
    let response = check(&table, &CheckRequest::decode(message)?).encode_to_vec();
    let length = u32::try_from(response.len()).map_err(|_| anyhow!("a long response"))?;
    let frame = [&[0], length.to_be_bytes().as_slice(), &response].concat();
    let trailers = HeaderMap::from_iter([("grpc-status".parse()?, Value::from_static("0"))]);
    let body = Full::new(Bytes::from(frame)).with_trailers(async { Some(Ok(trailers)) });
    Ok(Response::builder().header(CONTENT_TYPE, "application/grpc").body(body.boxed())?)
}

fn check(table: &Table, request: &CheckRequest) -> CheckResponse {
    let headers = request.attributes.as_ref().and_then(|a| Some(&a.request.as_ref()?.http.as_ref()?.headers));
    let authorization = headers.and_then(|headers| headers.get("authorization"));
    let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
    let Some((user, id)) = token.and_then(|token| table.get(token)) else {
        return CheckResponse { status: Some(Status { code: PERMISSION_DENIED }), ok_response: None };
    };
    let header = |key: &str, value: &str| HeaderValueOption {
        header: Some(HeaderValue { key: key.to_owned(), value: value.to_owned() }),
        append_action: OVERWRITE,
    };
    let ok = OkHttpResponse {
        headers: vec![header("x-gatepass-user", user), header("x-gatepass-token-id", id)],
        headers_to_remove: vec!["authorization".to_owned()],
    };
    CheckResponse { status: Some(Status { code: 0 }), ok_response: Some(ok) }
}
