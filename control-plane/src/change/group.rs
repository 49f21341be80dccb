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
pub struct GroupCommit(Arc<Mutex<Group>>);

#[derive(Default)]
struct Group {
    /// None while somebody works in it, and when there is no group.
    open: Option<Open>,
    /// Who wait for what becomes of it.
    waiting: Vec<oneshot::Sender<Outcome>>,
}

/// A transaction in which changes were made that are not durable yet.
pub(super) struct Open {
    pub(super) tx: Box<dyn Transaction>,
    pub(super) settings: StoredSettings,
    pub(super) head: Option<Head>,
    /// Whether the filter may see any of them.
    pub(super) filter_sees_it: bool,
}

/// What became of a group.
#[derive(Clone, Debug)]
enum Outcome {
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
    guard: OwnedMutexGuard<Group>,
}

impl GroupCommit {
    /// Joins the open group, or opens one.
    ///
    /// # Errors
    /// The database failed.
    pub(super) async fn join(&self, context: &Context) -> Result<(Seat, Open), Error> {
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.0).lock_owned()).await;
        let mut seat = Seat { group: self.clone(), guard: turn.map_err(|_| StoreError::silent())? };
        let open = match seat.guard.open.take() {
            Some(open) => open,
            None => {
                let mut tx = context.store.write().await?;
                let settings = tx.settings().await?;
                Open { tx, settings, head: None, filter_sees_it: false }
            }
        };
        Ok((seat, open))
    }

    /// Ends the open group, if there is one.
    async fn end(self, context: Context) {
        let mut guard = self.0.lock_owned().await;
        let Some(open) = guard.open.take() else { return };
        let waiting = std::mem::take(&mut guard.waiting);
        let outcome = commit(&context, open).await;
        drop(guard);
        tell(waiting, &outcome);
    }
}

impl Seat {
    /// Whether nobody has changed anything in the transaction before.
    pub(super) fn is_first(&self) -> bool {
        self.guard.waiting.is_empty()
    }

    /// Leaves the transaction to the next, and waits for what becomes of the group: its version, and whether answers wait
    /// for its delivery.
    ///
    /// # Errors
    /// [`Error::Undone`]; or nobody knows whether it is durable.
    pub(super) async fn leave(mut self, open: Open, context: &Context) -> Result<(Version, bool), Error> {
        if self.is_first() {
            // On its own: nobody's going away may keep a group open.
            tokio::spawn(self.group.clone().end(context.clone()));
        }
        let (sender, outcome) = oneshot::channel();
        self.guard.waiting.push(sender);
        self.guard.open = Some(open);
        drop(self);
        match outcome.await {
            Ok(Outcome::Committed(version, awaited)) => Ok((version, awaited)),
            Ok(Outcome::Undone) => Err(Error::Undone),
            Ok(Outcome::Failed(error)) => Err(Error::Internal(error)),
            Err(_) => Err(Error::Internal("a group of changes was not ended".to_owned())),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.guard.open.is_none() {
            tell(std::mem::take(&mut self.guard.waiting), &Outcome::Undone);
        }
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
