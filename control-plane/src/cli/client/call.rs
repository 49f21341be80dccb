//! What is asked of a server.

use axum::body::Bytes;
use axum::http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::address::Address;
use super::failure::Failure;

/// Most bytes of an answer that is kept in memory, unless a call says otherwise.
const MOST: usize = 64 * 1024 * 1024;
/// What stands for itself in a path. Not the dot: a name of dots would lead elsewhere (RFC 3986 §5.2.4).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// A call of REST, below `/api/v1`.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<(&'static str, Bytes)>,
    if_match: Option<String>,
    most: usize,
}

impl Call {
    /// A call of the resource whose path has these segments, each as it is: `&["users", "fred"]`.
    pub fn new(method: Method, path: &[&str]) -> Self {
        let path = path.iter().map(|segment| format!("/{}", utf8_percent_encode(segment, ESCAPED))).collect();
        Self { method, path, query: Vec::new(), body: None, if_match: None, most: MOST }
    }

    /// Reads.
    pub fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path)
    }

    /// Creates, or does.
    pub fn post(path: &[&str]) -> Self {
        Self::new(Method::POST, path)
    }

    /// Changes.
    pub fn patch(path: &[&str]) -> Self {
        Self::new(Method::PATCH, path)
    }

    /// Puts in place.
    pub fn put(path: &[&str]) -> Self {
        Self::new(Method::PUT, path)
    }

    /// Ends.
    pub fn delete(path: &[&str]) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// With a parameter; a name may be given more than once.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// With a parameter for each of `values`.
    #[must_use]
    pub fn queries<T: ToString>(self, name: &'static str, values: impl IntoIterator<Item = T>) -> Self {
        values.into_iter().fold(self, |call, value| call.query(name, value.to_string()))
    }

    /// With a body of JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string().into_bytes())
    }

    /// With a JSON merge patch (RFC 7396).
    #[must_use]
    pub fn merge_patch(self, patch: &Value) -> Self {
        self.body("application/merge-patch+json", patch.to_string().into_bytes())
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: Vec<u8>) -> Self {
        self.body = Some((content_type, body.into()));
        self
    }

    /// Only if the resource is still as it was under this `ETag` (RFC 9110 §13.1.1).
    #[must_use]
    pub fn if_match(mut self, tag: impl Into<String>) -> Self {
        self.if_match = Some(tag.into());
        self
    }

    /// With an answer of at most this many bytes.
    #[must_use]
    pub fn most(mut self, bytes: usize) -> Self {
        self.most = bytes;
        self
    }

    pub(super) fn most_bytes(&self) -> usize {
        self.most
    }

    /// The request to the server at `address`, with `token`.
    pub(super) fn request(
        &self,
        address: &Address,
        token: &HeaderValue,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let mut uri = format!("{address}/api/v1{}", self.path);
        if !self.query.is_empty() {
            uri.push('?');
            uri.push_str(&Serializer::new(String::new()).extend_pairs(&self.query).finish());
        }
        let mut request = Request::builder()
            .method(&self.method)
            .uri(uri)
            .header(header::AUTHORIZATION, token)
            .header(header::USER_AGENT, concat!("gatepass/", env!("CARGO_PKG_VERSION")));
        if let Some(tag) = &self.if_match {
            request = request.header(header::IF_MATCH, tag);
        }
        let body = self.body.clone();
        if let Some((content_type, _)) = &body {
            request = request.header(header::CONTENT_TYPE, *content_type);
        }
        let request = request.body(Full::new(body.map(|(_, body)| body).unwrap_or_default()));
        request.map_err(|error| Failure::setup(format!("no such call can be made: {error}")))
    }

    /// Why there is no answer, and what that leaves open.
    pub(super) fn told_of(&self, problem: String) -> String {
        if self.method.is_safe() {
            return problem;
        }
        format!("{problem}; whether it was done is not known: look before you repeat it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(call: &Call) -> String {
        let address = "https://example.com/gate".parse().unwrap();
        call.request(&address, &HeaderValue::from_static("Bearer x")).unwrap().uri().to_string()
    }

    #[test]
    fn a_name_stays_one_segment_of_the_path_whatever_it_holds() {
        for (name, segment) in [
            ("fred", "fred"),
            ("..", "%2E%2E"),
            ("a/../b", "a%2F%2E%2E%2Fb"),
            ("a b?c#d%", "a%20b%3Fc%23d%25"),
            ("é", "%C3%A9"),
            ("a;b\\c\r\n", "a%3Bb%5Cc%0D%0A"),
        ] {
            let call = Call::delete(&["users", name, "tokens"]);
            assert_eq!(uri(&call), format!("https://example.com/gate/api/v1/users/{segment}/tokens"));
        }
    }

    #[test]
    fn parameters_are_escaped_and_may_be_repeated() {
        let call = Call::get(&["tokens"]).queries("user", ["a&b", "c d"]).query("cursor", "x+y");
        assert!(uri(&call).ends_with("/tokens?user=a%26b&user=c+d&cursor=x%2By"), "{}", uri(&call));
    }
}
