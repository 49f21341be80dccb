//! `gatepass completions`.

use clap::{Args, ValueEnum};
use clap_complete::aot::{Bash, Fish, Generator, Zsh};

use super::output;

/// What `gatepass completions` takes.
#[derive(Clone, Copy, Debug, Args)]
pub struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// The shells that are tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// source <(gatepass completions bash)
    Bash,
    /// gatepass completions zsh > a folder of fpath/_gatepass
    Zsh,
    /// gatepass completions fish > ~/.config/fish/completions/gatepass.fish
    Fish,
}

/// Prints what completes the commands and flags of `command` in a shell.
///
/// # Errors
/// It cannot be written.
pub fn execute(args: CompletionsArgs, command: clap::Command) -> anyhow::Result<()> {
    let script = match args.shell {
        Shell::Bash => script(Bash, command),
        Shell::Zsh => script(Zsh, command),
        Shell::Fish => script(Fish, command),
    };
    Ok(output::print_bytes(&script?)?)
}

fn script(shell: impl Generator, mut command: clap::Command) -> std::io::Result<Vec<u8>> {
    let mut script = Vec::new();
    command.set_bin_name("gatepass");
    command.build();
    shell.try_generate(&command, &mut script)?;
    Ok(script)
}
