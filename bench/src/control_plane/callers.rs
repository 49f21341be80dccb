//! Who calls the control plane: admins with a token, each on a connection of its own.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Call;
use crate::clock::now;
use crate::stats::Spread;

/// Callers of one server.
#[derive(Clone)]
pub struct Callers {
    address: SocketAddr,
    authorization: String,
}

/// One connection.
struct Caller {
    sender: SendRequest<Full<Bytes>>,
    authorization: String,
}

impl Callers {
    /// Callers with this token.
    pub fn of(address: SocketAddr, token: &str) -> Self {
        Self { address, authorization: format!("Bearer {token}") }
    }

    /// `count` callers at once; each creates a token for one of the `users`, shows it and revokes it, `rounds` times.
    ///
    /// # Errors
    /// A call was refused.
    pub async fn change_at_once(
        &self,
        count: usize,
        rounds: usize,
        users: usize,
    ) -> anyhow::Result<Vec<Call>> {
        let mut callers = JoinSet::new();
        for number in 0..count {
            let mut caller = self.connect().await?;
            callers.spawn(async move {
                let mut took = Vec::with_capacity(rounds);
                for round in 0..rounds {
                    took.push(caller.change(number * rounds + round, users).await?);
                }
                anyhow::Ok(took)
            });
        }
        let mut took: Vec<[f64; 3]> = Vec::new();
        while let Some(caller) = callers.join_next().await {
            took.extend(caller??);
        }
        let kind = |at: usize| Spread::of(&took.iter().map(|three| three[at]).collect::<Vec<f64>>());
        let names = ["create a token", "show a token", "revoke a token"];
        Ok(names
            .into_iter()
            .enumerate()
            .map(|(at, name)| Call { name: name.to_owned(), took: kind(at) })
            .collect())
    }

    /// Asks for the first page of each list, `looks` times by turns.
    ///
    /// # Errors
    /// A call was refused.
    pub async fn list(&self, lists: &[(&str, &str)], looks: usize) -> anyhow::Result<Vec<Call>> {
        let mut caller = self.connect().await?;
        let mut took: Vec<Vec<f64>> = vec![Vec::new(); lists.len()];
        for _ in 0..looks {
            for ((_, query), took) in lists.iter().zip(&mut took) {
                let path = format!("/api/v1/tokens?limit=50&{query}");
                took.push(caller.call(Method::GET, &path, Bytes::new(), StatusCode::OK).await?.1);
            }
        }
        let each = lists.iter().zip(&took);
        Ok(each.map(|((name, _), took)| Call { name: (*name).to_owned(), took: Spread::of(took) }).collect())
    }

    async fn connect(&self) -> anyhow::Result<Caller> {
        let stream = TcpStream::connect(self.address).await.context("cannot connect to the control plane")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Caller { sender, authorization: self.authorization.clone() })
    }
}

impl Caller {
    /// How long it takes to create, show and revoke a token, in milliseconds.
    async fn change(&mut self, number: usize, users: usize) -> anyhow::Result<[f64; 3]> {
        let wish = json!({"description": format!("measured {number}"), "user": format!("user{:06}", number % users)});
        let wish = Bytes::from(wish.to_string());
        let (made, created) = self.call(Method::POST, "/api/v1/tokens", wish, StatusCode::CREATED).await?;
        let path = format!("/api/v1/tokens/{}", made["id"].as_str().context("a token without an id")?);
        let (_, shown) = self.call(Method::GET, &path, Bytes::new(), StatusCode::OK).await?;
        let (_, revoked) = self.call(Method::DELETE, &path, Bytes::new(), StatusCode::NO_CONTENT).await?;
        Ok([created, shown, revoked])
    }

    /// The reply, whole, and after how many milliseconds it was there.
    async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
        expected: StatusCode,
    ) -> anyhow::Result<(Value, f64)> {
        let request = Request::builder()
            .method(&method)
            .uri(path)
            .header("host", "localhost")
            .header("authorization", &self.authorization)
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        self.sender.ready().await?;
        let began = now();
        let reply = self.sender.send_request(request).await?;
        let status = reply.status();
        let bytes = reply.into_body().collect().await?.to_bytes();
        let took = began.elapsed().as_secs_f64() * 1e3;
        ensure!(status == expected, "{method} {path}: {status}: {}", String::from_utf8_lossy(&bytes));
        Ok((if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? }, took))
    }
}
