//! `gatepass render istio`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{ArgGroup, Args};
use sha2::{Digest as _, Sha256};

use super::{Input, Output, note};
use crate::render::image;
use crate::render::istio::{Apply, FailStrategy, Module, Proxy, Resources, Target};

/// What `gatepass render istio` takes.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("where").args(["selector", "target"]).required(true)),
          group(ArgGroup::new("pin").args(["sha256", "image", "module"])))]
pub struct IstioArgs {
    #[command(flatten)]
    input: Input,
    /// Where the filter runs
    #[arg(long, value_enum)]
    proxy: Proxy,
    /// Label of the pods that run it, once for each; for gateways and sidecars
    #[arg(long, value_name = "LABEL=VALUE", value_parser = label)]
    selector: Vec<(String, String)>,
    /// What it is attached to, in the same namespace: Gateway/NAME (a gateway of the Gateway API, or a waypoint), or for
    /// waypoints Service/NAME or GatewayClass/NAME
    #[arg(long, value_name = "KIND/NAME", value_parser = target)]
    target: Vec<Target>,
    /// Port that is guarded, as the workload listens on it, once for each [default: all]; for sidecars
    #[arg(long = "port", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    ports: Vec<u16>,
    /// Name of the WasmPlugin; the seatbelt's gets `-seatbelt` behind it
    #[arg(long, default_value = "gatepass", value_parser = name)]
    name: String,
    /// Namespace of both [default: that of who applies them]
    #[arg(long, value_parser = name)]
    namespace: Option<String>,
    /// Where proxies fetch the module: oci://REGISTRY/NAME:TAG, https://…, or file://… for one within the proxy
    #[arg(long)]
    url: String,
    /// What the image's manifest (oci) or the module (https) hashes to, 64 hex digits; or @sha256:… in the URL
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// Take it from the image in this folder, which `make image` makes
    #[arg(long, value_name = "FOLDER")]
    image: Option<PathBuf>,
    /// Take it from this module, for https
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Secret of the namespace that the image is pulled with (kubernetes.io/dockerconfigjson)
    #[arg(long, value_name = "NAME", value_parser = name)]
    image_pull_secret: Option<String>,
    /// What becomes of requests when the filter has failed
    #[arg(long, value_enum, default_value = "FAIL_RELOAD")]
    fail_strategy: FailStrategy,
    /// Place among the plugins of the phase AUTHN: the highest is first [default: Istio's, 0]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    priority: Option<i32>,
    /// The proxy's cluster to which usage is reported, such as outbound|8081||gatepass.gatepass.svc.cluster.local.
    /// Without it nothing is reported, whatever the configuration says
    #[arg(long, value_name = "CLUSTER")]
    reports: Option<String>,
    /// Take IP lists although sidecars and waypoints believe the x-forwarded-for of a request: say so only if nobody
    /// reaches them but proxies that set it themselves
    #[arg(long)]
    trust_xff: bool,
    /// Leave the seatbelt out: for waypoints of an Istio older than 1.30, which take none
    #[arg(long)]
    without_seatbelt: bool,
    /// Write the tokens in the compact encoding, for larger sets
    #[arg(long)]
    token_set: bool,
    /// How you will apply them: a cluster takes 256 KiB by `kubectl apply`, and 1.5 MiB by `kubectl apply --server-side`
    #[arg(long, value_enum, default_value = "client")]
    apply: Apply,
    #[command(flatten)]
    output: Output,
}

pub(super) fn istio(args: IstioArgs) -> anyhow::Result<()> {
    check_place(&args)?;
    let module = module(&args)?;
    let configuration = args.input.read()?;
    if args.reports.is_none() && configuration.report.is_some() {
        note("report: left out, since there is no --reports to send usage to");
    }
    if args.without_seatbelt {
        note("without a seatbelt a proxy whose filter did not start lets requests through");
    }
    let resources = Resources {
        proxy: args.proxy,
        name: args.name,
        namespace: args.namespace,
        selector: args.selector.into_iter().collect(),
        targets: args.target,
        ports: args.ports,
        module,
        fail_strategy: args.fail_strategy,
        priority: args.priority,
        reports: args.reports,
        trust_xff: args.trust_xff,
        seatbelt: !args.without_seatbelt,
        token_set: args.token_set,
        apply: args.apply,
    };
    args.output.write(resources.to_yaml(&configuration)?.as_bytes())
}

