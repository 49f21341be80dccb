//! `gatepass run`.

/// What `gatepass run` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    /// What the server takes.
    #[command(flatten)]
    pub serve: super::serve::ServeArgs,
}

/// Runs the server.
///
/// # Errors
/// A sentence that says what to do.
pub async fn run(args: RunArgs) -> anyhow::Result<()> {
    super::serve::execute(args.serve).await
}
