//! `gatepass restore` and `gatepass reconcile`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;

use super::audit::Output;
use super::logging::{self, Format, Level};
use super::output;
use super::storage::StorageArgs;
use crate::clock::SystemClock;
use crate::data_folder::DataFolder;
use crate::random::SystemRandom;
use crate::restore::since::{Ended, Unknown};
use crate::restore::{self, Restored, Wish};

/// What `gatepass restore` takes.
#[derive(Clone, Debug, Args)]
pub struct RestoreArgs {
    /// What `gatepass backup` wrote
    pub file: PathBuf,
    /// Where it goes: the folder may be new.
    #[command(flatten)]
    pub storage: StorageArgs,
    /// What proxies were told last, which tells what has ended since the backup [default: the database in the folder, or else
    /// envoy/gatepass.ecds.pb in it]
    #[arg(long, value_name = "FILE")]
    pub since: Option<PathBuf>,
    /// Where nothing tells what was revoked since the backup: end all its tokens
    #[arg(long, conflicts_with = "keep_all_tokens")]
    pub end_all_tokens: bool,
    /// Where nothing tells what was revoked since the backup: let all its tokens work
    #[arg(long)]
    pub keep_all_tokens: bool,
    /// For whom the result is printed
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    pub output: Output,
}

/// What `gatepass reconcile` takes.
#[derive(Clone, Debug, Args)]
pub struct ReconcileArgs {
    /// What proxies were told last before the database was put back: the file that Envoy watched, or the plugin configuration as
    /// JSON. Copy it before a server starts, which replaces it
    #[arg(long, value_name = "FILE")]
    pub since: PathBuf,
    /// Where the database is.
    #[command(flatten)]
    pub storage: StorageArgs,
    /// For whom the result is printed
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    pub output: Output,
}

/// Puts a backup back.
///
/// # Errors
/// A sentence that says what to do; nothing was changed then.
pub async fn execute(args: RestoreArgs) -> anyhow::Result<()> {
    logging::init(Level::Warn, Format::Auto);
    if args.storage.is_elsewhere() {
        bail!(
            "the database is PostgreSQL's: put it back with pg_restore, then run `gatepass reconcile`; see docs/operations.md"
        );
    }
    let folder = DataFolder::open_or_create(&args.storage.data_dir)?;
    let lock = folder.lock()?;
    let unknown = match (args.end_all_tokens, args.keep_all_tokens) {
        (true, _) => Some(Unknown::End),
        (_, true) => Some(Unknown::Keep),
        _ => None,
    };
    let wish = Wish {
        file: &args.file,
        audit_key: args.storage.audit_key_file.as_deref(),
        since: args.since.as_deref(),
        unknown,
    };
    let done = restore::restore(&folder, wish, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    drop(lock);
    let text = match args.output {
        Output::Json => serde_json::to_string(&done)? + "\n",
        Output::Table => told(&done),
    };
    Ok(output::print(&text)?)
}

/// Ends in a database that was put back by other means what has ended since.
///
/// # Errors
/// A sentence that says what to do; nothing was changed then.
pub async fn reconcile(args: ReconcileArgs) -> anyhow::Result<()> {
    logging::init(Level::Warn, Format::Auto);
    let since = restore::since::told(&args.since)?;
    let context = args.storage.open().await?;
    let ended = restore::reconcile(&context, &since).await;
    context.store.close().await;
    let ended = ended?;
    let text = match args.output {
        Output::Json => serde_json::to_string(&ended)? + "\n",
        Output::Table => text_of(&ended),
    };
    Ok(output::print(&text)?)
}

fn told(done: &Restored) -> String {
    let made_at = done.made_at.as_deref().map(|at| format!(" of {at}")).unwrap_or_default();
    let mut text = format!("The backup{made_at} has been put back, in the new epoch {}.\n", done.epoch);
    let _ = writeln!(text, "Compared with {}:", done.compared_with);
    text += &text_of(&done.ended);
    if let Some(set_aside) = &done.set_aside {
        let _ = writeln!(
            text,
            "The database that was there is {} now; remove it once you need it no more.",
            set_aside.display()
        );
    }
    let _ = writeln!(text, "The audit's head: {}\nStart the server now.", done.audit_head);
    text
}

fn text_of(ended: &Ended) -> String {
    let mut text = String::new();
    for (count, what) in [
        (ended.tokens_revoked, "tokens revoked again"),
        (ended.tokens_shortened, "tokens end sooner, as they did"),
        (ended.users_deactivated, "users deactivated again"),
        (ended.roles_lowered, "roles lowered again"),
        (ended.groups_left, "people out of groups again that they had left"),
        (ended.passwords_changed, "passwords are the newer ones"),
        (ended.identities_removed, "identities of OpenID Connect taken again from people"),
    ] {
        let _ = writeln!(text, "  {count:>7} {what}");
    }
    let _ = writeln!(text, "  {:>7} sign-ins ended, all of them", ended.sessions_ended);
    let _ = writeln!(text, "  {:>7} push tokens of sources ended, all of them", ended.push_tokens_ended);
    if !ended.admins_kept.is_empty() {
        let names = ended.admins_kept.join(", ");
        let _ = writeln!(
            text,
            "  Admins although they are no more, since there would be none: {names}. Look after them."
        );
    }
    if !ended.settings_changed.is_empty() {
        let names = ended.settings_changed.join(", ");
        let _ = writeln!(text, "  Settings are those of the backup. Changed since, look at them: {names}");
    }
    text
}
