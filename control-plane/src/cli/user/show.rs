//! `gatepass user show`, and how a person looks.

use clap::Args;
use serde_json::Value;

use crate::cli::audit::Output;
use crate::cli::client::answer::Answer;
use crate::cli::client::call::Call;
use crate::cli::client::shown::{self, ShownArgs};
use crate::cli::client::table::{fields, plain};

/// What `gatepass user show` takes.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// The person's name
    name: String,
    #[command(flatten)]
    shown: ShownArgs,
}

pub(super) async fn execute(args: ShowArgs) -> anyhow::Result<()> {
    let client = args.shown.server.connect()?;
    let answer = client.send(Call::get(&["users", &args.name])).await?;
    print(&answer, args.shown.output)
}

/// Prints the person that a server has answered with.
pub(super) fn print(answer: &Answer, form: Output) -> anyhow::Result<()> {
    shown::print(answer, form, lines)
}

fn lines(user: &Value) -> String {
    fields([
        ("name", plain(&user["name"])),
        ("role", plain(&user["role"])),
        ("active", plain(&user["active"])),
        ("display name", plain(&user["display_name"])),
        ("email", plain(&user["email"])),
        ("groups", plain(&user["groups"])),
        ("password", plain(&user["has_password"])),
        ("created", plain(&user["created_at"])),
        ("last sign-in", plain(&user["last_sign_in_at"])),
        ("failed since", plain(&user["failed_sign_ins"])),
    ])
}
