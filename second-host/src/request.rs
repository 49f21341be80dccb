//! Requests as a host hands them to the module.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The address that requests come from, as Envoy writes it.
pub const SOURCE: &str = "10.1.2.3:40000";

/// A request, and what its host lacks.
#[derive(Clone, Debug)]
pub struct Request {
    /// Headers, pseudo-headers first.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Trailers; none are announced to the module if empty.
    pub trailers: Vec<(String, Vec<u8>)>,
    /// The property `source.address`.
    pub source: Option<Vec<u8>>,
    /// The host function that fails, if any.
    pub broken: Option<&'static str>,
}

/// GET.
pub fn get(path: &str) -> Request {
    request("GET", path)
}

/// Any method.
pub fn request(method: &str, path: &str) -> Request {
    let pair = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let headers = vec![
        pair(":method", method),
        pair(":path", path),
        pair(":authority", "gate.test"),
        pair(":scheme", "http"),
        pair("user-agent", "second-host"),
    ];
    Request { headers, trailers: Vec::new(), source: Some(SOURCE.as_bytes().to_vec()), broken: None }
}

impl Request {
    /// With a header more.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Without the headers of this name.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// With a trailer more.
    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.trailers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// With an `Authorization`.
    pub fn authorization(self, value: impl AsRef<[u8]>) -> Self {
        self.header("authorization", value)
    }

    /// With `Authorization: Bearer`.
    pub fn bearer(self, token: &str) -> Self {
        self.authorization(format!("Bearer {token}"))
    }

    /// With `Authorization: Basic`.
    pub fn basic(self, user: &str, secret: &str) -> Self {
        self.authorization(basic(format!("{user}:{secret}")))
    }

    /// From another address, in the host's own notation.
    pub fn from(mut self, address: &str) -> Self {
        self.source = Some(address.as_bytes().to_vec());
        self
    }

    /// From a host that does not tell the address.
    pub fn from_nowhere(mut self) -> Self {
        self.source = None;
        self
    }

    /// From a caller that speaks gRPC.
    pub fn grpc(self) -> Self {
        self.header("content-type", "application/grpc")
    }

    /// In a host whose `function` fails.
    pub fn broken(mut self, function: &'static str) -> Self {
        self.broken = Some(function);
        self
    }

    /// The header of this name, if there is one.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }
}

/// The `Authorization` of Basic.
pub fn basic(pair: impl AsRef<[u8]>) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}
