//! The command line.

pub mod audit;
pub mod logging;
pub mod run;
pub mod serve;
pub mod user;

use clap::{Parser, Subcommand};

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
    /// Work on users in the data folder; a running server may stay up
    #[command(subcommand)]
    User(user::UserCommand),
    /// Look after the audit
    #[command(subcommand)]
    Audit(audit::AuditCommand),
}

impl Cli {
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
        }
    }
}
