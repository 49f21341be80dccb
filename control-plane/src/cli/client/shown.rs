//! How answers are shown: a table for people, JSON for programs, and a secret this once.

use clap::Args;
use serde_json::Value;

use super::answer::Answer;
use super::failure::Failure;
use super::table::plain;
use super::{Client, ServerArgs};
use crate::cli::audit::Output;
use crate::cli::output;
use crate::domain::terminal::harmless;

/// For whom, and whom to ask.
#[derive(Clone, Debug, Args)]
pub struct ShownArgs {
    /// For whom it is printed; `json` is one object, as REST gives it
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    pub output: Output,
    /// Which server.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Prints what a server has answered with, for people as `lines`.
///
/// # Errors
/// It is no JSON, or nothing can be printed.
pub fn print(answer: &Answer, form: Output, lines: fn(&Value) -> String) -> anyhow::Result<()> {
    let text = match form {
        Output::Json => answer.text()?,
        Output::Table => lines(&answer.json()?),
    };
    Ok(output::print(&text)?)
}

/// Prints `what` was made, such as a push token: its secret alone to standard output, the rest beside it as `lines`.
///
/// # Errors
/// There is no secret in it, it is no JSON, or nothing can be printed.
pub fn print_secret(
    client: &Client,
    answer: &Answer,
    form: Output,
    (what, lines): (&str, fn(&Value) -> String),
) -> anyhow::Result<()> {
    if form == Output::Json {
        return Ok(output::print(&answer.text()?)?);
    }
    let created = answer.json()?;
    output::note(lines(&created).trim_end());
    let Some(secret) = created["token"].as_str() else {
        let problem =
            format!("{what} {} was made, and its secret is not in the answer", plain(&created["id"]));
        return Err(Failure::Strange { server: client.address().clone(), problem }.into());
    };
    output::note("Its secret, shown this once:");
    Ok(output::print(&(harmless(secret) + "\n"))?)
}
