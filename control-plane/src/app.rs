//! The only wiring: a data folder becomes a context, a context becomes a server.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use gatepass::config::wire::Report;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::api::{self, AllowedHosts, Api, CreationLimit, TrustedProxies};
use crate::audit::{self, KeyError};
use crate::change::GroupCommit;
use crate::clock::SystemClock;
use crate::connections::{self, Limits, Transport};
use crate::context::Context;
use crate::data_folder::{DataFolder, FolderError};
use crate::dataplane::access::Access;
use crate::dataplane::{self, DataPlane};
use crate::delivery::Delivery;
use crate::delivery::ecds::EcdsFile;
use crate::domain::audit::AuditKey;
use crate::domain::session;
use crate::epoch::{self, Delivered};
use crate::error::Error;
use crate::first_start;
use crate::metrics::listener::{self as metrics_listener, MetricsEdge};
use crate::oidc::Provider;
use crate::password::PasswordHashing;
use crate::random::SystemRandom;
use crate::report_key::KeyDigest;
use crate::sign_in::{self, Guard};
use crate::signal::DeliverySignal;
use crate::store::place::{self, DatabaseUrl};
use crate::store::{Store, StoreError};
use crate::suspension;
use crate::webhooks::outgoing::Outgoing;
use crate::webhooks::sending;

/// Why a start failed, as a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// About the data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// About the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// About the audit's key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// About the first start.
    #[error("the first start failed: {0}")]
    FirstStart(#[from] Error),
}

/// What a server is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the ECDS resource goes.
    pub ecds_file: PathBuf,
    /// The module that it names; absolute.
    pub module: PathBuf,
    /// Proxies whose `x-forwarded-for` counts.
    pub proxies: TrustedProxies,
    /// Names under which the server answers.
    pub hosts: AllowedHosts,
    /// The protected paths of an empty database; everything when there are none.
    pub initial_protected_paths: Vec<String>,
    /// How many tokens and users one person may create in a minute; 0 is without end.
    pub creations_per_minute: u32,
    /// How often somebody may try to sign in from one address in a minute; 0 is without end.
    pub sign_ins_per_minute: u32,
    /// How long people stay signed in.
    pub sessions: session::Limits,
    /// The host that browsers reach REST under by https, if that is known.
    pub https_host: Option<String>,
    /// The provider with which people sign in, if there is one.
    pub oidc: Option<Arc<Provider>>,
    /// Where clients reach the gate, as pages show it; not known if absent.
    pub gate_url: Option<String>,
    /// Whether to begin a new epoch, even if nothing tells that the database was put back.
    pub begin_epoch: bool,
    /// Where the filter is told to report; nowhere if absent.
    pub report: Option<Report>,
    /// Who posts to webhooks.
    pub outgoing: Arc<Outgoing>,
}

/// Where a server listens.
pub struct Listeners {
    /// REST.
    pub rest: RestListener,
    /// What Envoy calls; nothing if absent.
    pub dataplane: Option<DataplaneListener>,
    /// What Prometheus reads; nothing if absent.
    pub metrics: Option<MetricsListener>,
}

/// Where REST answers.
pub struct RestListener {
    /// Its socket.
    pub tcp: TcpListener,
    /// Clear text or TLS.
    pub transport: Transport,
}

/// Where proxies report, and who may.
pub struct DataplaneListener {
    /// Its socket.
    pub tcp: TcpListener,
    /// Clear text or TLS.
    pub transport: Transport,
    /// Who may report.
    pub access: Access,
}

/// Where Prometheus reads, and who may.
pub struct MetricsListener {
    /// Its socket.
    pub tcp: TcpListener,
    /// Clear text or TLS.
    pub transport: Transport,
    /// What a reader must present, if anything.
    pub key: Option<KeyDigest>,
}

/// What may be elsewhere than in the data folder.
#[derive(Clone, Debug, Default)]
pub struct Storage {
    /// The database, if it is none of the folder's.
    pub database: Option<DatabaseUrl>,
    /// The key of the audit's chain, if it is none of the folder's.
    pub audit_key: Option<PathBuf>,
}

/// Opens the database for a server, which holds the folder's lock; what a new folder lacks is made.
///
/// # Errors
/// The database or the audit's key cannot be used.
pub async fn open_for_server(folder: DataFolder, storage: &Storage) -> Result<Context, StartError> {
    if storage.database.is_none() {
        folder.make_database()?;
    }
    let store = place::open(&folder, storage.database.as_ref()).await?;
    if storage.audit_key.is_none() {
        audit::make_key_if_new(store.as_ref(), &folder, &SystemRandom).await?;
    }
    context(store, folder, storage)
}

/// Opens the database for a command beside the server.
///
/// # Errors
/// The database or the audit's key cannot be used.
pub async fn open(folder: DataFolder, storage: &Storage) -> Result<Context, StartError> {
    let store = place::open(&folder, storage.database.as_ref()).await?;
    context(store, folder, storage)
}

fn context(store: Arc<dyn Store>, folder: DataFolder, storage: &Storage) -> Result<Context, StartError> {
    let audit_key = match &storage.audit_key {
        Some(file) => audit::read_key(file)?,
        None => audit::load_key(&folder)?,
    };
    Ok(context_of(store, folder, audit_key))
}

