//! The one way a change takes: one write transaction with the authority looked at afresh, the rows, the audit, the
//! revision and a snapshot that the filter would take; then the delivery.

mod group;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::callers::{self, Caller};
use crate::context::Context;
use crate::domain::audit::{self, Action, Draft, Head};
use crate::domain::settings::Settings;
use crate::domain::source;
use crate::domain::user::system_actor;
use crate::epoch;
use crate::error::{Error, Unauthenticated};
use crate::snapshot::Snapshot;
use crate::sources::{self, PushCaller};
use crate::store::{StoreError, StoredSettings, Transaction, Version};
pub use group::GroupCommit;
use group::{Open, Seat};

/// How long an answer waits for the change to be delivered. The change is durable by then; delivery goes on trying.
const DELIVERY_WAIT: Duration = Duration::from_secs(5);

/// A change under way. Dropped without [`Change::commit`], it changes nothing.
pub struct Change<'a> {
    context: &'a Context,
    /// The transaction, for reading and changing rows.
    pub tx: Box<dyn Transaction>,
    /// The settings as the transaction sees them.
    pub settings: StoredSettings,
    /// The one time that the whole change bears.
    pub now: Timestamp,
    actor: Actor,
    entries: Vec<Draft>,
    head: Option<Head>,
    filter_sees_it: bool,
    /// Among those that are made durable together; after `tx`, which goes first.
    seat: Option<Seat>,
}

struct Actor {
    name: String,
    token_id: Option<String>,
    ip: Option<String>,
}

/// A change that is durable.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The revision that the filter is to enforce from now on.
    pub version: Version,
    /// Whether it was delivered within the time that an answer waits, if it does.
    pub delivered: bool,
}

impl<'a> Change<'a> {
    /// Begins a change by the person behind `caller`, who is looked up again in the change's own transaction.
    ///
    /// # Errors
    /// The credentials no longer hold.
    pub async fn by(context: &'a Context, caller: &Caller) -> Result<(Self, Caller), Error> {
        let mut tx = context.store.write().await?;
        let settings = tx.settings().await?;
        let now = context.clock.now();
        let caller =
            callers::verify(context, tx.as_mut(), &settings.settings, caller.presented.clone(), now).await?;
        let actor = Actor::of(&caller);
        let (entries, head, filter_sees_it, seat) = (Vec::new(), None, false, None);
        Ok((Self { context, tx, settings, now, actor, entries, head, filter_sees_it, seat }, caller))
    }

    /// Makes a change of a token or two, of which many may come at once: those that do are made durable together. `work` is
    /// done again by itself if it was undone with the others.
    ///
    /// # Errors
    /// Those of `work`, which follow from what is durable, and none of the others'.
    pub async fn together<T, Work: Future<Output = Result<T, Error>>>(
        context: &'a Context,
        caller: &Caller,
        work: impl Fn(Self, Caller) -> Work,
    ) -> Result<T, Error> {
        let joined = async {
            let (change, caller) = Self::joining(context, caller).await?;
            work(change, caller).await
        };
        match joined.await {
            Err(Error::Undone) => {
                let (change, caller) = Self::by(context, caller).await?;
                work(change, caller).await
            }
            done => done,
        }
    }

    /// As [`Change::by`], among those that are made durable together: [`Error::Undone`] of any call says that it is to be made
    /// again by itself. Whoever finds that there is nothing to change calls [`Change::leave`] or [`Change::refused`];
    /// dropped, it undoes the others' changes as well.
    ///
    /// # Errors
    /// As there.
    pub async fn joining(context: &'a Context, caller: &Caller) -> Result<(Self, Caller), Error> {
        let (seat, Open { tx, settings, head, filter_sees_it }) = context.group.join(context).await?;
        let (now, entries, presented) = (context.clock.now(), Vec::new(), caller.presented.clone());
        let actor = Actor::of(caller);
        let mut change =
            Self { context, tx, settings, now, actor, entries, head, filter_sees_it, seat: Some(seat) };
        let settings = &change.settings.settings;
        match callers::verify(context, change.tx.as_mut(), settings, presented, now).await {
            Ok(caller) => {
                change.actor = Actor::of(&caller);
                Ok((change, caller))
            }
            Err(error) => Err(change.refused(error).await),
        }
    }

