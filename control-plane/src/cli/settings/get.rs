//! `gatepass settings get`.

use clap::Args;
use serde_json::{Map, Value};

use crate::cli::audit::Output;
use crate::cli::client::ServerArgs;
use crate::cli::client::call::Call;
use crate::cli::client::failure::Failure;
use crate::cli::client::table::{Table, plain};
use crate::cli::output;
use crate::domain::terminal::{harmless, harmless_json};

/// What `gatepass settings get` takes.
#[derive(Clone, Debug, Args)]
pub struct GetArgs {
    /// Only these; the value of a single one stands alone
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// For whom they are printed; `json` is one object, as REST gives it
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    output: Output,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn execute(args: GetArgs) -> anyhow::Result<()> {
    let client = args.server.connect()?;
    let answer = client.send(Call::get(&["settings"])).await?;
    let all: Map<String, Value> = answer.read()?;
    let text = match (args.output, args.names.as_slice()) {
        (Output::Json, []) => answer.text()?,
        (Output::Json, names) => harmless_json(&Value::from(some(&all, names)?).to_string()) + "\n",
        (Output::Table, []) => table(&all),
        (Output::Table, names) => match some(&all, names)?.values().collect::<Vec<_>>().as_slice() {
            [value] => harmless(&shown(value)) + "\n",
            _ => table(&some(&all, names)?),
        },
    };
    Ok(output::print(&text)?)
}

fn some(all: &Map<String, Value>, names: &[String]) -> Result<Map<String, Value>, Failure> {
    let one = |name: &String| match all.get(name) {
        Some(value) => Ok((name.clone(), value.clone())),
        None => {
            let known: Vec<_> = all.keys().map(String::as_str).collect();
            Err(Failure::setup(format!("{} is no setting; there are {}", harmless(name), known.join(", "))))
        }
    };
    names.iter().map(one).collect()
}

/// Settings, a line for each.
pub(super) fn table(settings: &Map<String, Value>) -> String {
    let mut table = Table::new(&["SETTING", "VALUE"]);
    for (name, value) in settings {
        table.row([name.clone(), shown(value)]);
    }
    table.render()
}

/// A value as `set` takes it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => plain(value),
        other => other.to_string(),
    }
}
