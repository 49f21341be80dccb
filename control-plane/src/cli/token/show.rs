//! `gatepass token show`, and how a token looks.

use clap::Args;
use serde_json::Value;

use crate::cli::audit::Output;
use crate::cli::client::ServerArgs;
use crate::cli::client::call::Call;
use crate::cli::client::table::{fields, plain};
use crate::cli::output;

/// What `gatepass token show` takes.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// The token's id
    id: String,
    /// For whom it is printed
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    output: Output,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn execute(args: ShowArgs) -> anyhow::Result<()> {
    let client = args.server.connect()?;
    let answer = client.send(Call::get(&["tokens", &args.id])).await?;
    let text = match args.output {
        Output::Json => answer.text()?,
        Output::Table => lines(&answer.json()?),
    };
    Ok(output::print(&text)?)
}

/// A token, a line for each thing that is known of it.
pub(super) fn lines(token: &Value) -> String {
    let last = &token["last_used"];
    let by = |at: &Value, by: &Value| match at.as_str() {
        Some(at) => format!("{at} by {}", plain(by)),
        None => "-".to_owned(),
    };
    let all = [
        ("id", plain(&token["id"])),
        ("user", plain(&token["user"])),
        ("description", plain(&token["description"])),
        ("state", plain(&token["state"])),
        ("expires", expiry(token)),
        ("scope", scope(token)),
        ("allowed IPs", addresses(token)),
        ("manages", plain(&token["control_plane"])),
        ("hint", plain(&token["hint"])),
        ("created", by(&token["created_at"], &token["creator"])),
        ("last used", plain(&last["at"])),
        ("  from", plain(&last["ip"])),
        ("  by", plain(&last["user_agent"])),
        ("disabled", by(&token["disabled_at"], &token["disabled_by"])),
        ("revoked", by(&token["revoked_at"], &token["revoked_by"])),
        ("predecessor", plain(&token["predecessor"])),
        ("successor", plain(&token["successor"])),
    ];
    // What there is always, and of the rest what there is.
    let always = 11;
    let shown = all.into_iter().enumerate().filter(|(place, (_, value))| *place < always || value != "-");
    fields(shown.map(|(_, field)| field))
}

/// When a token ends.
pub fn expiry(token: &Value) -> String {
    token["expires_at"].as_str().unwrap_or("never").to_owned()
}

/// What a token is good for.
pub(super) fn scope(token: &Value) -> String {
    token["scope"].as_str().unwrap_or("everything").to_owned()
}

fn addresses(token: &Value) -> String {
    match plain(&token["allowed_ips"]).as_str() {
        "-" => "every address".to_owned(),
        some => some.to_owned(),
    }
}
