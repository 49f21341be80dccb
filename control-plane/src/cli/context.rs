//! `gatepass context`: the servers that `gatepass login` knows. No server is asked.

use clap::Subcommand;
use serde_json::json;

use super::audit::Output;
use super::client::contexts::{self, Contexts, Name};
use super::client::table::Table;
use super::output;

/// What `gatepass context` does.
#[derive(Clone, Debug, Subcommand)]
pub enum ContextCommand {
    /// List them, without their tokens
    List {
        /// For whom they are printed
        #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
        output: Output,
    },
    /// Use another one where none is named
    Use {
        /// Which
        name: Name,
    },
    /// Forget one and its token, which stays valid until it is revoked or ends
    Remove {
        /// Which
        name: Name,
    },
}

/// Does what the command line says.
///
/// # Errors
/// There is no such context, or what is kept of them cannot be used.
pub fn execute(command: ContextCommand) -> anyhow::Result<()> {
    let file = contexts::file()?;
    match command {
        ContextCommand::List { output: form } => {
            let contexts = Contexts::read(&file)?;
            output::print(&listed(&contexts, form))?;
        }
        ContextCommand::Use { name } => Contexts::change(&file, |contexts| {
            contexts.named(&name)?;
            contexts.current = Some(name);
            Ok(())
        })?,
        ContextCommand::Remove { name } => Contexts::change(&file, |contexts| {
            contexts.named(&name)?;
            contexts.contexts.remove(&name);
            contexts.current.take_if(|current| *current == name);
            Ok(())
        })?,
    }
    Ok(())
}

fn listed(contexts: &Contexts, form: Output) -> String {
    let ca_file = |path: &std::path::PathBuf| path.display().to_string();
    let all = contexts.contexts.iter().map(|(name, context)| {
        let is_current = contexts.current.as_ref() == Some(name);
        (name.as_str(), is_current, context.server.to_string(), context.ca_file.as_ref().map(ca_file))
    });
    if form == Output::Json {
        let item = |(name, current, server, ca_file): (&str, bool, String, Option<String>)| json!({"name": name, "current": current, "server": server, "ca_file": ca_file});
        let items: Vec<_> = all.map(item).collect();
        return json!({"items": items}).to_string() + "\n";
    }
    let mut table = Table::new(&["", "NAME", "SERVER", "CA_FILE"]);
    for (name, is_current, server, ca_file) in all {
        let mark = if is_current { "*" } else { "" };
        table.row([mark.to_owned(), name.to_owned(), server, ca_file.unwrap_or_else(|| "-".to_owned())]);
    }
    table.render()
}
