//! `gatepass login`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::client::address::Address;
use super::client::call::Call;
use super::client::contexts::{self, Context, Contexts, Name};
use super::client::failure::Failure;
use super::client::secret::Secret;
use super::client::table::plain;
use super::client::{Client, TOKEN_VARIABLE};
use super::{output, prompt};
use crate::domain::terminal::harmless;

/// The context of whoever needs only one.
const DEFAULT: &str = "default";
/// How long the server may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `gatepass login` takes.
#[derive(Clone, Debug, Args)]
pub struct LoginArgs {
    /// The server's URL: https, or http on this machine
    #[arg(value_name = "URL", env = "GATEPASS_SERVER")]
    pub server: Address,
    /// Under which name it is kept
    #[arg(long, env = "GATEPASS_CONTEXT", default_value = DEFAULT, value_name = "NAME")]
    pub context: Name,
    /// Certificates, in PEM, of the authorities that vouch for the server, in place of the machine's own
    #[arg(long, env = "GATEPASS_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

/// Asks the server whose the token is, and keeps both.
///
/// # Errors
/// The server does not know the token, or it cannot be kept.
pub async fn execute(args: LoginArgs) -> anyhow::Result<()> {
    let LoginArgs { server, context, ca_file } = args;
    let file = contexts::file()?;
    // Found out before anybody types.
    Contexts::read(&file)?;
    let ca_file = ca_file.map(|path| {
        std::path::absolute(&path)
            .map_err(|error| Failure::setup(format!("--ca-file {}: {error}", path.display())))
    });
    let ca_file = ca_file.transpose()?;
    let token = match Secret::of_variable(TOKEN_VARIABLE)? {
        Some(token) => token,
        None => {
            let line = prompt::read_secret(&format!("Token for {server}: ")).await?;
            Secret::parse(&line).map_err(|error| Failure::setup(error.to_string()))?
        }
    };
    let client = Client::new(server.clone(), token.clone(), ca_file.clone(), PATIENCE)?;
    let who = client.send(Call::get(&["whoami"])).await?.json()?;
    let entry = Context { server: server.clone(), token, ca_file };
    Contexts::change(&file, |contexts| {
        contexts.contexts.insert(context.clone(), entry);
        contexts.current = Some(context.clone());
        Ok(())
    })?;
    let (caller, token) = match who["source"].as_str() {
        Some(source) => (format!("the source {source}"), &who["push_token"]),
        None => (format!("{} ({})", plain(&who["user"]), plain(&who["role"])), &who["token"]),
    };
    let end = match token["expires_at"].as_str() {
        Some(end) => format!("ends at {end}"),
        None => "never ends".to_owned(),
    };
    let power = if token["control_plane"] == true || !who["source"].is_null() {
        ""
    } else {
        "; it only reads: it was made without control_plane"
    };
    let told = format!(
        "{server} knows you as {caller}. The token …{} {end}{power}. Kept as context {} in {}.",
        plain(&token["hint"]),
        context.as_str(),
        file.display()
    );
    Ok(output::print(&(harmless(&told) + "\n"))?)
}
