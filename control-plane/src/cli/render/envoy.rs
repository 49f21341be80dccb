//! `gatepass render envoy` and `gatepass render ecds`.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use gatepass::config::wire::PluginConfiguration;

use super::{Input, Output, note};
use crate::delivery::ecds;
use crate::render::envoy::{Filter, Gate, HostPort, Source};

/// What `gatepass render envoy` takes.
#[derive(Clone, Debug, Args)]
pub struct EnvoyArgs {
    #[command(flatten)]
    input: Input,
    /// The service behind the gate
    #[arg(long, value_name = "HOST:PORT", required_unless_present = "filters_only")]
    upstream: Option<HostPort>,
    /// The filter's module, as Envoy sees it
    #[arg(long, env = "GATEPASS_MODULE", default_value = "dist/gatepass.wasm", value_name = "FILE")]
    module: PathBuf,
    /// Have Envoy watch this file for the filter's configuration, instead of writing that into Envoy's own. `gatepass
    /// serve` and `gatepass render ecds` write it; INPUT and --module are not read
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input", "compact"])]
    ecds_file: Option<PathBuf>,
    /// Write the tokens in the compact encoding: larger sets, quicker, not to be read by people
    #[arg(long)]
    compact: bool,
    /// Write only the filter and the seatbelt, as a list for `http_filters` in a configuration of your own; with
    /// --reports it needs a cluster `gatepass` there
    #[arg(long, conflicts_with_all = ["upstream", "listen", "admin", "tls_certificate", "trusted_hops"])]
    filters_only: bool,
    /// Where clients are served
    #[arg(long, default_value = "127.0.0.1:10000", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Certificate chain of the listener (PEM), as Envoy sees it; without it the listener has no TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Key of that certificate (PEM), as Envoy sees it
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Envoy's own interface; it can stop Envoy, so keep it on loopback
    #[arg(long, default_value = "127.0.0.1:9901", value_name = "ADDRESS:PORT")]
    admin: SocketAddr,
    /// The control plane's listener for proxies, to which usage is reported. Without it nothing is reported, whatever the
    /// configuration says
    #[arg(long, value_name = "HOST:PORT")]
    reports: Option<HostPort>,
    /// Proxies in front that append to x-forwarded-for: with 0 the source address, for IP lists, is the peer's
    #[arg(long, default_value_t = 0, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(..=16))]
    trusted_hops: u32,
    #[command(flatten)]
    output: Output,
}

/// What `gatepass render ecds` takes.
#[derive(Clone, Debug, Args)]
pub struct EcdsArgs {
    #[command(flatten)]
    input: Input,
    /// The filter's module, as Envoy sees it
    #[arg(long, env = "GATEPASS_MODULE", default_value = "dist/gatepass.wasm", value_name = "FILE")]
    module: PathBuf,
    /// Write the tokens in the compact encoding; a file in binary has them so anyhow
    #[arg(long)]
    compact: bool,
    /// File that Envoy watches; replaced in one step. A name that ends in `.pb` gets binary, which Envoy reads fast, and
    /// one that ends in `.json`, or standard output, gets JSON
    #[command(flatten)]
    output: Output,
}

pub(super) fn envoy(args: &EnvoyArgs) -> anyhow::Result<()> {
    let configuration = if args.ecds_file.is_none() { Some(args.input.read()?) } else { None };
    let source = match (&configuration, &args.ecds_file) {
        (_, Some(file)) => Source::Watched(file),
        (Some(configuration), None) if args.compact => Source::Compact(configuration),
        (Some(configuration), None) => Source::Inline(configuration),
        (None, None) => bail!("there is neither a configuration nor a file that Envoy watches"),
    };
    if args.reports.is_none() && configuration.as_ref().is_some_and(|it| it.report.is_some()) {
        note("report: left out, since there is no --reports to send usage to");
    }
    if args.filters_only {
        let filter = Filter { module: args.module.clone(), reports: args.reports.is_some() };
        return args.output.write(filter.filters(source)?.as_bytes());
    }
    let gate = Gate {
        module: args.module.clone(),
        listen: args.listen,
        admin: args.admin,
        upstream: args.upstream.clone().context("--upstream: name the service behind the gate")?,
        tls: args.tls_certificate.clone().zip(args.tls_key.clone()),
        reports: args.reports.clone(),
        trusted_hops: args.trusted_hops,
    };
    args.output.write(gate.render(source)?.as_bytes())
}

pub(super) fn ecds(args: &EcdsArgs) -> anyhow::Result<()> {
    let end = args.output.path().map(|path| path.extension().map(|end| end.to_string_lossy().into_owned()));
    let binary = match end {
        None => false,
        Some(Some(end)) if end == "pb" => true,
        Some(Some(end)) if end == "json" => false,
        Some(_) => {
            bail!("--output: Envoy goes by the name's end; let it be .pb for binary or .json for JSON")
        }
    };
    let configuration: PluginConfiguration = args.input.read()?;
    let content = if binary {
        ecds::binary(&args.module, &configuration)?
    } else {
        ecds::json(&args.module, &configuration, args.compact)?
    };
    args.output.write(&content)
}
