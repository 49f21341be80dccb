//! The only wiring: a data folder becomes a context, a context becomes a server.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use gatepass::config::wire::Report;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::api::{self, AllowedHosts, Api, CreationLimit, TrustedProxies};
use crate::audit::{self, KeyError};
use crate::change::Change;
use crate::clock::SystemClock;
use crate::connections::{self, Limits, Transport};
use crate::context::Context;
use crate::data_folder::{DataFolder, FolderError};
use crate::dataplane::access::Access;
use crate::dataplane::{self, DataPlane};
use crate::delivery::Delivery;
use crate::delivery::ecds::EcdsFile;
use crate::domain::audit::Action;
use crate::domain::user::system_actor;
use crate::error::Error;
use crate::first_start;
use crate::password::PasswordHashing;
use crate::random::SystemRandom;
use crate::signal::DeliverySignal;
use crate::store::StoreError;
use crate::store::sqlite::SqliteStore;

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
    /// Where the filter is told to report; nowhere if absent.
    pub report: Option<Report>,
}

/// Where a server listens.
pub struct Listeners {
    /// REST.
    pub rest: TcpListener,
    /// What Envoy calls; nothing if absent.
    pub dataplane: Option<DataplaneListener>,
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

/// Opens what is in the data folder for a server, which holds the folder's lock; what a new folder lacks is made.
///
/// # Errors
/// The database or the audit's key cannot be used.
pub async fn open_for_server(folder: DataFolder) -> Result<Context, StartError> {
    let store = SqliteStore::open(&folder.database()).await?;
    audit::make_key_if_new(&store, &folder, &SystemRandom).await?;
    context(store, folder)
}

/// Opens what is in the data folder for a command beside the server.
///
/// # Errors
/// The database or the audit's key cannot be used.
pub async fn open(folder: DataFolder) -> Result<Context, StartError> {
    context(SqliteStore::open(&folder.database()).await?, folder)
}

fn context(store: SqliteStore, folder: DataFolder) -> Result<Context, StartError> {
    let audit_key = audit::load_key(&folder)?;
    Ok(Context {
        store: Arc::new(store),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        folder,
        audit_key,
        passwords: PasswordHashing::default(),
        report: None,
        delivery: None,
    })
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
        let first = first_start::set_up(&context, &config.initial_protected_paths).await?;
        let head = audit::check_end(context.store.as_ref(), &context.audit_key).await?;
        tracing::info!(target: audit::LOG_TARGET, audit_head = %head, "audit");
        if !first {
            begin_epoch(&context).await?;
        }
        let signal = Arc::new(DeliverySignal::default());
        context.delivery = Some(Arc::clone(&signal));
        context.report = config.report;
        let (store, clock) = (Arc::clone(&context.store), Arc::clone(&context.clock));
        let delivery = Delivery { store, clock, signal, report: context.report.clone(), target };
        if let Err(error) = delivery.catch_up().await {
            tracing::error!(%error, "the first delivery failed; it is tried again until it works");
        }
        let api = Api {
            context,
            proxies: Arc::new(config.proxies),
            hosts: Arc::new(config.hosts),
            creations: Arc::new(CreationLimit::per_minute(config.creations_per_minute)),
        };
        Ok(Self { api, delivery, lock })
    }

    /// Answers until `shutdown`, then lets requests under way finish, for a while.
    pub async fn run(self, listeners: Listeners, shutdown: impl Future<Output = ()>) {
        let context = self.api.context.clone();
        let delivery = tokio::spawn(self.delivery.run());
        let (stop, stopped) = watch::channel(());
        let told_to = |mut stopped: watch::Receiver<()>| async move {
            // The sender says nothing: it goes.
            let _ = stopped.changed().await;
        };
        let (rest, reports) = (told_to(stopped.clone()), told_to(stopped));
        let shutdown = async {
            shutdown.await;
            drop(stop);
        };
        let rest = serve_rest(listeners.rest, self.api, rest);
        let reports = serve_dataplane(listeners.dataplane, context.clone(), reports);
        tokio::join!(shutdown, rest, reports);
        delivery.abort();
        context.store.close().await;
        drop(self.lock);
    }
}

async fn serve_rest(listener: TcpListener, api: Api, stop: impl Future<Output = ()>) {
    let proxies = Arc::clone(&api.proxies);
    let known = |peer| proxies.admits(peer);
    connections::serve(listener, Transport::Clear, api::router(api), Limits::for_rest(), known, stop).await;
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

/// Begins a new epoch, as each start but the first does. A database or a whole folder that was put back from a backup
/// is behind what proxies enforce, and nothing in it says so; within the same epoch the filter would ignore its
/// revisions, revocations among them.
async fn begin_epoch(context: &Context) -> Result<(), StartError> {
    let epoch = crate::random::hex_text::<8>(context.random.as_ref()).map_err(Error::from)?;
    let mut change = Change::by_system(context, system_actor::SERVER_START).await?;
    let before = change.tx.version().await?.ok_or(StoreError::Unreadable("epoch"))?;
    change.tx.replace_epoch(&epoch).await?;
    let shown = |epoch: &str| json!({"epoch": epoch, "revision": before.revision.to_string()});
    change.record(Action::EpochStarted, "epoch".to_owned(), &shown(&before.epoch), &shown(&epoch));
    change.commit().await?;
    Ok(())
}