    /// Ends it because of an error, before anything was changed: only for who has changed nothing. The error to answer.
    pub async fn refused(self, error: Error) -> Error {
        // A transaction in which the database failed is good for nobody.
        if matches!(error, Error::Internal(_)) {
            return error;
        }
        self.leave().await.err().unwrap_or(error)
    }

    /// Ends it with nothing changed; only for who has changed nothing. Waits for the changes before it that it has seen: what is
    /// answered follows from what is durable.
    ///
    /// # Errors
    /// [`Error::Undone`], or the database failed.
    pub async fn leave(self) -> Result<(), Error> {
        if self.seat.as_ref().is_none_or(Seat::is_first) {
            return Ok(());
        }
        let Self { context, tx, settings, head, filter_sees_it, seat, .. } = self;
        let Some(seat) = seat else { return Ok(()) };
        seat.leave(Open { tx, settings, head, filter_sees_it }, context).await.map(drop)
    }

    /// Begins a change by a source, whose push token is looked up again in the change's own transaction.
    ///
    /// # Errors
    /// The push token no longer holds.
    pub async fn by_source(context: &'a Context, caller: &PushCaller) -> Result<(Self, PushCaller), Error> {
        let mut tx = context.store.write().await?;
        let settings = tx.settings().await?;
        let now = context.clock.now();
        let again = sources::verify(tx.as_mut(), &caller.token.digest, caller.address, now).await?;
        let caller = again.ok_or(Unauthenticated::Unknown)?;
        let actor = Actor {
            name: source::actor(&caller.source.name),
            token_id: Some(caller.token.id.clone()),
            ip: caller.address.map(|ip| ip.to_canonical().to_string()),
        };
        let (entries, head, filter_sees_it, seat) = (Vec::new(), None, false, None);
        Ok((Self { context, tx, settings, now, actor, entries, head, filter_sees_it, seat }, caller))
    }

    /// Begins a change by a system actor, see [`crate::domain::user::system_actor`].
    ///
    /// # Errors
    /// The database failed.
    pub async fn by_system(context: &'a Context, actor: &str) -> Result<Self, Error> {
        let mut tx = context.store.write().await?;
        if tx.version().await?.is_none() {
            let epoch = crate::random::hex_text::<8>(context.random.as_ref())?;
            tx.initialise(&epoch, &Settings::default()).await?;
        }
        let settings = tx.settings().await?;
        let now = context.clock.now();
        let actor = Actor { name: actor.to_owned(), token_id: None, ip: None };
        let (entries, head, filter_sees_it, seat) = (Vec::new(), None, false, None);
        Ok(Self { context, tx, settings, now, actor, entries, head, filter_sees_it, seat })
    }

    /// Says where the change comes from, if no caller does.
    pub fn comes_from(&mut self, ip: Option<String>) {
        self.actor.ip = ip;
    }

    /// Says who goes on with the change.
    pub fn acts_as(&mut self, actor: &str) {
        actor.clone_into(&mut self.actor.name);
    }

    /// Who makes the change.
    pub fn actor(&self) -> &str {
        &self.actor.name
    }

    /// Where the change comes from, if that is known.
    pub fn ip(&self) -> Option<&str> {
        self.actor.ip.as_deref()
    }

    /// A short digest of `text` that tells one from another, and that nobody can guess `text` by without the audit's key.
    pub fn keyed_digest(&self, purpose: &str, text: &str) -> String {
        let digest = self.context.audit_key.hash(purpose, text);
        hex::encode(digest.get(..8).unwrap_or_default())
    }

    /// The time of the change in Unix seconds.
    pub fn at(&self) -> i64 {
        self.now.as_second()
    }

    /// Notes an audit entry; `before` and `after` must hold no secret. Written with the change or not at all.
    pub fn record(
        &mut self,
        action: Action,
        target: String,
        before: &impl Serialize,
        after: &impl Serialize,
    ) {
        self.entries.push(Draft {
            at: self.at(),
            actor: self.actor.name.clone(),
            actor_token_id: self.actor.token_id.clone(),
            ip: self.actor.ip.clone(),
            action: action.as_str().to_owned(),
            target,
            detail: audit::detail(before, after),
        });
    }

    /// Notes an audit entry of the server's own, whoever makes the change.
    pub fn record_of_server(
        &mut self,
        action: Action,
        target: String,
        before: &impl Serialize,
        after: &impl Serialize,
    ) {
        self.record_as(system_actor::SERVER_START, None, action, target, before, after);
    }

