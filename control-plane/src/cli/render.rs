//! `gatepass render`: what others load the filter from.

mod envoy;
mod image;
mod istio;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use gatepass::compact;
use gatepass::config::wire::PluginConfiguration;

use super::{output, snapshot};

/// What `gatepass render` does.
#[derive(Clone, Debug, Subcommand)]
pub enum RenderCommand {
    /// Write a configuration that Envoy starts from: edge settings, filter, seatbelt, one service
    Envoy(envoy::EnvoyArgs),
    /// Write the file that Envoy watches for the filter's configuration (extension configuration discovery)
    Ecds(envoy::EcdsArgs),
    /// Write the resources for Istio: a WasmPlugin, and the seatbelt
    Istio(istio::IstioArgs),
    /// Write the module as an OCI image, in a folder that skopeo, crane or oras push from
    Image(image::ImageArgs),
}

/// Where the configuration comes from.
#[derive(Clone, Debug, Args)]
struct Input {
    /// The plugin configuration, in any form, for instance what `GET /api/v1/snapshot` gives; standard input if it is
    /// absent or `-`
    #[arg(value_name = "INPUT")]
    input: Option<PathBuf>,
}

/// Where the result goes.
#[derive(Clone, Debug, Args)]
struct Output {
    /// Where the result goes; standard output if it is absent or `-`
    #[arg(short, long, value_name = "OUTPUT")]
    output: Option<PathBuf>,
}

/// Does what the command line says.
///
/// # Errors
/// The first field for which the filter, Envoy or a cluster would refuse it, or what cannot be read or written.
pub fn execute(command: RenderCommand) -> anyhow::Result<()> {
    match command {
        RenderCommand::Envoy(args) => envoy::envoy(&args),
        RenderCommand::Ecds(args) => envoy::ecds(&args),
        RenderCommand::Istio(args) => istio::istio(args),
        RenderCommand::Image(args) => image::image(&args),
    }
}

impl Input {
    /// The configuration with its tokens listed.
    fn read(&self) -> anyhow::Result<PluginConfiguration> {
        Ok(compact::decode(&snapshot::read(self.input.as_deref())?)?)
    }
}

impl Output {
    fn path(&self) -> Option<&Path> {
        snapshot::named(self.output.as_deref())
    }

    fn write(&self, bytes: &[u8]) -> anyhow::Result<()> {
        snapshot::write(self.path(), bytes)
    }
}

/// For the person at the terminal: standard output is the result's.
fn note(text: &str) {
    output::note(&format!("gatepass: {text}"));
}
