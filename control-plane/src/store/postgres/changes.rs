//! How replicas hear of each other's changes: a notification with each new revision (LISTEN and NOTIFY).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The channel that every revision is announced on.
pub(super) const CHANNEL: &str = "gatepass_revision";
/// How long to wait before the next attempt to listen.
const RETRY: Duration = Duration::from_secs(2);

/// Who listens, from the first time that somebody asks.
pub(super) struct Changes {
    options: PgConnectOptions,
    heard: Arc<Notify>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Changes {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self { options, heard: Arc::default(), task: Mutex::default() }
    }

    /// Returns once a notification has come, or may have been missed, since this returned last.
    pub(super) async fn next(&self) {
        {
            let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
            // A task of its own: what is read half when somebody stops waiting is not lost.
            task.get_or_insert_with(|| tokio::spawn(listen(self.options.clone(), Arc::clone(&self.heard))));
        }
        self.heard.notified().await;
    }

    /// Stops listening.
    pub(super) fn stop(&self) {
        if let Some(task) = &*self.task.lock().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn listen(options: PgConnectOptions, heard: Arc<Notify>) {
    loop {
        if let Err(error) = listen_once(&options, &heard).await {
            tracing::debug!(%error, "not told of other replicas' changes; they are looked for all the same");
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Listens until the session ends. It is none of the pool's, so that it takes no transaction's place.
async fn listen_once(options: &PgConnectOptions, heard: &Notify) -> sqlx::Result<()> {
    let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
    let mut listener = PgListener::connect_with(&pool.connect_with(options.clone()).await?).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    // What happened before anybody listened.
    heard.notify_one();
    while listener.try_recv().await?.is_some() {
        heard.notify_one();
    }
    Ok(())
}