/// What Istio would ignore, or attach to nothing, without a word.
fn check_place(args: &IstioArgs) -> anyhow::Result<()> {
    match args.proxy {
        Proxy::Waypoint if args.target.is_empty() => {
            bail!("--selector: a waypoint is chosen by --target, such as --target Gateway/waypoint")
        }
        Proxy::Sidecar if args.selector.is_empty() => {
            bail!("--target: sidecars are chosen by --selector, such as --selector app=jira")
        }
        Proxy::Gateway if args.target.iter().any(|target| target.kind != "Gateway") => {
            bail!("--target: a gateway is chosen by Gateway/NAME, or by --selector")
        }
        Proxy::Gateway | Proxy::Waypoint if !args.ports.is_empty() => {
            bail!("--port: ports are chosen for sidecars; a gateway or a waypoint is guarded as a whole")
        }
        _ => Ok(()),
    }
}

/// Pinned, but for a file that is part of the proxy: Istio would take whatever the place holds.
fn module(args: &IstioArgs) -> anyhow::Result<Module> {
    let (scheme, rest) = args.url.split_once("://").unwrap_or_default();
    if !matches!(scheme, "oci" | "https" | "http" | "file") || rest.is_empty() {
        bail!("--url: expected oci://…, https://…, http://… or file://…");
    }
    if args.url.bytes().any(|byte| !(b'!'..=b'~').contains(&byte)) {
        bail!("--url: it may hold neither blanks nor other than ASCII");
    }
    let in_url = args.url.split_once("@sha256:").map(|(_, digest)| digest.to_owned());
    let named = match (&args.sha256, &args.image, &args.module) {
        (Some(digest), ..) => Some(digest.clone()),
        (_, Some(folder), _) if scheme == "oci" => Some(image::digest_of(folder)?),
        (_, Some(_), _) => bail!("--image: only oci://… leads to an image; give --module or --sha256"),
        (.., Some(_)) if scheme == "oci" => {
            bail!("--module: oci://… leads to an image; give --image or --sha256")
        }
        (.., Some(file)) => {
            let module = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            Some(hex::encode(Sha256::digest(module)))
        }
        _ => None,
    };
    if let (Some(named), Some(in_url)) = (&named, &in_url)
        && named != in_url
    {
        bail!("--url: its digest is {in_url}, and the other one is {named}");
    }
    let sha256 = named.or(in_url);
    if sha256.as_ref().is_some_and(|digest| !is_digest(digest)) {
        bail!("--sha256: a SHA-256 digest is 64 lower-case hex digits");
    }
    if scheme == "file" && sha256.is_some() {
        bail!("--sha256: Istio checks no digest of file://…, so there is none to give");
    }
    if scheme != "file" && sha256.is_none() {
        bail!(
            "--sha256: say what the module must hash to, by --sha256, --image or --module, or by @sha256:… in the URL"
        );
    }
    Ok(Module { url: args.url.clone(), sha256, pull_secret: args.image_pull_secret.clone() })
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// A DNS label or subdomain (RFC 1123), short enough to have `-seatbelt` behind it.
fn name(text: &str) -> Result<String, String> {
    let inner = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let ends = bytes.first().zip(bytes.last()).is_some_and(|(first, last)| inner(*first) && inner(*last));
        ends && bytes.iter().all(|byte| inner(*byte) || *byte == b'-')
    };
    if text.len() <= 240 && text.split('.').all(part) {
        return Ok(text.to_owned());
    }
    Err("a name has letters a to z, digits, - and ., begins and ends with a letter or digit, and has at most 240 of them".into())
}

fn label(text: &str) -> Result<(String, String), String> {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_key = |byte: u8| inner(byte) || byte == b'/';
    match text.split_once('=') {
        Some((key, value))
            if !key.is_empty()
                && key.bytes().all(is_key)
                && value.len() <= 63
                && value.bytes().all(inner) =>
        {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err("expected LABEL=VALUE, such as istio=ingressgateway".into()),
    }
}

fn target(text: &str) -> Result<Target, String> {
    match text.split_once('/') {
        Some((kind @ ("Gateway" | "GatewayClass" | "Service"), named)) => {
            Ok(Target { kind: kind.to_owned(), name: name(named)? })
        }
        _ => Err("expected Gateway/NAME, GatewayClass/NAME or Service/NAME".into()),
    }
}
