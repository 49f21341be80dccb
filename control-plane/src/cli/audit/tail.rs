//! `gatepass audit tail`.

mod data;
mod server;

use anyhow::Context as _;
use clap::Args;
use unicode_width::UnicodeWidthStr as _;

use super::filter::FilterArgs;
use super::{Output, Source};
use crate::cli::output;
use crate::domain::terminal::harmless;

/// Widths that columns have at least, so that later lines stand below earlier ones.
const WIDTHS: [usize; 5] = [4, 20, 8, 9, 16];
const NAMES: [&str; 6] = ["SEQ", "AT", "ACTOR", "IP", "ACTION", "TARGET"];

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
    source: Source,
}

pub(super) async fn execute(args: TailArgs) -> anyhow::Result<()> {
    if args.source.data { data::tail(args).await } else { server::tail(&args.source.connect()?, &args).await }
}

/// An entry, ready to be printed.
struct Line {
    seq: i64,
    cells: [String; 6],
    /// With the end of the line.
    json: String,
}

struct Printer {
    output: Output,
    widths: [usize; 5],
}

impl Printer {
    /// Begins with `lines`, by which the columns get their widths.
    fn begin(output: Output, lines: &[Line]) -> anyhow::Result<Self> {
        let mut printer = Self { output, widths: WIDTHS };
        if output == Output::Table {
            for line in lines {
                for (width, cell) in printer.widths.iter_mut().zip(&line.cells) {
                    *width = (*width).max(harmless(cell).width());
                }
            }
            printer.print(&printer.row(&NAMES.map(str::to_owned)))?;
        }
        for line in lines {
            printer.line(line)?;
        }
        Ok(printer)
    }

    fn line(&self, line: &Line) -> anyhow::Result<()> {
        match self.output {
            Output::Table => self.print(&self.row(&line.cells)),
            Output::Json => self.print(&line.json),
        }
    }

    fn row(&self, cells: &[String; 6]) -> String {
        let mut row = String::new();
        for (cell, width) in cells.iter().zip(self.widths.iter().copied().chain([0])) {
            let cell = harmless(cell);
            let padding = width.saturating_sub(cell.width());
            row.push_str(&format!("{cell}{:padding$}  ", ""));
        }
        format!("{}\n", row.trim_end())
    }

    fn print(&self, text: &str) -> anyhow::Result<()> {
        output::print(text).context("cannot print the entries")
    }
}
