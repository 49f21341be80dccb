//! `gatepass token mint`: a secret and its digest, without a server.

use clap::Args;
use gatepass::token::{DEFAULT_PREFIX, PlainToken, Prefix};
use serde_json::json;

use crate::cli::audit::Output;
use crate::cli::client::table::fields;
use crate::cli::output;
use crate::random::{Random as _, SystemRandom};

/// What `gatepass token mint` takes.
#[derive(Clone, Debug, Args)]
pub struct MintArgs {
    /// What the token begins with: one of the prefixes in the settings
    #[arg(long, default_value = DEFAULT_PREFIX, value_name = "PREFIX")]
    prefix: Prefix,
    /// For whom it is printed
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    output: Output,
}

pub(super) fn execute(args: &MintArgs) -> anyhow::Result<()> {
    let token = PlainToken::generate(&args.prefix, |buffer| SystemRandom.fill(buffer))?;
    let (secret, digest) = (token.expose(), token.digest().to_string());
    let text = match args.output {
        Output::Json => json!({"token": secret, "sha256": digest, "hint": token.hint()}).to_string() + "\n",
        Output::Table => fields([("token", secret.to_owned()), ("sha256", digest)]),
    };
    Ok(output::print(&text)?)
}
