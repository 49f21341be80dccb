//! `gatepass user import`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::cli::audit::Output;
use crate::cli::client::call::Call;
use crate::cli::client::failure::Failure;
use crate::cli::client::shown::ShownArgs;
use crate::cli::client::table::{Table, plain};
use crate::cli::{output, snapshot};

/// What `gatepass user import` takes.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// The file; standard input if it is `-`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How it is written [default: as its name ends]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<FileFormat>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    shown: ShownArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FileFormat {
    /// A head of `name,role,active,display_name,email,groups`, and a line for each person (RFC 4180)
    Csv,
    /// `{"users": [{"name", "role", …}]}`
    Json,
}

impl FileFormat {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Json => "application/json",
        }
    }
}

pub(super) async fn execute(args: ImportArgs) -> anyhow::Result<()> {
    let unknown = || Failure::setup("is it CSV or JSON? Say --format csv or --format json");
    let format = args.format.or_else(|| FileFormat::of(&args.file)).ok_or_else(unknown)?;
    let client = args.shown.server.connect()?;
    let file = snapshot::read(Some(&args.file))?;
    let call = Call::post(&["users", "import"]).query("dry_run", args.dry_run.to_string());
    let answer = client.send(call.body(format.content_type(), file)).await?;
    if args.shown.output == Output::Json {
        return Ok(output::print(&answer.text()?)?);
    }
    let report = answer.json()?;
    output::print(&table(&report))?;
    let count = |name: &str| plain(&report[name]);
    let verb = if args.dry_run { "would be" } else { "were" };
    let [created, updated, unchanged] = ["created", "updated", "unchanged"].map(count);
    output::note(&format!("{created} {verb} added, {updated} changed; {unchanged} stay as they are."));
    Ok(())
}

fn table(report: &Value) -> String {
    let mut table = Table::new(&["NAME", "FIELD", "BEFORE", "AFTER"]);
    for change in report["changes"].as_array().into_iter().flatten() {
        for (field, after) in change["after"].as_object().into_iter().flatten() {
            table.row([plain(&change["name"]), field.clone(), plain(&change["before"][field]), plain(after)]);
        }
    }
    table.render()
}
