//! `gatepass serve`.

mod dataplane;
mod metrics;
mod oidc;
mod sessions;
mod tls;
mod webhooks;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::logging::{self, Format, Level};
use super::output;
use super::storage::StorageArgs;
use crate::api::{AllowedHosts, TrustedProxies};
use crate::app::{self, Config, DataplaneListener, Listeners, MetricsListener, RestListener, Server};
use crate::connections::Transport;
use crate::data_folder::DataFolder;
use crate::random::SystemRandom;
use crate::report_key::{KeyDigest, ReportKey};
pub use dataplane::{DEFAULT_LISTEN as DEFAULT_DATAPLANE_LISTEN, DataplaneArgs};
pub use metrics::MetricsArgs;
pub use oidc::OidcArgs;
pub use sessions::SessionArgs;
pub use tls::TlsArgs;
pub use webhooks::WebhookArgs;

/// Where REST listens unless something else is stated.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// What `gatepass serve` takes.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Where the database and the files beside it are; the folder is made (0700) if it does not exist.
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Address and port of REST
    #[arg(long, env = "GATEPASS_LISTEN", default_value = DEFAULT_LISTEN, value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// TLS of REST.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// Further host names under which REST answers, besides localhost and the listening address
    #[arg(long = "public-host", env = "GATEPASS_PUBLIC_HOSTS", value_delimiter = ',', value_name = "HOST,…",
          value_parser = parse_host)]
    pub public_hosts: Vec<String>,
    /// Addresses or CIDRs of the TLS-ending proxies in front of REST, whose x-forwarded-for counts
    #[arg(long = "trusted-proxy", env = "GATEPASS_TRUSTED_PROXIES", value_delimiter = ',', value_name = "CIDR,…",
          value_parser = parse_proxy)]
    pub trusted_proxies: Vec<IpNet>,
    /// File that Envoy watches [default: envoy/gatepass.ecds.pb in the data folder]
    #[arg(long, env = "GATEPASS_ECDS_FILE", value_name = "FILE")]
    pub ecds_file: Option<PathBuf>,
    /// The filter's module
    #[arg(long, env = "GATEPASS_MODULE", default_value = "dist/gatepass.wasm", value_name = "FILE")]
    pub module: PathBuf,
    /// Protected paths of an empty database [default: everything; before the demonstration of `run`: /rest/]
    #[arg(
        long = "initial-protected-path",
        env = "GATEPASS_INITIAL_PROTECTED_PATHS",
        value_delimiter = ',',
        value_name = "PATH,…"
    )]
    pub initial_protected_paths: Vec<String>,
    /// How many tokens and users one person may create by REST in a minute; 0 is without end
    #[arg(long, env = "GATEPASS_CREATIONS_PER_MINUTE", default_value_t = 1000, value_name = "COUNT")]
    pub creations_per_minute: u32,
    /// Where clients reach the gate, as pages show it in commands to copy; without a path the first protected one is added
    /// [default: none; of `run`: its own]
    #[arg(long, env = "GATEPASS_GATE_URL", value_name = "URL", value_parser = parse_gate_url)]
    pub gate_url: Option<String>,
    /// How people sign in.
    #[command(flatten)]
    pub sessions: SessionArgs,
    /// Signing in with an OpenID Connect provider.
    #[command(flatten)]
    pub oidc: OidcArgs,
    /// Begin a new epoch: after PostgreSQL was put back together with all data folders, which nothing else tells. (With
    /// SQLite every start does.)
    #[arg(long, env = "GATEPASS_BEGIN_EPOCH")]
    pub begin_epoch: bool,
    /// Where and how proxies report.
    #[command(flatten)]
    pub dataplane: DataplaneArgs,
    /// Where Prometheus reads.
    #[command(flatten)]
    pub metrics: MetricsArgs,
    /// Where posts to webhooks may go.
    #[command(flatten)]
    pub webhooks: WebhookArgs,
    /// Say whether this can be started, by exit code 0 or a sentence, and end: files and folders are looked at, nothing is
    /// made or opened
    #[arg(long)]
    pub check: bool,
    /// Form of the log: `auto` is plain lines for a terminal and JSON for everything else
    #[arg(
        long,
        env = "GATEPASS_LOG_FORMAT",
        default_value = "auto",
        value_name = "FORMAT",
        ignore_case = true
    )]
    pub log_format: Format,
    /// Level of the log
    #[arg(
        long,
        env = "GATEPASS_LOG",
        default_value = "info",
        value_name = "LEVEL",
        hide_possible_values = true,
        ignore_case = true
    )]
    pub log: Level,
}

