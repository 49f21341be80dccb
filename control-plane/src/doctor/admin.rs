//! Envoy's admin interface, as far as it only tells.

use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

/// How long one page may take. Envoy answers from its main thread, which may be busy with a new configuration.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most bytes of a page: a configuration with a million tokens has a third of it.
const MAX_PAGE: usize = 512 * 1024 * 1024;

/// Where an Envoy tells about itself.
#[derive(Clone, Debug)]
pub struct Admin {
    host: String,
    port: u16,
}

impl std::str::FromStr for Admin {
    type Err = &'static str;

    /// `http://HOST:PORT` or `HOST:PORT`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write http://HOST:PORT";
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&text).map_err(|_| FORM)?;
        let bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
        match (url.scheme(), url.host_str(), url.port_or_known_default()) {
            ("http", Some(host), Some(port)) if bare => Ok(Self { host: host.to_owned(), port }),
            _ => Err(FORM),
        }
    }
}

impl Admin {
    /// A page, and the reply's headers.
    ///
    /// # Errors
    /// It is not there, is too long or takes too long.
    pub async fn get(&self, path: &str) -> anyhow::Result<(HeaderMap, Vec<u8>)> {
        let place = format!("http://{}:{}{path}", self.host, self.port);
        let page = timeout(PATIENCE, self.fetch(path)).await;
        let page = page.unwrap_or_else(|_| Err(anyhow::anyhow!("it takes too long")));
        page.with_context(|| {
            format!("cannot read {place}: give the address of Envoy's admin interface with --envoy-admin")
        })
    }

    async fn fetch(&self, path: &str) -> anyhow::Result<(HeaderMap, Vec<u8>)> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, self.port)).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::get(path).header(header::HOST, format!("{}:{}", self.host, self.port));
        let request = request.body(Body::empty())?;
        // The reply and the connection it comes by: whichever ends first, the other does, too.
        let connection = tokio::spawn(connection);
        let reply = async {
            let (head, body) = sender.send_request(request).await?.into_parts();
            if !head.status.is_success() {
                bail!("it answers {}", head.status);
            }
            let body = to_bytes(Body::new(body), MAX_PAGE).await?;
            Ok((head.headers, body.to_vec()))
        };
        let reply = reply.await;
        connection.abort();
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_host_and_port_and_nothing_else() {
        for good in ["http://127.0.0.1:9901", "127.0.0.1:9901", "http://envoy/", "[::1]:9901"] {
            assert!(good.parse::<Admin>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "https://envoy:9901",
            "http://u@envoy:1",
            "http://envoy:1/stats",
            "http://envoy:1/?x",
            ":9901",
        ] {
            assert!(bad.parse::<Admin>().is_err(), "{bad}");
        }
    }
}
