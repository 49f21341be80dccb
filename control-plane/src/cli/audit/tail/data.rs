//! The newest entries of the data folder.

use std::time::Duration;

use super::{Line, Printer, TailArgs};
use crate::audit::{EntryView, Format};
use crate::domain::audit::Entry;
use crate::domain::audit::filter::AuditFilter;
use crate::store::Store;

/// How often a tail that follows looks for more.
const POLL: Duration = Duration::from_millis(500);
/// How many entries it reads at a time.
const PAGE: i64 = 200;

pub(super) async fn tail(args: TailArgs) -> anyhow::Result<()> {
    let context = args.source.place.open().await?;
    let filter: AuditFilter = args.filter.into();
    let mut tx = context.store.read().await?;
    let last = tx.audit_head().await?.seq;
    let newest = tx.audit_matching(&filter, None, i64::from(args.lines)).await?;
    drop(tx);
    let lines: Vec<Line> = newest.iter().rev().map(line).collect();
    let printer = Printer::begin(args.output, &lines)?;
    if args.follow {
        follow(context.store.as_ref(), &filter, last, &printer).await?;
    }
    context.store.close().await;
    Ok(())
}

/// Shows what comes after the entry numbered `last`, until the process ends.
async fn follow(
    store: &dyn Store,
    filter: &AuditFilter,
    mut last: i64,
    printer: &Printer,
) -> anyhow::Result<()> {
    loop {
        let page = store.read().await?.audit_after(last, PAGE).await?;
        for entry in &page {
            last = entry.seq;
            if filter.admits(entry) {
                printer.line(&line(entry))?;
            }
        }
        if page.is_empty() {
            tokio::time::sleep(POLL).await;
        }
    }
}

fn line(entry: &Entry) -> Line {
    let entry = EntryView::from(entry);
    let ip = entry.ip.as_deref().unwrap_or("-");
    let seq = entry.seq.to_string();
    let cells = [&seq, &entry.at, &entry.actor, ip, &entry.action, &entry.target].map(str::to_owned);
    Line { seq: entry.seq, cells, json: Format::JsonLines.line(&entry) }
}
