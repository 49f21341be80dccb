//! A secret from standard input.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use anyhow::{Context as _, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::password::{MAX_LEN, Password};

/// One line: typed unseen after `prompt` on a terminal, the first one of a pipe.
///
/// # Errors
/// Standard input cannot be read, the person interrupts, or the line is no password.
pub(super) async fn read_password(prompt: &str) -> anyhow::Result<Password> {
    Ok(Password::parse(&read_secret(prompt).await?)?)
}

/// One line without its end: typed unseen after `prompt` on a terminal, the first one of a pipe. What is longer than any
/// secret is cut.
///
/// # Errors
/// Standard input cannot be read, or the person interrupts.
pub(super) async fn read_secret(prompt: &str) -> anyhow::Result<String> {
    let line = if io::stdin().is_terminal() { ask(prompt).await? } else { read_line()? };
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

async fn ask(prompt: &str) -> anyhow::Result<String> {
    // Caught before the echo is off: the default would end the process and leave the terminal mute.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let unseen = Unseen::begin().context("cannot keep the terminal from showing it")?;
    say(prompt);
    let (tell, told) = oneshot::channel();
    // Not one of the runtime's own threads: it would wait for the line even after an interruption.
    std::thread::spawn(move || tell.send(read_line()));
    let line = tokio::select! {
        line = told => line.context("the terminal was not read")?,
        _ = interrupt.recv() => bail!("interrupted: nothing has been changed"),
    };
    drop(unseen);
    // The person's Enter was not shown either.
    say("\n");
    line
}

/// On standard error, since standard output may be kept in a file. Unsaid if nobody can hear it.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

fn read_line() -> anyhow::Result<String> {
    // Four bytes are the most that a character takes; what is longer, than a token as well, is refused by its length.
    let most = u64::try_from(MAX_LEN * 4 + 3).unwrap_or(u64::MAX);
    let mut line = String::new();
    let read = io::stdin().lock().take(most).read_line(&mut line);
    read.context("cannot read standard input")?;
    Ok(line)
}

/// The terminal on standard input does not show what is typed, as long as this lives.
struct Unseen(Termios);

impl Unseen {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &modes)?;
        Ok(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