/// A server that answers.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Where REST listens.
    pub address: SocketAddr,
    /// Whether it speaks TLS there.
    pub tls: bool,
    /// Where proxies report, if they do.
    pub dataplane: Option<SocketAddr>,
    /// Where Prometheus reads, if it has a listener of its own.
    pub metrics: Option<SocketAddr>,
    /// The key with which they report, unless a certificate takes its place.
    pub report_key: Option<ReportKey>,
    /// The data folder, absolute.
    pub data_dir: PathBuf,
    /// The file that Envoy watches, absolute.
    pub ecds_file: PathBuf,
    /// The filter's module, absolute.
    pub module: PathBuf,
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// A sentence that says what to do.
pub async fn execute(args: ServeArgs) -> anyhow::Result<()> {
    if args.check {
        return check_and_say(&args);
    }
    logging::init(args.log, args.log_format);
    start(args).await.map_err(logging::told)
}

async fn start(args: ServeArgs) -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let shutdown = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
    };
    let ready = |ready: Ready| {
        let dataplane = ready.dataplane.map(tracing::field::display);
        let metrics = ready.metrics.map(tracing::field::display);
        tracing::info!(address = %ready.address, tls = ready.tls, dataplane, metrics, "ready");
    };
    serve(args, ready, shutdown).await
}

/// Serves until `shutdown`; calls `ready` once REST listens and the first configuration has been written.
///
/// # Errors
/// A sentence that says what to do.
pub async fn serve(
    args: ServeArgs,
    ready: impl FnOnce(Ready),
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let rest = rest_transport(&args)?;
    let oidc = args.oidc.provider()?;
    let (public_host, https_host) = (args.oidc.public_host(), args.oidc.https_host());
    let reports = &args.dataplane;
    let transport = reports.usage_reports.then(|| reports.transport()).transpose()?;
    let metrics = args.metrics.transport(&rest)?;
    let outgoing = args.webhooks.outgoing()?;
    let module = module(&args.module)?;
    let folder = DataFolder::open_or_create(&args.storage.data_dir)?;
    let lock = folder.lock()?;
    let listener = listen(args.listen, "--listen").await?;
    let address = listener.local_addr()?;
    let (dataplane, report_key) = match transport {
        Some(transport) => listen_for_reports(reports, transport, &folder).await?,
        None => (None, None),
    };
    let metrics = listen_for_readers(metrics).await?;
    let storage = args.storage.storage()?;
    let data_dir = folder.path().to_owned();
    let ecds_file = args.ecds_file.map_or_else(|| Ok(folder.ecds_file()), std::path::absolute)?;
    let listening = match address.ip() {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let config = Config {
        ecds_file: ecds_file.clone(),
        module: module.clone(),
        proxies: TrustedProxies(args.trusted_proxies),
        hosts: AllowedHosts::new(args.public_hosts.into_iter().chain(public_host).chain([listening])),
        initial_protected_paths: args.initial_protected_paths,
        creations_per_minute: args.creations_per_minute,
        sign_ins_per_minute: args.sessions.sign_ins_per_minute,
        sessions: args.sessions.limits(),
        https_host,
        oidc,
        begin_epoch: args.begin_epoch,
        gate_url: args.gate_url,
        report: args.dataplane.report(),
        outgoing,
    };
    let server = Server::set_up(app::open_for_server(folder, &storage).await?, config, lock).await?;
    let reports = dataplane.as_ref().map(|dataplane| dataplane.tcp.local_addr()).transpose()?;
    let tls = rest.is_encrypted();
    let readers = metrics.as_ref().map(|metrics| metrics.tcp.local_addr()).transpose()?;
    ready(Ready {
        address,
        tls,
        dataplane: reports,
        metrics: readers,
        report_key,
        data_dir,
        ecds_file,
        module,
    });
    let rest = RestListener { tcp: listener, transport: rest };
    server.run(Listeners { rest, dataplane, metrics }, shutdown).await;
    Ok(())
}

async fn listen_for_reports(
    args: &DataplaneArgs,
    transport: Transport,
    folder: &DataFolder,
) -> anyhow::Result<(Option<DataplaneListener>, Option<ReportKey>)> {
    let tcp = listen(args.address(), "--dataplane-listen").await?;
    let (access, key) = args.access(folder, &SystemRandom)?;
    Ok((Some(DataplaneListener { tcp, transport, access }), key))
}

async fn listen_for_readers(
    wanted: Option<(SocketAddr, Transport, Option<KeyDigest>)>,
) -> anyhow::Result<Option<MetricsListener>> {
    let Some((address, transport, key)) = wanted else { return Ok(None) };
    let tcp = listen(address, "--metrics-listen").await?;
    Ok(Some(MetricsListener { tcp, transport, key }))
}

/// Does what `--check` asks for.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn check_and_say(args: &ServeArgs) -> anyhow::Result<()> {
    check(args)?;
    Ok(output::print("This can be started.\n")?)
}

