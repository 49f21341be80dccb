//! `gatepass source show`, and how a source looks.

use clap::Args;
use serde_json::Value;

use crate::cli::audit::Output;
use crate::cli::client::answer::Answer;
use crate::cli::client::call::Call;
use crate::cli::client::shown::{self, ShownArgs};
use crate::cli::client::table::{Table, fields, plain};

/// What `gatepass source show` takes.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// The source's name
    name: String,
    #[command(flatten)]
    shown: ShownArgs,
}

pub(super) async fn execute(args: ShowArgs) -> anyhow::Result<()> {
    let client = args.shown.server.connect()?;
    let answer = client.send(Call::get(&["sources", &args.name])).await?;
    print(&answer, args.shown.output)
}

/// Prints the source that a server has answered with.
pub(super) fn print(answer: &Answer, form: Output) -> anyhow::Result<()> {
    shown::print(answer, form, lines)
}

/// Whom a source may name.
pub(super) fn whom(source: &Value) -> String {
    let prefix = source["user_prefix"].as_str().map(|prefix| format!("{prefix}…"));
    let exact = source["users"].as_array().into_iter().flatten().map(plain);
    prefix.into_iter().chain(exact).collect::<Vec<_>>().join(", ")
}

fn lines(source: &Value) -> String {
    let pushed = match source["pushed_at"].as_str() {
        Some(at) => format!("{at} by {}", plain(&source["pushed_by"])),
        None => "never".to_owned(),
    };
    let mut text = fields([
        ("name", plain(&source["name"])),
        ("description", plain(&source["description"])),
        ("may name", whom(source)),
        ("entries", format!("{} of at most {}", plain(&source["entries"]), plain(&source["max_entries"]))),
        ("pushed", pushed),
        ("document", plain(&source["document"])),
        ("revision", plain(&source["revision"])),
        ("created", format!("{} by {}", plain(&source["created_at"]), plain(&source["creator"]))),
    ]);
    let tokens = source["push_tokens"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !tokens.is_empty() {
        let mut table =
            Table::new(&["PUSH TOKEN", "HINT", "EXPIRES", "ALLOWED IPS", "LAST PUSH", "FROM", "DESCRIPTION"]);
        for token in tokens {
            let expires = token["expires_at"].as_str().unwrap_or("never").to_owned();
            let columns = ["allowed_ips", "last_pushed_at", "last_pushed_ip", "description"];
            let known = [plain(&token["id"]), plain(&token["hint"]), expires];
            table.row(known.into_iter().chain(columns.map(|name| plain(&token[name]))));
        }
        text.push('\n');
        text.push_str(&table.render());
    }
    text
}
