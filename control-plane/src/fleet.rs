//! The fleet: which proxies enforce what, as they report it.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::callers::Caller;
use crate::clock::rfc3339;
use crate::context::Context;
use crate::domain::authority::administers;
use crate::domain::fleet::{FORGOTTEN_AFTER, MAX_WORKERS, Worker};
use crate::error::Error;
use crate::schema;
use crate::store::{StoreError, Version};

/// All proxies as they last reported.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Fleet)]
pub struct FleetView {
    pub(crate) epoch: String,
    /// As in the plugin configuration, a decimal string.
    pub(crate) revision: String,
    /// Workers that are not silent.
    pub(crate) workers: usize,
    /// Those of them that enforce this epoch's newest revision.
    pub(crate) up_to_date: usize,
    pub(crate) silent: usize,
    /// Most workers that are kept, the silent ones included.
    pub(crate) max_workers: u32,
    pub(crate) proxies: Vec<ProxyView>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Proxy)]
pub(crate) struct ProxyView {
    pub(crate) node: String,
    pub(crate) cluster: String,
    pub(crate) instances: Vec<InstanceView>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Instance)]
pub(crate) struct InstanceView {
    pub(crate) instance: String,
    pub(crate) workers: Vec<WorkerView>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Worker)]
pub(crate) struct WorkerView {
    pub(crate) worker: String,
    pub(crate) module_version: String,
    #[schema(required)]
    pub(crate) epoch: Option<String>,
    #[schema(required)]
    pub(crate) revision: Option<String>,
    #[schema(required)]
    pub(crate) tokens: Option<u64>,
    pub(crate) up_to_date: bool,
    /// Within the same epoch.
    #[schema(required)]
    pub(crate) revisions_behind: Option<u64>,
    pub(crate) silent: bool,
    #[schema(value_type = schema::Time)]
    pub(crate) first_seen_at: String,
    #[schema(value_type = schema::Time)]
    pub(crate) last_report_at: String,
    pub(crate) decisions: BTreeMap<String, u64>,
    pub(crate) stale_revisions: u64,
    pub(crate) dropped_uses: u64,
}

/// Shows the fleet.
///
/// # Errors
/// The caller is no admin.
pub async fn show(context: &Context, caller: &Caller) -> Result<FleetView, Error> {
    administers(caller.principal())?;
    let mut tx = context.store.read().await?;
    let version = tx.version().await?.ok_or(StoreError::Unreadable("epoch"))?;
    let now = context.clock.now().as_second();
    let workers = tx.workers(now.saturating_sub(FORGOTTEN_AFTER), MAX_WORKERS).await?;
    Ok(FleetView::new(&version, &workers, now))
}

impl FleetView {
    /// From workers ordered by cluster, node and instance.
    fn new(version: &Version, workers: &[Worker], now: i64) -> Self {
        let is_current = |worker: &Worker| worker.behind(&version.epoch, version.revision) == Some(0);
        let speaking: Vec<&Worker> = workers.iter().filter(|worker| !worker.is_silent(now)).collect();
        let same_proxy = |a: &Worker, b: &Worker| a.cluster == b.cluster && a.key.node == b.key.node;
        Self {
            epoch: version.epoch.clone(),
            revision: version.revision.to_string(),
            workers: speaking.len(),
            up_to_date: speaking.iter().filter(|worker| is_current(worker)).count(),
            silent: workers.len() - speaking.len(),
            max_workers: MAX_WORKERS,
            proxies: workers
                .chunk_by(same_proxy)
                .filter_map(|workers| ProxyView::new(version, workers, now))
                .collect(),
        }
    }
}

impl ProxyView {
    /// From the workers of one proxy; `None` if there is none.
    fn new(version: &Version, workers: &[Worker], now: i64) -> Option<Self> {
        let first = workers.first()?;
        let instance = |workers: &[Worker]| {
            let instance = workers.first()?.key.instance.clone();
            let workers = workers.iter().map(|worker| WorkerView::new(version, worker, now)).collect();
            Some(InstanceView { instance, workers })
        };
        let instances = workers.chunk_by(|a, b| a.key.instance == b.key.instance).filter_map(instance);
        let (node, cluster) = (first.key.node.clone(), first.cluster.clone());
        Some(Self { node, cluster, instances: instances.collect() })
    }
}

impl WorkerView {
    fn new(version: &Version, worker: &Worker, now: i64) -> Self {
        let enforced = worker.enforced.as_ref();
        let behind = worker.behind(&version.epoch, version.revision);
        Self {
            worker: worker.key.worker.clone(),
            module_version: worker.module_version.clone(),
            epoch: enforced.map(|enforced| enforced.epoch.clone()),
            revision: enforced.map(|enforced| enforced.revision.to_string()),
            tokens: enforced.map(|enforced| enforced.tokens),
            up_to_date: behind == Some(0),
            revisions_behind: behind,
            silent: worker.is_silent(now),
            first_seen_at: rfc3339(worker.first_seen_at),
            last_report_at: rfc3339(worker.last_report_at),
            decisions: worker.decisions.clone(),
            stale_revisions: worker.stale_revisions,
            dropped_uses: worker.dropped_uses,
        }
    }
}
