//! What every use case works with.

use std::sync::Arc;

use gatepass::config::wire::Report;

use crate::change::GroupCommit;
use crate::clock::Clock;
use crate::data_folder::DataFolder;
use crate::domain::audit::AuditKey;
use crate::domain::session;
use crate::metrics::Metrics;
use crate::password::PasswordHashing;
use crate::random::Random;
use crate::sign_in;
use crate::signal::DeliverySignal;
use crate::snapshot::Newest;
use crate::store::Store;
use crate::webhooks::outgoing::Outgoing;

/// What every use case works with.
#[derive(Clone)]
pub struct Context {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub random: Arc<dyn Random>,
    /// The files beside the database.
    pub folder: DataFolder,
    /// The key of the audit's chain.
    pub audit_key: AuditKey,
    /// What a password hash costs.
    pub passwords: PasswordHashing,
    /// How long people stay signed in.
    pub sessions: session::Limits,
    /// What keeps guessers of passwords slow.
    pub sign_ins: Arc<sign_in::Guard>,
    /// Where the filter is to report; nowhere if absent. A command beside the server only has snapshots checked, and needs
    /// none.
    pub report: Option<Report>,
    /// Who posts to webhooks.
    pub outgoing: Arc<Outgoing>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The changes that are made durable together.
    pub group: GroupCommit,
    /// The newest snapshot in this process.
    pub newest: Arc<Newest>,
    /// The delivery in this process; none in a command that works beside a server, whose delivery polls.
    pub delivery: Option<Arc<DeliverySignal>>,
}
