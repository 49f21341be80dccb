//! `gatepass run`: the whole product on one machine, control plane and Envoy, until one ends or is told to.

pub mod certificate;
mod child;
mod greeting;
mod ports;
mod probe;
pub mod template;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::Child;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::logging;
use super::output;
use super::serve::{self, Ready, ServeArgs};
use crate::data_folder::write_private;
use crate::delivery::ecds;

/// What is protected in an empty database before the demonstration upstream, which also has something open to show.
const PROTECTED: &str = "/rest/";
/// The configuration with the demonstration upstream.
const DEMONSTRATION: &str = "envoy.yaml";
/// A page of the demonstration upstream that says who asks.
const DEMONSTRATED: &str = "/rest/api/2/myself";
/// How long Envoy may take to compile the module and serve.
const START: Duration = Duration::from_secs(120);

/// What `gatepass run` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    /// What the server takes.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// The Envoy binary; `make run` installs one
    #[arg(long, env = "GATEPASS_ENVOY", value_name = "FILE")]
    pub envoy: Option<PathBuf>,
    /// Envoy's configuration; a copy with ports and folders filled in is what Envoy gets
    #[arg(long, env = "GATEPASS_ENVOY_CONFIG", default_value = DEMONSTRATION, value_name = "FILE")]
    pub envoy_config: PathBuf,
    /// The gate, in clear
    #[arg(long, env = "GATEPASS_HTTP_PORT", default_value_t = 10000, value_name = "PORT",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub http_port: u16,
    /// The gate, by TLS
    #[arg(long, env = "GATEPASS_HTTPS_PORT", default_value_t = 10443, value_name = "PORT",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub https_port: u16,
    /// Envoy's own admin interface
    #[arg(long, env = "GATEPASS_ADMIN_PORT", default_value_t = 9901, value_name = "PORT",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub admin_port: u16,
    /// More arguments for Envoy
    #[arg(last = true, value_name = "ENVOY ARGUMENT")]
    pub envoy_arguments: Vec<OsString>,
    /// Used by this program itself, for the child process that becomes Envoy.
    #[arg(long, hide = true, value_name = "PID")]
    pub become_envoy_of: Option<u32>,
}

/// Runs control plane and Envoy until SIGINT or SIGTERM.
///
/// # Errors
/// A sentence that says what to do; also when one of the two ends by itself.
pub async fn run(args: RunArgs) -> anyhow::Result<()> {
    let envoy = find_envoy(args.envoy.as_deref())?;
    if let Some(parent) = args.become_envoy_of {
        return child::become_envoy(parent, &envoy, &args.envoy_arguments);
    }
    if args.serve.check {
        return serve::check_and_say(&args.serve);
    }
    logging::init(args.serve.log, args.serve.log_format);
    let mut stop = StopSignals::new()?;
    let template = read_template(&args.envoy_config)?;
    ports::check(&needed_ports(&args))?;

    let mut serve = args.serve.clone();
    // Before a service of the operator's own everything is protected until somebody says otherwise.
    if serve.initial_protected_paths.is_empty() && args.envoy_config == Path::new(DEMONSTRATION) {
        serve.initial_protected_paths.push(PROTECTED.to_owned());
    }
    let own_gate = || {
        let path = if args.envoy_config == Path::new(DEMONSTRATION) { DEMONSTRATED } else { "" };
        format!("http://{}{path}", loopback(args.http_port))
    };
    serve.gate_url.get_or_insert_with(own_gate);
    // Only the two programs that start here need to know this port.
    serve.dataplane.dataplane_listen.get_or_insert(loopback(0));
    let mut control_plane = ControlPlane::start(serve).await?;
    let configuration = prepare(&args, &template, &control_plane.ready)?;
    let report_key = control_plane.ready.report_key.as_ref();
    let mut child = child::start(&envoy, &configuration, report_key, &args.envoy_arguments)?;

    let ended = tokio::select! {
        served = until_serving(&args) => match served {
            Ok(()) => {
                greet(&args, &control_plane.ready);
                until_end(&mut stop, &mut child, &mut control_plane).await
            }
            Err(error) => Err(error),
        },
        ended = until_end(&mut stop, &mut child, &mut control_plane) => ended,
    };
    tracing::info!("stopping");
    child::stop(child).await?;
    control_plane.stop().await?;
    ended
}

fn find_envoy(envoy: Option<&Path>) -> anyhow::Result<PathBuf> {
    let Some(envoy) = envoy else {
        bail!(
            "name the Envoy binary with --envoy or GATEPASS_ENVOY; `make run` installs one and does so by itself"
        );
    };
    if !envoy.is_file() {
        bail!("there is no Envoy at {}: correct --envoy or GATEPASS_ENVOY", envoy.display());
    }
    Ok(envoy.to_owned())
}

fn read_template(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| {
        format!(
            "cannot read {}: name Envoy's configuration with --envoy-config or GATEPASS_ENVOY_CONFIG",
            path.display()
        )
    })
}

