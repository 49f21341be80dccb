//! The command line.

pub mod audit;
pub mod backup;
pub mod client;
pub mod completions;
pub mod context;
pub mod doctor;
pub mod logging;
pub mod login;
pub mod openapi;
mod output;
mod prompt;
pub mod render;
pub mod restore;
pub mod run;
pub mod serve;
pub mod settings;
mod settings_file;
pub mod snapshot;
pub mod source;
pub mod storage;
pub mod token;
pub mod user;
pub mod whoami;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use client::failure::Failure;

/// API tokens for anything behind Envoy.
#[derive(Debug, Parser)]
#[command(name = "gatepass", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Manage tokens by REST and write the filter's configuration for Envoy
    Serve(serve::ServeArgs),
    /// Try the whole product on this machine
    Run(run::RunArgs),
    /// Manage people on a server, and in the data folder
    #[command(subcommand)]
    User(user::UserCommand),
    /// Read the audit of a server, or of the data folder, and check it
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Back up the data folder, also while a server runs
    Backup(backup::BackupArgs),
    /// Put a backup back; no server may run
    Restore(restore::RestoreArgs),
    /// After PostgreSQL was put back: end what has ended since
    Reconcile(restore::ReconcileArgs),
    /// Find out what is wrong, and what to do about it: exit code 0 if nothing is, 3 if something is, 1 if that could not be
    /// found out
    Doctor(doctor::DoctorArgs),
    /// Convert plugin configurations, look into them and compare them
    #[command(subcommand)]
    Snapshot(snapshot::SnapshotCommand),
    /// Write what Envoy and Istio load the filter from
    #[command(subcommand)]
    Render(render::RenderCommand),
    /// Print the OpenAPI document of REST
    Openapi,
    /// Keep a server and a token for it, which is read from standard input or GATEPASS_TOKEN
    Login(login::LoginArgs),
    /// The servers that `login` knows
    #[command(subcommand)]
    Context(context::ContextCommand),
    /// Show who this is to the server, and with which token
    Whoami(whoami::WhoamiArgs),
    /// Manage tokens on a server
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Manage on a server from where CI pushes
    #[command(subcommand)]
    Source(source::SourceCommand),
    /// Show and change the settings of a server
    #[command(subcommand)]
    Settings(settings::SettingsCommand),
    /// Print completions for a shell
    Completions(completions::CompletionsArgs),
}

impl Cli {
    /// Reads the command line, the environment and the file of settings that they name; ends the process, with a message, if they cannot be understood.
    pub fn from_command_line() -> Self {
        let command = without_empty_variables(Self::command());
        let mut matches = command.clone().get_matches();
        if let Some(path) = settings_file::named(&matches) {
            let command = settings_file::apply(command, &matches, &path);
            let wrong = |problem| Self::command().error(ErrorKind::InvalidValue, problem);
            matches = command.unwrap_or_else(|problem| wrong(problem).exit()).get_matches();
        }
        if let Some(flag) = storage::unasked(&matches) {
            let problem =
                format!("--{flag} is for --data, which reads the data folder in place of asking a server");
            Self::command().error(ErrorKind::ArgumentConflict, problem).exit();
        }
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut Self::command()).exit())
    }

    /// Does what the command line says.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn execute(self) -> anyhow::Result<()> {
        match self.command {
            Command::Serve(args) => serve::execute(args).await,
            Command::Run(args) => run::run(args).await,
            Command::User(command) => user::execute(command).await,
            Command::Audit(command) => audit::execute(command).await,
            Command::Doctor(args) => doctor::execute(args).await,
            Command::Backup(args) => backup::execute(args).await,
            Command::Restore(args) => restore::execute(args).await,
            Command::Reconcile(args) => restore::reconcile(args).await,
            Command::Snapshot(command) => snapshot::execute(command).await,
            Command::Openapi => openapi::execute(),
            Command::Login(args) => login::execute(args).await,
            Command::Context(command) => context::execute(command),
            Command::Whoami(args) => whoami::execute(args).await,
            Command::Token(command) => token::execute(command).await,
            Command::Source(command) => source::execute(command).await,
            Command::Settings(command) => settings::execute(command).await,
            Command::Completions(args) => completions::execute(args, Self::command()),
            Command::Render(command) => tokio::task::spawn_blocking(|| render::execute(command)).await?,
        }
    }
}

/// An empty variable counts as unset: compose files have no other way to leave one out.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| {
        let value = arg.get_env().and_then(std::env::var_os);
        if value.is_some_and(|value| value.is_empty()) { arg.env(Resettable::Reset) } else { arg }
    });
    command.mut_subcommands(without_empty_variables)
}

/// The exit code of a command that failed with `error`: 3 when it found that the audit is not whole, or another error that it
/// was to find; what [`Failure`] says when a server was asked; else 1. What clap does not understand ends with 2.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<audit::NotWhole>() || error.is::<doctor::NotWell>() {
        return 3;
    }
    error.downcast_ref::<Failure>().map_or(1, Failure::exit_code)
}

/// An error with its causes, each told once: some errors name their cause themselves.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_told_once() {
        let error = anyhow::anyhow!("no such file").context("a: no such file; do this").context("b");
        assert_eq!(sentence(&error), "b: a: no such file; do this");
        assert_eq!(sentence(&anyhow::anyhow!("c").context("c")), "c");
        assert_eq!(sentence(&anyhow::anyhow!("d")), "d");
    }
}
