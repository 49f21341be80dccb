//! The binary `gatepass`.

use std::io::Write as _;
use std::process::ExitCode;

use gatepass_control_plane::cli::logging::Told;
use gatepass_control_plane::cli::{Cli, exit_code, sentence};

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::from_command_line().execute().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if error.is::<Told>() {
                return ExitCode::from(exit_code(&error));
            }
            // With nobody to tell there is still the exit code.
            let _ = writeln!(std::io::stderr(), "gatepass: {}", sentence(&error));
            ExitCode::from(exit_code(&error))
        }
    }
}
