//! `gatepass source list` and `entries`.

use clap::Args;
use serde_json::Value;

use super::show::whom;
use crate::cli::audit::Output;
use crate::cli::client::call::Call;
use crate::cli::client::pages::{List, PageArgs};
use crate::cli::client::shown::ShownArgs;
use crate::cli::client::table::{Table, plain};
use crate::cli::output;

/// What `gatepass source list` takes.
#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    shown: ShownArgs,
}

/// What `gatepass source entries` takes.
#[derive(Clone, Debug, Args)]
pub struct EntriesArgs {
    /// The source's name
    name: String,
    #[command(flatten)]
    pages: PageArgs,
    #[command(flatten)]
    shown: ShownArgs,
}

pub(super) async fn execute(args: ListArgs) -> anyhow::Result<()> {
    let client = args.shown.server.connect()?;
    let answer = client.send(Call::get(&["sources"])).await?;
    if args.shown.output == Output::Json {
        return Ok(output::print(&answer.text()?)?);
    }
    let mut table = Table::new(&["NAME", "ENTRIES", "AT MOST", "USERS", "PUSHED", "BY", "DESCRIPTION"]);
    for source in answer.json()?["items"].as_array().into_iter().flatten() {
        let [name, entries, most] = ["name", "entries", "max_entries"].map(|field| plain(&source[field]));
        let [pushed, by, about] =
            ["pushed_at", "pushed_by", "description"].map(|field| plain(&source[field]));
        table.row([name, entries, most, whom(source), pushed, by, about]);
    }
    Ok(output::print(&table.render())?)
}

/// A page at a time, as lists of tokens.
pub(super) async fn entries(args: EntriesArgs) -> anyhow::Result<()> {
    let client = args.shown.server.connect()?;
    let list = List::of(&client, &Call::get(&["sources", &args.name, "snapshot"]), &args.pages).await?;
    if args.shown.output == Output::Json {
        return Ok(output::print(&list.text()?)?);
    }
    let mut table =
        Table::new(&["ENTRY", "USER", "STATE", "REFUSED", "EXPIRES", "SCOPE", "LAST USED", "DESCRIPTION"]);
    for entry in list.items()? {
        let or = |value: &Value, without: &str| value.as_str().unwrap_or(without).to_owned();
        table.row([
            plain(&entry["id"]),
            plain(&entry["user"]),
            plain(&entry["state"]),
            plain(&entry["refused"]),
            or(&entry["expires_at"], "never"),
            or(&entry["scope"], "everything"),
            plain(&entry["last_used"]["at"]),
            plain(&entry["description"]),
        ]);
    }
    output::print(&table.render())?;
    list.note_more();
    Ok(())
}
