//! `gatepass audit verify`.

use clap::Args;
use serde_json::json;

use super::{Output, Place};
use crate::audit;
use crate::cli::output;
use crate::domain::audit::{Break, Head};

/// What `gatepass audit verify` takes.
#[derive(Clone, Debug, Args)]
pub struct VerifyArgs {
    /// A head that the log showed: with it, a cut tail is found as well
    #[arg(long, value_name = "SEQ:MAC")]
    expect: Option<Head>,
    /// For whom the verdict is printed
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    output: Output,
    #[command(flatten)]
    place: Place,
}

/// The chain is not whole. The process ends with an exit code of its own: a script must not take a missing folder for it.
#[derive(Debug, thiserror::Error)]
#[error("the audit is not whole: {0}")]
pub struct NotWhole(Break);

pub(super) async fn execute(args: VerifyArgs) -> anyhow::Result<()> {
    let context = args.place.open().await?;
    let mut entries: u64 = 0;
    let count = |_: &_| entries = entries.saturating_add(1);
    let found = audit::verify(context.store.as_ref(), &context.audit_key, args.expect, count).await?;
    context.store.close().await;
    let json = match &found {
        Ok(head) => json!({"whole": true, "entries": entries, "head": head.to_string()}),
        Err(found) => json!({"whole": false, "entries": entries, "problem": found.to_string()}),
    };
    match (args.output, &found) {
        (Output::Json, _) => output::print(&format!("{json}\n"))?,
        (Output::Table, Ok(head)) => {
            output::print(&format!("The audit is whole: {entries} entries. Head: {head}\n"))?;
        }
        (Output::Table, Err(_)) => {}
    }
    found.map(drop).map_err(|found| NotWhole(found).into())
}
