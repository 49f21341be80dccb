//! Asking before what cannot be undone.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use clap::Args;

use super::failure::Failure;
use crate::domain::terminal::harmless;

/// The flag that answers beforehand.
#[derive(Clone, Copy, Debug, Args)]
pub struct ConfirmArgs {
    /// Do it without asking
    #[arg(long, short = 'y')]
    pub yes: bool,
}

impl ConfirmArgs {
    /// Asks the person at the terminal whether to do what `what` says, such as `Revoke token 01J…`.
    ///
    /// # Errors
    /// The person does not say yes, or there is nobody to ask.
    pub fn ask(self, what: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            let sentence =
                format!("this cannot be undone, and there is nobody to ask: {}? Say --yes", harmless(what));
            return Err(Failure::setup(sentence));
        }
        // On standard error, since standard output may be kept in a file.
        let _ = write!(io::stderr(), "{}? This cannot be undone. [y/N] ", harmless(what));
        let mut line = String::new();
        let read = io::stdin().lock().take(16).read_line(&mut line);
        let says_yes = read.is_ok() && matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes");
        if says_yes { Ok(()) } else { Err(Failure::Declined) }
    }
}
