//! The binary `gatepass`.

use std::process::ExitCode;

use clap::Parser as _;
use gatepass_control_plane::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().execute().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gatepass: {error:#}");
            ExitCode::FAILURE
        }
    }
}
