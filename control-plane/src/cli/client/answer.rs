//! What a server answers.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use super::address::Address;
use super::failure::Failure;
use super::network::with_causes;
use super::problem::Problem;
use crate::domain::terminal::harmless_json;

/// Most bytes of a refusal.
const MOST_OF_A_PROBLEM: usize = 1024 * 1024;

/// An answer that has been read to its end.
#[derive(Debug)]
pub struct Answer {
    server: Address,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    /// The body as what it should be.
    ///
    /// # Errors
    /// It is not.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::Strange { server: self.server.clone(), problem: error.to_string() })
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is none.
    pub fn json(&self) -> Result<Value, Failure> {
        self.read()
    }

    /// The body, as it came, for programs: JSON that means what it meant and steers no terminal.
    ///
    /// # Errors
    /// It is no JSON.
    pub fn text(&self) -> Result<String, Failure> {
        let raw: &serde_json::value::RawValue = serde_json::from_slice(&self.body)
            .map_err(|error| Failure::Strange { server: self.server.clone(), problem: error.to_string() })?;
        Ok(harmless_json(raw.get()) + "\n")
    }

    /// The body, byte by byte.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The version of what was answered, for `If-Match`.
    pub fn etag(&self) -> Option<&str> {
        self.headers.get(header::ETAG)?.to_str().ok()
    }
}

/// An answer that is read as it comes.
#[derive(Debug)]
pub struct Stream<'a> {
    server: &'a Address,
    status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
    patience: Duration,
}

impl<'a> Stream<'a> {
    pub(super) fn new(server: &'a Address, response: Response<Incoming>, patience: Duration) -> Self {
        let (head, body) = response.into_parts();
        Self { server, status: head.status, headers: head.headers, body, patience }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// It is broken off, or nothing comes.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let broken = |problem: String| Failure::Unreachable { server: self.server.clone(), problem };
            let frame = timeout(self.patience, self.body.frame()).await;
            let silent = || broken(format!("the answer stopped for {} s", self.patience.as_secs()));
            let Some(frame) = frame.map_err(|_| silent())? else { return Ok(None) };
            let frame =
                frame.map_err(|error| broken(format!("the answer broke off: {}", with_causes(&error))))?;
            if let Ok(piece) = frame.into_data() {
                return Ok(Some(piece));
            }
        }
    }

    /// All of it, if that is at most `most` bytes.
    pub(super) async fn collect(mut self, most: usize) -> Result<Answer, Failure> {
        let mut body = Vec::new();
        while let Some(piece) = self.next().await? {
            if body.len().saturating_add(piece.len()) > most {
                let problem = format!("it has more than {most} bytes");
                return Err(Failure::Strange { server: self.server.clone(), problem });
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer { server: self.server.clone(), headers: self.headers, body })
    }

    /// Why there is no success.
    pub(super) async fn refusal(self) -> Failure {
        let (server, status, headers) = (self.server.clone(), self.status, self.headers.clone());
        if status.is_redirection() {
            let place = headers.get(header::LOCATION).and_then(|place| place.to_str().ok());
            return Failure::Redirected { server, place: place.unwrap_or("another place").to_owned() };
        }
        // What cannot be read says nothing more; the status has said enough.
        let body = self.collect(MOST_OF_A_PROBLEM).await.map(|answer| answer.body).unwrap_or_default();
        Failure::Told(Box::new(Problem::new(status, &headers, &body)))
    }
}
