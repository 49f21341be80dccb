//! Group commit: changes that wait for the database together become durable together. Each sees what those before it have
//! done; they share one transaction, one revision, one snapshot and one flush to the disk.
//!
//! Who finds the transaction open goes on in it; who has done his part leaves it open for the next and waits. The first of
//! a group lets somebody queue who ends it: the queue is first come, first served, so all who waited before him have
//! joined by then, and none waits for those who come later.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::context::Context;
use crate::domain::audit::Head;
use crate::error::Error;
use crate::store::{StoreError, StoredSettings, Transaction, Version};

/// How long a change waits for those before it.
const TURN: Duration = Duration::from_secs(20);

/// The changes of a process that are made durable together.
#[derive(Clone, Default)]
pub struct GroupCommit(Arc<Mutex<Option<Open>>>);

/// A transaction in which changes were made that are not durable yet.
pub(super) struct Open {
    pub(super) tx: Box<dyn Transaction>,
    pub(super) settings: StoredSettings,
    pub(super) head: Option<Head>,
    /// Whether the filter may see any of them.
    pub(super) filter_sees_it: bool,
    waiting: Vec<oneshot::Sender<Outcome>>,
}

/// What became of a group.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// It is durable; and whether answers wait for its delivery.
    Committed(Version, bool),
    /// Nothing of it was kept, because of another of its changes or of what they came to together.
    Undone,
    /// The database did not say whether it is durable.
    Failed(String),
}

/// The place of the one who works in the transaction now. Given up without [`Seat::leave`], the group is undone: nobody
/// knows how far its last change had come. Its transaction must be dropped before.
pub(super) struct Seat {
    group: GroupCommit,
    guard: OwnedMutexGuard<Option<Open>>,
    waiting: Vec<oneshot::Sender<Outcome>>,
}

impl Open {
    pub(super) fn new(
        tx: Box<dyn Transaction>,
        settings: StoredSettings,
        head: Option<Head>,
        filter_sees_it: bool,
    ) -> Self {
        Self { tx, settings, head, filter_sees_it, waiting: Vec::new() }
    }
}

impl GroupCommit {
    /// Joins the open group, or opens one.
    ///
    /// # Errors
    /// The database failed.
    pub(super) async fn join(&self, context: &Context) -> Result<(Seat, Open), Error> {
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.0).lock_owned()).await;
        let mut guard = turn.map_err(|_| StoreError::silent())?;
        let open = guard.take();
        let mut seat = Seat { group: self.clone(), guard, waiting: Vec::new() };
        let open = match open {
            Some(mut open) => {
                seat.waiting = std::mem::take(&mut open.waiting);
                open
            }
            None => {
                let mut tx = context.store.write().await?;
                let settings = tx.settings().await?;
                Open::new(tx, settings, None, false)
            }
        };
        Ok((seat, open))
    }

    /// Ends the open group, if there is one.
    async fn end(self, context: Context) {
        let mut guard = self.0.lock_owned().await;
        let Some(mut open) = guard.take() else { return };
        let waiting = std::mem::take(&mut open.waiting);
        let outcome = commit(&context, open).await;
        drop(guard);
        tell(waiting, &outcome);
    }
}

impl Seat {
    /// Whether nobody has changed anything in the transaction yet.
    pub(super) fn is_first(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Leaves with nothing changed.
    pub(super) fn leave(mut self, open: Open) {
        if !self.is_first() {
            *self.guard = Some(Open { waiting: std::mem::take(&mut self.waiting), ..open });
        }
    }

    /// Leaves with a change that is whole, and waits for what becomes of the group.
    ///
    /// # Errors
    /// Whoever was to end the group did not: it may be durable or not.
    pub(super) async fn leave_done(mut self, open: Open, context: &Context) -> Result<Outcome, Error> {
        let (sender, outcome) = oneshot::channel();
        if self.is_first() {
            // On its own: nobody's going away may keep a group open.
            tokio::spawn(self.group.clone().end(context.clone()));
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.push(sender);
        *self.guard = Some(Open { waiting, ..open });
        drop(self);
        outcome.await.map_err(|_| Error::Internal("a group of changes was not ended".to_owned()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        tell(std::mem::take(&mut self.waiting), &Outcome::Undone);
    }
}

fn tell(waiting: Vec<oneshot::Sender<Outcome>>, outcome: &Outcome) {
    for sender in waiting {
        // Who has gone away learns nothing.
        let _gone = sender.send(outcome.clone());
    }
}

async fn commit(context: &Context, open: Open) -> Outcome {
    let Open { mut tx, head, filter_sees_it, .. } = open;
    let ready = super::finish(context, tx.as_mut(), filter_sees_it, context.clock.now()).await;
    let (version, snapshot) = match ready {
        Ok(ready) => ready,
        Err(error) => {
            // Each is done again by itself, and then the one that it is about is told.
            tracing::debug!(%error, "a group of changes was undone");
            return Outcome::Undone;
        }
    };
    if let Err(error) = tx.commit().await {
        return Outcome::Failed(error.to_string());
    }
    let awaited = super::publish(context, snapshot, head);
    Outcome::Committed(version, awaited)
}
