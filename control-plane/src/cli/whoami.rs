//! `gatepass whoami`.

use clap::Args;

use super::audit::Output;
use super::client::ServerArgs;
use super::client::call::Call;
use super::client::table::{fields, plain};
use super::output;

/// What `gatepass whoami` takes.
#[derive(Clone, Debug, Args)]
pub struct WhoamiArgs {
    /// For whom it is printed
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    pub output: Output,
    /// Whom to ask.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Asks the server.
///
/// # Errors
/// It does not know the token.
pub async fn execute(args: WhoamiArgs) -> anyhow::Result<()> {
    let client = args.server.connect()?;
    let answer = client.send(Call::get(&["whoami"])).await?;
    if args.output == Output::Json {
        return Ok(output::print(&answer.text()?)?);
    }
    let who = answer.json()?;
    if let Some(source) = who["source"].as_str() {
        let token = &who["push_token"];
        let text = fields([
            ("server", client.address().to_string()),
            ("source", source.to_owned()),
            ("address", plain(&who["ip"])),
            ("push token", plain(&token["id"])),
            ("description", plain(&token["description"])),
            ("hint", plain(&token["hint"])),
            ("expires", super::token::show::expiry(token)),
        ]);
        return Ok(output::print(&text)?);
    }
    let token = &who["token"];
    let text = fields([
        ("server", client.address().to_string()),
        ("user", plain(&who["user"])),
        ("role", plain(&who["role"])),
        ("address", plain(&who["ip"])),
        ("token", plain(&token["id"])),
        ("description", plain(&token["description"])),
        ("hint", plain(&token["hint"])),
        ("expires", super::token::show::expiry(token)),
        ("manages", plain(&token["control_plane"])),
    ]);
    Ok(output::print(&text)?)
}