/// Looks at all that can be looked at without making or opening anything.
fn check(args: &ServeArgs) -> anyhow::Result<()> {
    let rest = rest_transport(args)?;
    args.oidc.provider()?;
    args.metrics.transport(&rest)?;
    args.webhooks.outgoing()?;
    if args.dataplane.usage_reports {
        args.dataplane.transport()?;
    }
    module(&args.module)?;
    if let Some(database) = args.storage.storage()?.database {
        database.server()?;
    }
    if let Some(file) = &args.storage.audit_key_file {
        crate::audit::read_key(file)?;
    }
    if args.storage.data_dir.exists() {
        DataFolder::open(&args.storage.data_dir)?;
    }
    Ok(())
}

/// TLS, or clear text where tokens cross no network in it.
fn rest_transport(args: &ServeArgs) -> anyhow::Result<Transport> {
    if let Some(tls) = args.tls.tls()? {
        return Ok(Transport::Tls(tls));
    }
    if !args.listen.ip().is_loopback() && args.trusted_proxies.is_empty() {
        bail!(
            "{} is not a loopback address, and tokens must not cross a network in clear: give --tls-certificate and \
             --tls-key, listen on 127.0.0.1, or put a proxy that ends TLS in front and name its addresses with \
             --trusted-proxy",
            args.listen
        );
    }
    Ok(Transport::Clear)
}

fn module(path: &Path) -> anyhow::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    if !absolute.is_file() {
        bail!(
            "there is no module at {}: run `make build`, or name the file with --module or GATEPASS_MODULE",
            absolute.display()
        );
    }
    Ok(absolute)
}

async fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: stop what uses it, or give another address with {flag}")
    })
}

fn parse_proxy(text: &str) -> Result<IpNet, String> {
    // The filter's own reading, in which IPv4-mapped IPv6 counts as IPv4: so do the peers' addresses.
    let range = text.parse::<gatepass::address::Range>();
    range.map(|range| range.net()).map_err(|_| "not an address or a CIDR such as 10.0.0.0/8".to_owned())
}

/// A host name or address as it stands in a `Host` header, without a port.
fn parse_host(text: &str) -> Result<String, String> {
    let authority = text.parse::<axum::http::uri::Authority>().ok();
    let bare = authority.filter(|authority| !text.contains('@') && authority.host() == text);
    bare.map(|_| text.to_owned()).ok_or_else(|| "not a host name without a port".to_owned())
}

/// Scheme, host, perhaps port and path, without a slash at its end.
fn parse_gate_url(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let bare = |url: &url::Url| {
        url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    let url = url.filter(bare).ok_or("not an address such as https://jira.example.com")?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_is_an_address_without_more() {
        for (written, kept) in [
            ("https://jira.example.com", "https://jira.example.com"),
            ("https://Jira.example.com:8443/", "https://jira.example.com:8443"),
            ("http://127.0.0.1:10000/jira/", "http://127.0.0.1:10000/jira"),
        ] {
            assert_eq!(parse_gate_url(written).as_deref(), Ok(kept));
        }
        for bad in
            ["", "jira.example.com", "ftp://x", "https://a:b@x", "https://x?y", "https://x#y", "javascript:x"]
        {
            assert!(parse_gate_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn proxies_are_written_as_the_allow_lists_are() {
        for (written, meant) in [
            ("127.0.0.1", "127.0.0.1/32"),
            ("::ffff:127.0.0.1", "127.0.0.1/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("2001:db8::7", "2001:db8::7/128"),
        ] {
            assert_eq!(parse_proxy(written).map(|net| net.to_string()).as_deref(), Ok(meant), "{written}");
        }
        for bad in ["", "proxy", "10.0.0.0/33", "::ffff:127.0.0.1/32"] {
            assert!(parse_proxy(bad).is_err(), "{bad}");
        }
    }
}
