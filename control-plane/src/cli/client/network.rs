//! The way to a server: TLS with the authorities that are believed, by a proxy if the environment names one.

use std::error::Error;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use std::vec;

use axum::body::Bytes;
use axum::http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use tower::util::ServiceFn;

use super::address::Address;
use super::failure::Failure;
use crate::tls;

/// How long a connection may take, to one address.
const CONNECT: Duration = Duration::from_secs(10);

type Found = Pin<Box<dyn Future<Output = std::io::Result<vec::IntoIter<SocketAddr>>> + Send>>;
type Tcp = HttpConnector<ServiceFn<fn(Name) -> Found>>;
type Http<C> = Legacy<HttpsConnector<C>, Full<Bytes>>;

/// The way to one server.
#[derive(Debug)]
pub(super) enum Network {
    Direct(Http<Tcp>),
    /// Through a tunnel (RFC 9110 §9.3.6): the proxy sees the server's name, and TLS.
    Proxied(Http<Tunnel<Tcp>>),
}

impl Network {
    pub(super) fn new(address: &Address, ca_file: Option<&Path>) -> Result<Self, Failure> {
        let builder = HttpsConnectorBuilder::new();
        let builder = match ca_file {
            Some(file) => builder.with_tls_config(believing(file)?),
            None => {
                let provider = rustls::crypto::ring::default_provider();
                builder.with_provider_and_native_roots(provider).map_err(|error| {
                    Failure::setup(format!(
                        "this machine knows no authorities ({error}): name some with --ca-file"
                    ))
                })?
            }
        };
        let builder = if address.is_in_clear() { builder.https_or_http() } else { builder.https_only() };
        let (builder, tcp) = (builder.enable_http1(), tcp());
        let legacy = || Legacy::builder(TokioExecutor::new());
        Ok(match tunnel(address, tcp.clone())? {
            Some(tunnel) => Self::Proxied(legacy().build(builder.wrap_connector(tunnel))),
            None => Self::Direct(legacy().build(builder.wrap_connector(tcp))),
        })
    }

    /// The reply to a request, or why there is none. Redirects are replies.
    pub(super) async fn request(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
        let reply = match self {
            Self::Direct(client) => client.request(request).await,
            Self::Proxied(client) => client.request(request).await,
        };
        reply.map_err(|error| with_causes(&error))
    }
}

/// TLS that believes the authorities in `file` and no others.
fn believing(file: &Path) -> Result<ClientConfig, Failure> {
    let roots = tls::roots(file, "--ca-file").map_err(|error| Failure::setup(error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Failure::setup(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn tcp() -> Tcp {
    let mut tcp = HttpConnector::new_with_resolver(tower::service_fn(resolve as fn(Name) -> Found));
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_nodelay(true);
    tcp
}

/// `localhost` is this machine (RFC 6761 §6.3), whatever a table of names says: a token may go there in clear.
fn resolve(name: Name) -> Found {
    Box::pin(async move {
        if name.as_str() == "localhost" {
            let both = vec![SocketAddr::from((Ipv6Addr::LOCALHOST, 0)), (Ipv4Addr::LOCALHOST, 0).into()];
            return Ok(both.into_iter());
        }
        let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
        Ok(found.into_iter())
    })
}

/// The proxy that `https_proxy`, `all_proxy` and `no_proxy` name, in either case. None on the way to this machine.
fn tunnel(address: &Address, tcp: Tcp) -> Result<Option<Tunnel<Tcp>>, Failure> {
    if address.is_local() {
        return Ok(None);
    }
    let uri: Uri = address.as_str().parse().map_err(|_| Failure::setup("the server's URL cannot be used"))?;
    let Some(proxy) = Matcher::from_env().intercept(&uri) else { return Ok(None) };
    if proxy.uri().scheme_str() != Some("http") {
        let sentence = "https_proxy and all_proxy must name an http:// proxy, which is asked for a tunnel; no_proxy goes without";
        return Err(Failure::setup(sentence));
    }
    let tunnel = Tunnel::new(proxy.uri().clone(), tcp);
    Ok(Some(match proxy.basic_auth() {
        Some(credentials) => tunnel.with_auth(credentials.clone()),
        None => tunnel,
    }))
}

/// An error with what caused it, each told once.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        cause = error.source();
    }
    text
}
