//! One request in the host: what the module reads of it, and what it does to it.

use std::borrow::Cow;
use std::ops::ControlFlow;

use proxy_wasm_host::abi::v0_2_1::types::{MapType, Status, StreamType};
use proxy_wasm_host::abi::v0_2_1::{Access, Invocation, LocalResponse, StreamState};
use proxy_wasm_host::{HeaderMap, NotAllowed, PairVisitor, VecHeaderMap};

use crate::calls::Calls;
use crate::request::Request;

/// The reply that the module sent in the upstream's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u32,
    /// The gRPC status, for callers that speak it.
    pub grpc_status: Option<u32>,
    /// Headers, in their order.
    pub headers: Vec<(String, String)>,
    /// The body, or the gRPC message.
    pub body: String,
}

/// The state of one request.
pub struct Exchange {
    /// The headers as they are now.
    pub headers: Headers,
    /// The trailers as they are now.
    pub trailers: Headers,
    /// The module's reply.
    pub reply: Option<Reply>,
    /// The properties that the module set, in order.
    pub properties: Vec<(String, String)>,
    /// Whether the module reset the request.
    pub reset: bool,
    source: Option<Vec<u8>>,
    broken: Option<&'static str>,
    calls: Calls,
}

impl Exchange {
    /// A request that has just arrived.
    pub fn new(request: &Request, calls: &Calls) -> Self {
        let map = |pairs: &[(String, Vec<u8>)]| Headers {
            pairs: pairs.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone())).collect(),
            broken: request.broken,
            calls: calls.clone(),
        };
        Self {
            headers: map(&request.headers),
            trailers: map(&request.trailers),
            reply: None,
            properties: Vec::new(),
            reset: false,
            source: request.source.clone(),
            broken: request.broken,
            calls: calls.clone(),
        }
    }

    fn works(&self, function: &str) -> Result<(), Status> {
        if self.broken == Some(function) { Err(Status::InternalFailure) } else { Ok(()) }
    }
}

impl StreamState for Exchange {
    fn header_map(
        &mut self,
        _: Invocation,
        access: Access,
        map: MapType,
    ) -> Result<&mut dyn HeaderMap, Status> {
        if access == Access::Read {
            self.works("proxy_get_header_map_pairs")?;
        }
        match map {
            MapType::HttpRequestHeaders => Ok(&mut self.headers),
            MapType::HttpRequestTrailers => Ok(&mut self.trailers),
            _ => Err(Status::BadArgument),
        }
    }

    fn send_local_response(&mut self, _: Invocation, response: LocalResponse<'_>) -> Result<(), Status> {
        self.calls.about("proxy_send_local_response", &response.status_code.to_string());
        self.works("proxy_send_local_response")?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        assert!(self.reply.is_none(), "a second reply");
        self.reply = Some(Reply {
            status: response.status_code,
            grpc_status: response.grpc_status,
            headers: response.headers.iter().map(|(name, value)| (text(name), text(value))).collect(),
            // Envoy makes the details the message of a gRPC reply.
            body: text(if response.grpc_status.is_some() && response.body.is_empty() {
                &response.status_code_details
            } else {
                &response.body
            }),
        });
        Ok(())
    }

    fn close_stream(&mut self, _: Invocation, stream: StreamType) -> Result<(), Status> {
        self.calls.about("proxy_close_stream", &format!("{stream:?}"));
        self.reset = true;
        Ok(())
    }

    fn property(&mut self, _: Invocation, path: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Status> {
        self.calls.about("proxy_get_property", &dotted(path));
        self.works("proxy_get_property")?;
        match (path, &self.source) {
            ([b"source", b"address"], Some(address)) => {
                out.extend_from_slice(address);
                Ok(())
            }
            _ => Err(Status::NotFound),
        }
    }

    fn set_property(&mut self, _: Invocation, path: &[&[u8]], value: &[u8]) -> Result<(), Status> {
        // A single element, or Envoy names the filter state with a NUL in it.
        let ([name], Ok(value)) = (path, str::from_utf8(value)) else { panic!("{path:?} set to {value:?}") };
        let name = String::from_utf8_lossy(name);
        self.calls.about("proxy_set_property", &format!("{name} {value}"));
        self.works("proxy_set_property")?;
        self.properties.push((name.into_owned(), value.to_owned()));
        Ok(())
    }
}

fn dotted(path: &[&[u8]]) -> String {
    path.iter().map(|element| String::from_utf8_lossy(element)).collect::<Vec<_>>().join(".")
}

/// A header map that notes what is done to it.
pub struct Headers {
    pairs: VecHeaderMap,
    broken: Option<&'static str>,
    calls: Calls,
}

impl Headers {
    /// All pairs, in their order.
    pub fn pairs(&self) -> Vec<(String, Vec<u8>)> {
        let mut pairs = Vec::new();
        let _ = self.pairs.for_each_pair(&mut |name, value| {
            pairs.push((String::from_utf8_lossy(name).into_owned(), value.to_vec()));
            ControlFlow::Continue(())
        });
        pairs
    }

    fn write(&self, function: &str, what: &[u8]) -> Result<(), NotAllowed> {
        self.calls.about(function, &String::from_utf8_lossy(what));
        if self.broken == Some(function) { Err(NotAllowed) } else { Ok(()) }
    }
}

impl HeaderMap for Headers {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.calls.about("proxy_get_header_map_value", &String::from_utf8_lossy(key));
        self.pairs.get(key)
    }

    fn for_each_pair(&self, visit: &mut PairVisitor<'_>) -> ControlFlow<()> {
        self.pairs.for_each_pair(visit)
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), NotAllowed> {
        self.write("proxy_replace_header_map_value", &[key, b" ", value].concat())?;
        self.pairs.set(key, value)
    }

    fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), NotAllowed> {
        self.write("proxy_add_header_map_value", &[key, b" ", value].concat())?;
        self.pairs.add(key, value)
    }

    fn remove(&mut self, key: &[u8]) -> Result<(), NotAllowed> {
        self.write("proxy_remove_header_map_value", key)?;
        self.pairs.remove(key)
    }

    fn replace_all(&mut self, pairs: &[(&[u8], &[u8])]) -> Result<(), NotAllowed> {
        self.write("proxy_set_header_map_pairs", b"")?;
        self.pairs.replace_all(pairs)
    }
}
