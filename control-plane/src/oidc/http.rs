//! Requests to the provider: over TLS but on loopback, without redirects, bounded in time and size.

use std::pin::Pin;
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::{HttpRequest, HttpResponse};

/// How long an answer may take.
const TIME: Duration = Duration::from_secs(10);
/// Most bytes of an answer.
const BYTES: usize = 1024 * 1024;

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("{0} is neither https nor on this machine")]
    InClear(String),
    #[error("no answer within {} seconds", TIME.as_secs())]
    Late,
    #[error("{0}")]
    Failed(String),
}

/// An answer that is waited for.
type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send>>;

/// A client.
#[derive(Clone, Debug)]
pub(super) struct Client(Legacy<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Client {
    /// One that believes the machine's own authorities.
    ///
    /// # Errors
    /// The machine has none.
    pub(super) fn new() -> Result<Self, std::io::Error> {
        let provider = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?;
        let connector = connector.https_or_http().enable_http1().build();
        Ok(Self(Legacy::builder(TokioExecutor::new()).build(connector)))
    }

    /// What sends requests for [`openidconnect`].
    pub(super) fn sender(&self) -> impl Fn(HttpRequest) -> Answer + Send + Sync + 'static {
        let client = self.clone();
        move |request| {
            let client = client.clone();
            Box::pin(async move { client.send(request).await })
        }
    }

    /// Sends one request and reads its answer.
    pub(super) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let uri = request.uri();
        let is_local = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if uri.scheme_str() != Some("https") && !is_local {
            return Err(HttpError::InClear(uri.to_string()));
        }
        let exchange = async {
            let answer = self.0.request(request.map(|body| Full::new(body.into()))).await;
            let (parts, body) = answer.map_err(|error| failed(&error))?.into_parts();
            let body = Limited::new(body, BYTES).collect().await;
            let body = body.map_err(|error| HttpError::Failed(error.to_string()))?;
            Ok(HttpResponse::from_parts(parts, body.to_bytes().to_vec()))
        };
        tokio::time::timeout(TIME, exchange).await.unwrap_or(Err(HttpError::Late))
    }
}

fn failed(error: &dyn std::error::Error) -> HttpError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    HttpError::Failed(text)
}
