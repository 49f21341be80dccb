//! The only wiring: a data folder becomes a context, a context becomes a server.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::api::{self, AllowedHosts, Api, TrustedProxies};
use crate::audit::{self, KeyError};
use crate::clock::SystemClock;
use crate::connections::{self, Limits};
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
        let first = first_start::set_up(&context, &config.initial_protected_paths).await?;
        let head = audit::check_end(context.store.as_ref(), &context.audit_key).await?;
        tracing::info!(target: audit::LOG_TARGET, audit_head = %head, "audit");
        if !first {
            begin_epoch(&context).await?;
        }
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
    pub async fn run(self, listener: TcpListener, limits: Limits, shutdown: impl Future<Output = ()>) {
        let store = Arc::clone(&self.api.context.store);
        let delivery = tokio::spawn(self.delivery.run());
        let proxies = Arc::clone(&self.api.proxies);
        let known = |peer| proxies.admits(peer);
        connections::serve(listener, api::router(self.api), limits, known, shutdown).await;
        delivery.abort();
        store.close().await;
        drop(self.lock);
    }
}

/// Begins a new epoch, as each start but the first does. A database or a whole folder that was put back from a backup
/// is behind what proxies enforce, and nothing in it says so; within the same epoch the filter would ignore its
/// revisions, revocations among them.
async fn begin_epoch(context: &Context) -> Result<(), StartError> {
    let epoch = crate::random::hex_text::<8>(context.random.as_ref()).map_err(Error::from)?;
    let mut tx = context.store.write().await?;
    tx.replace_epoch(&epoch).await?;
    tx.commit().await?;
    Ok(())
}
