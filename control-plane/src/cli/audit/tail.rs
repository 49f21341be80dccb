//! `gatepass audit tail`.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::filter::FilterArgs;
use super::{Output, Place};
use crate::audit::{EntryView, Format};
use crate::cli::output;
use crate::domain::audit::filter::AuditFilter;
use crate::domain::terminal::harmless;
use crate::store::Store;

/// How often a tail that follows looks for more.
const POLL: Duration = Duration::from_millis(500);
/// How many entries it reads at a time.
const PAGE: i64 = 200;
/// Widths that columns have at least, so that later lines stand below earlier ones.
const WIDTHS: [usize; 5] = [4, 20, 8, 9, 16];

/// What `gatepass audit tail` takes.
#[derive(Clone, Debug, Args)]
pub struct TailArgs {
    /// How many entries
    #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=10_000), value_name = "COUNT")]
    lines: u32,
    /// Go on showing entries as they come, until interrupted
    #[arg(long, short)]
    follow: bool,
    /// For whom the entries are printed; `json` is one object a line
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    output: Output,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn execute(args: TailArgs) -> anyhow::Result<()> {
    let context = args.place.open().await?;
    let filter: AuditFilter = args.filter.into();
    let mut tx = context.store.read().await?;
    let last = tx.audit_head().await?.seq;
    let mut newest = tx.audit_matching(&filter, None, i64::from(args.lines)).await?;
    drop(tx);
    newest.reverse();
    let mut printer = Printer { output: args.output, widths: WIDTHS };
    if args.output == Output::Table {
        printer.head(&newest.iter().map(EntryView::from).collect::<Vec<_>>())?;
    }
    for entry in &newest {
        printer.entry(&entry.into())?;
    }
    if args.follow {
        follow(context.store.as_ref(), &filter, last, &mut printer).await?;
    }
    context.store.close().await;
    Ok(())
}

/// Shows what comes after the entry numbered `last`, until the process ends.
async fn follow(
    store: &dyn Store,
    filter: &AuditFilter,
    mut last: i64,
    printer: &mut Printer,
) -> anyhow::Result<()> {
    loop {
        let page = store.read().await?.audit_after(last, PAGE).await?;
        for entry in &page {
            last = entry.seq;
            if filter.admits(entry) {
                printer.entry(&entry.into())?;
            }
        }
        if page.is_empty() {
            tokio::time::sleep(POLL).await;
        }
    }
}

struct Printer {
    output: Output,
    widths: [usize; 5],
}

impl Printer {
    fn head(&mut self, entries: &[EntryView]) -> anyhow::Result<()> {
        for cells in entries.iter().map(cells) {
            for (width, cell) in self.widths.iter_mut().zip(&cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let names = ["SEQ", "AT", "ACTOR", "IP", "ACTION", "TARGET"];
        self.print(&self.row(&names.map(str::to_owned)))
    }

    fn entry(&self, entry: &EntryView) -> anyhow::Result<()> {
        match self.output {
            Output::Table => self.print(&self.row(&cells(entry))),
            Output::Json => self.print(&Format::JsonLines.line(entry)),
        }
    }

    fn row(&self, cells: &[String; 6]) -> String {
        let widths = self.widths.iter().copied().chain([0]);
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    }

    fn print(&self, text: &str) -> anyhow::Result<()> {
        output::print(text).context("cannot print the entries")
    }
}

fn cells(entry: &EntryView) -> [String; 6] {
    let ip = entry.ip.as_deref().unwrap_or("-");
    let seq = entry.seq.to_string();
    [&seq, &entry.at, &entry.actor, ip, &entry.action, &entry.target].map(harmless)
}