/// What use cases work with, for a command: it delivers nothing.
pub fn context_of(store: Arc<dyn Store>, folder: DataFolder, audit_key: AuditKey) -> Context {
    Context {
        store,
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        folder,
        audit_key,
        passwords: PasswordHashing::default(),
        sessions: session::Limits::default(),
        sign_ins: Arc::default(),
        report: None,
        outgoing: Arc::default(),
        metrics: Arc::default(),
        group: GroupCommit::default(),
        newest: Arc::default(),
        delivery: None,
    }
}

/// A server that is set up and does not answer yet.
pub struct Server {
    /// What the handlers share.
    pub api: Api,
    /// The loop that keeps the proxy's file up to date.
    pub delivery: Delivery,
    /// Keeps a second server out of the folder.
    pub lock: File,
}

impl Server {
    /// Sets up a server in `context`: the first start, the first delivery.
    ///
    /// # Errors
    /// The first start failed. A failed delivery is no error: it is tried again.
    pub async fn set_up(mut context: Context, config: Config, lock: File) -> Result<Self, StartError> {
        let target = EcdsFile::new(config.ecds_file, config.module)?;
        context.report = config.report;
        context.outgoing = config.outgoing;
        let first = first_start::set_up(&context, &config.initial_protected_paths).await?;
        let head = audit::check_end(context.store.as_ref(), &context.audit_key).await?;
        tracing::info!(target: audit::LOG_TARGET, audit_head = %head, "audit");
        let delivered = Delivered::load(context.folder.epochs(), target.version())?;
        if !first {
            epoch::at_start(&context, &delivered, config.begin_epoch).await?;
        }
        let signal = Arc::new(DeliverySignal::default());
        context.delivery = Some(Arc::clone(&signal));
        context.sessions = config.sessions;
        context.sign_ins = Arc::new(Guard::per_minute(config.sign_ins_per_minute));
        let delivery = Delivery {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            context: context.clone(),
            delivered,
            signal,
            report: context.report.clone(),
            target,
        };
        if let Err(error) = delivery.catch_up().await {
            context.metrics.delivery_failed();
            tracing::error!(%error, "the first delivery failed; it is tried again until it works");
        }
        let api = Api {
            context,
            proxies: Arc::new(config.proxies),
            hosts: Arc::new(config.hosts),
            https_host: config.https_host.map(|host| host.to_ascii_lowercase().into()),
            oidc: config.oidc,
            gate_url: config.gate_url.map(Arc::from),
            creations: Arc::new(CreationLimit::per_minute(config.creations_per_minute)),
            pushes: Arc::default(),
        };
        Ok(Self { api, delivery, lock })
    }

    /// Answers until `shutdown`, then lets requests under way finish, for a while.
    pub async fn run(self, listeners: Listeners, shutdown: impl Future<Output = ()>) {
        let context = self.api.context.clone();
        let delivery = tokio::spawn(self.delivery.run());
        let upkeep = tokio::spawn(sign_in::upkeep(context.clone()));
        let suspensions = tokio::spawn(suspension::upkeep(context.clone()));
        let posts = tokio::spawn(sending::run(context.clone()));
        let (stop, stopped) = watch::channel(());
        let told_to = |mut stopped: watch::Receiver<()>| async move {
            // The sender says nothing: it goes.
            let _ = stopped.changed().await;
        };
        let [rest, reports, metrics] = [stopped.clone(), stopped.clone(), stopped].map(told_to);
        let shutdown = async {
            shutdown.await;
            drop(stop);
        };
        let hosts = AllowedHosts::clone(&self.api.hosts);
        let metrics = serve_metrics(listeners.metrics, (context.clone(), hosts), metrics);
        let rest = serve_rest(listeners.rest, self.api, rest);
        let reports = serve_dataplane(listeners.dataplane, context.clone(), reports);
        tokio::join!(shutdown, rest, reports, metrics);
        delivery.abort();
        upkeep.abort();
        suspensions.abort();
        posts.abort();
        context.store.close().await;
        drop(self.lock);
    }
}

async fn serve_rest(listener: RestListener, api: Api, stop: impl Future<Output = ()>) {
    let RestListener { tcp, transport } = listener;
    let (proxies, encrypted) = (Arc::clone(&api.proxies), transport.is_encrypted());
    let known = |peer| encrypted || proxies.admits(peer);
    connections::serve(tcp, transport, api::router(api), Limits::for_rest(), known, stop).await;
}

async fn serve_dataplane(
    listener: Option<DataplaneListener>,
    context: Context,
    stop: impl Future<Output = ()>,
) {
    let Some(DataplaneListener { tcp, transport, access }) = listener else { return };
    let router = dataplane::router(DataPlane { context, access });
    connections::serve(tcp, transport, router, Limits::for_dataplane(), |_| true, stop).await;
}

async fn serve_metrics(
    listener: Option<MetricsListener>,
    (context, hosts): (Context, AllowedHosts),
    stop: impl Future<Output = ()>,
) {
    let Some(MetricsListener { tcp, transport, key }) = listener else { return };
    let router = metrics_listener::router(MetricsEdge { context, hosts, key });
    connections::serve(tcp, transport, router, Limits::for_metrics(), |_| true, stop).await;
}
