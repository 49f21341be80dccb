//! The only wiring: a data folder becomes a context, a context becomes a server.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::api::{self, AllowedHosts, Api, TrustedProxies};
use crate::audit::{self, KeyError};
use crate::clock::SystemClock;
use crate::context::Context;
use crate::data_folder::{DataFolder, FolderError};
use crate::delivery::Delivery;
use crate::delivery::ecds::EcdsFile;
use crate::error::Error;
use crate::first_start;
use crate::password::PasswordHashing;
use crate::random::SystemRandom;
use crate::signal::DeliverySignal;
use crate::store::StoreError;
use crate::store::sqlite::SqliteStore;

/// How long requests under way may take to finish once the server is told to stop.
const SHUTDOWN_TIME: Duration = Duration::from_secs(10);

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
        first_start::set_up(&context, &config.initial_protected_paths).await?;
        start_new_epoch_if_restored(&context, &target).await?;
        let head = context.store.read().await?.audit_head().await?;
        tracing::info!(audit_head = %head, "audit");
        let signal = Arc::new(DeliverySignal::default());
        context.delivery = Some(Arc::clone(&signal));
        let (store, clock) = (Arc::clone(&context.store), Arc::clone(&context.clock));
        let delivery = Delivery { store, clock, signal, target };
        if let Err(error) = delivery.catch_up().await {
            tracing::error!(%error, "the first delivery failed; it is tried again until it works");
        }
        let api = Api { context, proxies: Arc::new(config.proxies), hosts: Arc::new(config.hosts) };
        Ok(Self { api, delivery, lock })
    }

    /// Answers until `shutdown`, then lets requests under way finish, for a while.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let store = Arc::clone(&self.api.context.store);
        let delivery = tokio::spawn(self.delivery.run());
        let service = api::router(self.api).into_make_service_with_connect_info::<SocketAddr>();
        let (stopping, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            shutdown.await;
            drop(stopping);
        };
        let too_long = async move {
            let _ = stopped.await;
            tokio::time::sleep(SHUTDOWN_TIME).await;
        };
        let served = tokio::select! {
            served = axum::serve(listener, service).with_graceful_shutdown(shutdown).into_future() => served,
            // A client that never finishes its request must not keep the server from stopping.
            () = too_long => Ok(()),
        };
        delivery.abort();
        store.close().await;
        drop(self.lock);
        served
    }
}

/// A database from a backup is behind what was delivered. Within the same epoch the filter would ignore its revisions,
/// revocations among them; a new epoch makes it listen.
async fn start_new_epoch_if_restored(context: &Context, target: &EcdsFile) -> Result<(), StartError> {
    let Some(delivered) = target.version() else { return Ok(()) };
    let mut tx = context.store.write().await?;
    let version = tx.version().await?.ok_or(StoreError::Unreadable("epoch"))?;
    if version.epoch != delivered.epoch || version.revision >= delivered.revision {
        return Ok(());
    }
    let epoch = crate::random::hex_text::<8>(context.random.as_ref()).map_err(Error::from)?;
    tx.replace_epoch(&epoch).await?;
    tx.commit().await?;
    tracing::warn!(
        delivered = delivered.revision,
        database = version.revision,
        "the database is older than what was delivered last, as after a restore: a new epoch begins"
    );
    Ok(())
}
