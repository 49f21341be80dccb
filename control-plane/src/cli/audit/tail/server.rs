//! The newest entries, as a server tells of them.

use std::time::Duration;

use serde_json::Value;

use super::{Line, Printer, TailArgs};
use crate::cli::client::Client;
use crate::cli::client::call::Call;
use crate::cli::client::pages::{List, PageArgs};
use crate::cli::client::table::plain;
use crate::domain::terminal::harmless_json;

/// How often a tail that follows asks for more.
const POLL: Duration = Duration::from_secs(2);
/// How many entries it asks for at a time.
const PAGE: u32 = 100;

pub(super) async fn tail(client: &Client, args: &TailArgs) -> anyhow::Result<()> {
    let call = args.filter.ask();
    // One at least, to know after which others follow.
    let wanted = PageArgs { limit: args.lines.max(1), all: false, cursor: None };
    let newest = lines(&List::of(client, &call, &wanted).await?)?;
    let last = newest.first().map_or(0, |line| line.seq);
    let shown = usize::try_from(args.lines).unwrap_or(usize::MAX);
    let mut newest: Vec<Line> = newest.into_iter().take(shown).collect();
    newest.reverse();
    let printer = Printer::begin(args.output, &newest)?;
    if args.follow {
        follow(client, &call, last, &printer).await?;
    }
    Ok(())
}

/// Shows what comes after the entry numbered `last`, until the process ends or the server does not answer.
async fn follow(client: &Client, call: &Call, mut last: i64, printer: &Printer) -> anyhow::Result<()> {
    loop {
        tokio::time::sleep(POLL).await;
        let since = since(client, call, last).await?;
        last = since.first().map_or(last, |line| line.seq);
        for line in since.iter().rev() {
            printer.line(line)?;
        }
    }
}

/// All that follows the entry numbered `last`, the newest first.
async fn since(client: &Client, call: &Call, last: i64) -> anyhow::Result<Vec<Line>> {
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = List::page(client, call, PAGE, cursor.as_deref()).await?;
        let lines = lines(&page)?;
        // An empty page that has another one behind it is none that a server of ours gives.
        let is_last = lines.is_empty() || lines.iter().any(|line| line.seq <= last);
        found.extend(lines.into_iter().filter(|line| line.seq > last));
        cursor = page.next_cursor().map(str::to_owned);
        if is_last || cursor.is_none() {
            return Ok(found);
        }
    }
}

/// The newest first.
fn lines(list: &List) -> anyhow::Result<Vec<Line>> {
    let line = |(entry, json): (Value, &str)| Line {
        seq: entry["seq"].as_i64().unwrap_or(0),
        cells: ["seq", "at", "actor", "ip", "action", "target"].map(|name| plain(&entry[name])),
        json: harmless_json(json) + "\n",
    };
    Ok(list.items()?.into_iter().zip(list.raw()).map(line).collect())
}