fn needed_ports(args: &RunArgs) -> Vec<ports::Needed> {
    let envoys =
        |port, purpose, flag, variable| ports::Needed { address: loopback(port), purpose, flag, variable };
    let control_planes =
        |address, purpose, flag, variable| ports::Needed { address, purpose, flag, variable };
    let reports = &args.serve.dataplane;
    let stated = reports.dataplane_listen.filter(|_| reports.usage_reports).map(|address| {
        control_planes(address, "the control plane", "--dataplane-listen", "GATEPASS_DATAPLANE_LISTEN")
    });
    let mut needed = vec![
        control_planes(args.serve.listen, "the control plane", "--listen", "GATEPASS_LISTEN"),
        envoys(args.http_port, "the gate", "--http-port", "GATEPASS_HTTP_PORT"),
        envoys(args.https_port, "the gate by TLS", "--https-port", "GATEPASS_HTTPS_PORT"),
        envoys(args.admin_port, "Envoy's admin interface", "--admin-port", "GATEPASS_ADMIN_PORT"),
    ];
    needed.extend(stated);
    needed
}

/// Certificate and configuration for Envoy; returns the latter's file.
fn prepare(args: &RunArgs, template: &str, ready: &Ready) -> anyhow::Result<PathBuf> {
    let folder = ready.data_dir.join("envoy");
    crate::data_folder::create_private_dir(&folder)?;
    if !ready.ecds_file.is_file() {
        bail!(
            "the filter's configuration could not be written to {}; the log says why",
            ready.ecds_file.display()
        );
    }
    if certificate::ensure(&folder)? {
        tracing::info!(folder = %folder.display(), "made a self-signed certificate for localhost");
    }
    let places = template::Places {
        http_port: args.http_port,
        https_port: args.https_port,
        admin_port: args.admin_port,
        dataplane: ready.dataplane,
        ecds_file: &ready.ecds_file,
        tls_dir: &folder,
    };
    let text = template::render(template, &places)
        .with_context(|| format!("{} cannot be filled in", args.envoy_config.display()))?;
    let configuration = folder.join("envoy.yaml");
    write_private(&configuration, text.as_bytes())?;
    Ok(configuration)
}

async fn until_serving(args: &RunArgs) -> anyhow::Result<()> {
    let serving = async {
        probe::until_ready(loopback(args.admin_port)).await;
        probe::until_filter_decides(loopback(args.http_port)).await;
    };
    tokio::time::timeout(START, serving).await.with_context(|| {
        format!("Envoy did not serve within {} s; its messages above say why", START.as_secs())
    })
}

fn greet(args: &RunArgs, ready: &Ready) {
    let program = std::env::args_os().next().unwrap_or_else(|| "gatepass".into());
    let running = greeting::Running {
        program: Path::new(&program),
        control_plane: ready.address,
        control_plane_tls: ready.tls,
        http_port: args.http_port,
        https_port: args.https_port,
        admin_port: args.admin_port,
        data_dir: &args.serve.storage.data_dir,
        protected_paths: &protected_paths(&ready.ecds_file),
    };
    // What runs does not hang on whether somebody can read how to use it.
    let _ = output::print(&greeting::text(&running));
}

/// What the file that Envoy reads protects; nothing to tell if it cannot be read.
fn protected_paths(ecds_file: &Path) -> Vec<String> {
    let content = std::fs::read(ecds_file).unwrap_or_default();
    ecds::configuration(&content).map(|found| found.settings.protected_paths).unwrap_or_default()
}

/// `Ok` when it was told to stop.
async fn until_end(
    stop: &mut StopSignals,
    child: &mut Child,
    control_plane: &mut ControlPlane,
) -> anyhow::Result<()> {
    tokio::select! {
        () = stop.recv() => Ok(()),
        status = child.wait() => bail!("Envoy ended by itself ({}); its messages above say why", status?),
        error = control_plane.ended() => Err(error.context("the control plane ended by itself")),
    }
}

/// The server in a task of its own.
struct ControlPlane {
    ready: Ready,
    task: JoinHandle<anyhow::Result<()>>,
    stop: Option<oneshot::Sender<()>>,
}

impl ControlPlane {
    /// Starts it and waits until it answers and the first configuration has been written.
    async fn start(args: ServeArgs) -> anyhow::Result<Self> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let shutdown = async move {
            // A sender that is gone means the same as one that has spoken.
            let _ = stopped.await;
        };
        let ready = move |ready| {
            let _ = tell.send(ready);
        };
        let task = tokio::spawn(serve::serve(args, ready, shutdown));
        match told.await {
            Ok(ready) => Ok(Self { ready, task, stop: Some(stop) }),
            Err(_) => Err(failure(task.await)),
        }
    }

    async fn ended(&mut self) -> anyhow::Error {
        failure((&mut self.task).await)
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.stop.take());
        if self.task.is_finished() {
            return Ok(());
        }
        self.task.await?
    }
}

/// Why the server's task ended before it was told to.
fn failure(result: Result<anyhow::Result<()>, tokio::task::JoinError>) -> anyhow::Error {
    match result {
        Ok(Ok(())) => anyhow::anyhow!("it stopped without an error"),
        Ok(Err(error)) => error,
        Err(panic) => panic.into(),
    }
}

/// SIGINT and SIGTERM, from the moment of its making.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}
