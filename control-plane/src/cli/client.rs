//! The command line as a client of a server: which server, with which token, and what its answers mean.

pub mod address;
pub mod answer;
pub mod call;
pub mod confirm;
pub mod contexts;
pub mod failure;
mod network;
pub mod pages;
mod problem;
pub mod secret;
pub mod shown;
pub mod table;

use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderValue, Response, StatusCode, header};
use clap::Args;
use hyper::body::Incoming;
use tokio::time::{sleep, timeout};

use super::output;
use address::Address;
use answer::{Answer, Stream};
use call::Call;
use contexts::{Context, Contexts};
use failure::Failure;
use network::Network;
use secret::Secret;

/// Where the token is read from, besides a context. No flag: other users of the machine see flags.
pub const TOKEN_VARIABLE: &str = "GATEPASS_TOKEN";
/// The longest that a server may ask to wait, in seconds, for this program to do so by itself.
const MAX_WAIT: u64 = 60;

/// Which server, and how it is reached.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Server (its token is in GATEPASS_TOKEN, or in what `gatepass login` keeps)")]
pub struct ServerArgs {
    /// The server's URL: https, or http on this machine [default: the context's]
    #[arg(long, env = "GATEPASS_SERVER", value_name = "URL")]
    pub server: Option<Address>,
    /// Which of the servers that `gatepass login` knows [default: the one that is in use]
    #[arg(long, env = "GATEPASS_CONTEXT", value_name = "NAME")]
    pub context: Option<contexts::Name>,
    /// Certificates, in PEM, of the authorities that vouch for the server, in place of the machine's own
    #[arg(long, env = "GATEPASS_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// For how many seconds the server may be silent
    #[arg(long, env = "GATEPASS_TIMEOUT", default_value_t = 60, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

impl ServerArgs {
    /// A client of the server that is meant.
    ///
    /// # Errors
    /// No server or no token is named, the token is for another server, or what is kept of contexts cannot be used.
    pub fn connect(&self) -> Result<Client, Failure> {
        let token = Secret::of_variable(TOKEN_VARIABLE)?;
        let context = self.context(token.is_some())?;
        let address = self.server.as_ref().or(context.as_ref().map(|context| &context.server));
        let Some(address) = address.cloned() else {
            return Err(Failure::setup(
                "which server? Name it with --server or GATEPASS_SERVER, or run `gatepass login`",
            ));
        };
        // What a context holds is for its own server and goes to no other.
        let context = context.filter(|context| context.server == address);
        let Some(token) = token.or(context.as_ref().map(|context| context.token.clone())) else {
            let sentence =
                format!("there is no token for {address}: set {TOKEN_VARIABLE}, or run `gatepass login`");
            return Err(Failure::setup(sentence));
        };
        let ca_file = self.ca_file.clone().or(context.and_then(|context| context.ca_file));
        Client::new(address, token, ca_file, Duration::from_secs(self.timeout))
    }

    /// The context that counts: the one that is named, else the one that has the server that is named, else the one that
    /// is in use. None where server and token are known without.
    fn context(&self, token_is_known: bool) -> Result<Option<Context>, Failure> {
        if self.context.is_none() && self.server.is_some() && token_is_known {
            return Ok(None);
        }
        let contexts = Contexts::read(&contexts::file()?)?;
        if let Some(name) = &self.context {
            return contexts.named(name).cloned().map(Some);
        }
        match &self.server {
            Some(server) => contexts.of_server(server),
            None => Ok(contexts.current().cloned()),
        }
    }
}

/// A server, and the token that is presented to it.
#[derive(Debug)]
pub struct Client {
    address: Address,
    token: HeaderValue,
    network: Network,
    /// For how long the server may be silent.
    patience: Duration,
}

impl Client {
    /// A client of the server at `address`. Nothing is sent yet.
    ///
    /// # Errors
    /// The authorities in `ca_file`, the machine's own, or the proxy that the environment names cannot be used.
    pub fn new(
        address: Address,
        token: Secret,
        ca_file: Option<PathBuf>,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let network = Network::new(&address, ca_file.as_deref())?;
        Ok(Self { token: token.bearer()?, address, network, patience })
    }

    /// Which server it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Makes a call, and reads its answer to the end.
    ///
    /// # Errors
    /// There is no answer, or it is that the call is refused.
    pub async fn send(&self, call: Call) -> Result<Answer, Failure> {
        let answer = self.stream(call.clone()).await?.collect(call.most_bytes()).await;
        answer.map_err(|failure| match failure {
            Failure::Unreachable { server, problem } => {
                Failure::Unreachable { server, problem: call.told_of(problem) }
            }
            other => other,
        })
    }

    /// Makes a call whose answer may be long.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn stream(&self, call: Call) -> Result<Stream<'_>, Failure> {
        let mut response = self.exchange(&call).await?;
        if let Some(seconds) = asked_to_wait(&response) {
            output::note(&format!("The server asks to wait {seconds} s."));
            sleep(Duration::from_secs(seconds)).await;
            response = self.exchange(&call).await?;
        }
        let status = response.status();
        let stream = Stream::new(&self.address, response, self.patience);
        if status.is_success() {
            return Ok(stream);
        }
        Err(stream.refusal().await)
    }

    async fn exchange(&self, call: &Call) -> Result<Response<Incoming>, Failure> {
        let request = call.request(&self.address, &self.token)?;
        let reply = timeout(self.patience, self.network.request(request)).await;
        let unreachable = |problem: String| Failure::Unreachable { server: self.address.clone(), problem };
        match reply {
            Ok(reply) => reply.map_err(|problem| unreachable(call.told_of(problem))),
            Err(_) => {
                let problem = format!("no answer within {} s", self.patience.as_secs());
                Err(unreachable(call.told_of(problem)))
            }
        }
    }
}

/// The seconds after which a call that came too soon may be made again, if they are few. Such a call has changed nothing.
fn asked_to_wait(response: &Response<Incoming>) -> Option<u64> {
    if response.status() != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    (1..=MAX_WAIT).contains(&seconds).then_some(seconds)
}