    /// Notes an audit entry of what somebody else did, from `ip`.
    pub fn record_as(
        &mut self,
        actor: &str,
        ip: Option<String>,
        action: Action,
        target: String,
        before: &impl Serialize,
        after: &impl Serialize,
    ) {
        self.record(action, target, before, after);
        if let Some(entry) = self.entries.last_mut() {
            entry.actor = actor.to_owned();
            (entry.actor_token_id, entry.ip) = (None, ip);
        }
    }

    /// Says that the filter may see the change, so that it needs a new revision.
    pub fn filter_sees_it(&mut self) {
        self.filter_sees_it = true;
    }

    /// Makes the change durable, and waits a while for it to be delivered if that does not take long.
    ///
    /// # Errors
    /// The audit cannot be written, or the filter would refuse the snapshot: then nothing has changed.
    pub async fn commit(mut self) -> Result<Committed, Error> {
        if self.filter_sees_it && self.seat.as_ref().is_none_or(Seat::is_first) {
            let random = Arc::clone(&self.context.random);
            epoch::keep_in(&mut self, random.as_ref()).await?;
        }
        self.write_entries().await?;
        let Self { context, mut tx, settings, now, head, filter_sees_it, seat, .. } = self;
        let (version, awaited) = match seat {
            None => {
                let (version, snapshot) = finish(context, tx.as_mut(), filter_sees_it, now).await?;
                tx.commit().await?;
                let awaited = publish(context, snapshot, head);
                (version, awaited)
            }
            Some(seat) => seat.leave(Open { tx, settings, head, filter_sees_it }, context).await?,
        };
        let delivered = filter_sees_it && deliver(context, &version, awaited).await;
        Ok(Committed { version, delivered })
    }

    /// Writes the entries that were noted so far, as [`Self::commit`] does with the last ones: what changes many rows
    /// need not hold all its entries in memory.
    ///
    /// # Errors
    /// The audit cannot be written.
    pub async fn write_entries(&mut self) -> Result<(), Error> {
        let mut head = match self.head {
            // Nobody else has written since.
            Some(head) => head,
            None => {
                // Appended under another key, entries would break the chain for good.
                let end = crate::audit::end(self.tx.as_mut(), &self.context.audit_key).await?;
                end.map_err(|found| Error::Internal(format!("the audit cannot go on: {found}")))?
            }
        };
        let mut entries = Vec::with_capacity(self.entries.len());
        for draft in std::mem::take(&mut self.entries) {
            let entry = audit::chain(&self.context.audit_key, head, draft);
            head = Head { seq: entry.seq, mac: entry.mac };
            self.head = Some(head);
            entries.push(entry);
        }
        Ok(self.tx.append_audits(&entries).await?)
    }
}

impl Actor {
    fn of(caller: &Caller) -> Self {
        Self {
            name: caller.user.name.clone(),
            token_id: caller.token().map(|token| token.id.clone()),
            ip: caller.presented.address.map(|ip| ip.to_canonical().to_string()),
        }
    }
}

/// The last statements before a commit: the revision, and a snapshot that the filter would take.
async fn finish(
    context: &Context,
    tx: &mut dyn Transaction,
    filter_sees_it: bool,
    now: Timestamp,
) -> Result<(Version, Option<Arc<Snapshot>>), Error> {
    if !filter_sees_it {
        return Ok((tx.version().await?.ok_or(StoreError::Unreadable("epoch"))?, None));
    }
    tx.raise_revision().await?;
    let snapshot = context.newest.of(tx, context.report.as_ref(), now).await?;
    Ok((snapshot.version.clone(), Some(snapshot)))
}

/// What follows a commit: whether answers are to wait for the delivery.
fn publish(context: &Context, snapshot: Option<Arc<Snapshot>>, head: Option<Head>) -> bool {
    // Who waited for a large one would learn no more than that it is written: what proxies enforce is told by their
    // reports.
    let awaited = snapshot.as_ref().is_some_and(|snapshot| !snapshot.is_large());
    if let Some(snapshot) = snapshot {
        context.newest.keep(snapshot);
    }
    if let Some(head) = head {
        tracing::info!(target: crate::audit::LOG_TARGET, audit_head = %head, "audit");
    }
    awaited
}

async fn deliver(context: &Context, version: &Version, awaited: bool) -> bool {
    let Some(signal) = &context.delivery else { return false };
    signal.wake();
    awaited && signal.wait(version, DELIVERY_WAIT).await
}
