//! What is looked up when somebody asks.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::{Metrics, PREFIX, process};
use crate::context::Context;
use crate::domain::fleet::{FORGOTTEN_AFTER, MAX_WORKERS, Worker};
use crate::store::{self, Census, EntryCounts, StoreError, Transaction, Version};

/// How long the numbers of tokens and users count: to count them takes a look at every token.
const COUNTED_FOR: Duration = Duration::from_secs(30);

/// The numbers of tokens and users, and when they were counted.
pub(super) type Counted = (Instant, Census);
type Number = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfState {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfRole {
    role: &'static str,
    active: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Within {
    within: &'static str,
}

/// There are at most a hundred sources, and an admin has named each.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfSource {
    source: String,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfSourceWithin {
    source: String,
    within: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

/// All metrics, as OpenMetrics text. Without a database those that it holds are left out, and `gatepass_database_up` is 0.
pub async fn text(context: &Context) -> String {
    let mut looked_up = LookedUp(Registry::with_prefix(PREFIX));
    let found = look_up(context, &mut looked_up).await;
    if let Err(error) = &found {
        tracing::warn!(%error, "metrics are told without what the database holds");
    }
    looked_up.gauge(
        "database_up",
        "Whether the database answered just now",
        f64::from(u8::from(found.is_ok())),
    );
    let failures = "Calls that the database failed or did not answer in time";
    looked_up.0.register("database_errors", failures, ConstCounter::new(store::failures()));
    let lag = "For how long there has been a change that was not delivered, in seconds";
    looked_up.gauge("delivery_lag_seconds", lag, context.metrics.lag().as_secs_f64());
    let build = Family::<Build, Gauge>::default();
    build.get_or_create_owned(&Build { version: env!("CARGO_PKG_VERSION") }).set(1);
    looked_up.0.register("build_info", "Version of this program", build);
    let mut text = String::new();
    // Writing into a text does not fail.
    let _ = encode_registry(&mut text, &context.metrics.registry);
    let _ = encode_registry(&mut text, &looked_up.0);
    let _ = encode_registry(&mut text, &process::registry());
    let _ = encode_eof(&mut text);
    text
}

struct LookedUp(Registry);

impl LookedUp {
    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        let gauge = Number::default();
        gauge.set(value);
        self.0.register(name, help, gauge);
    }

    fn count(&mut self, name: &str, help: &str, value: u64) {
        self.gauge(name, help, number(value));
    }
}

/// Above 2⁵³ it is off by a little.
#[expect(clippy::as_conversions, reason = "the standard library has no other way from u64 to f64")]
fn number(value: u64) -> f64 {
    value as f64
}

async fn look_up(context: &Context, to: &mut LookedUp) -> Result<(), StoreError> {
    let mut tx = context.store.read().await?;
    let version = tx.version().await?.ok_or(StoreError::Unreadable("epoch"))?;
    let now = context.clock.now().as_second();
    let workers = tx.workers(now.saturating_sub(FORGOTTEN_AFTER), MAX_WORKERS).await?;
    let entries = tx.audit_head().await?.seq;
    let census = census(&context.metrics, tx.as_mut(), now).await?;
    drop(tx);
    to.count("revision_committed", "The newest revision in the database", version.revision);
    let delivered = context.delivery.as_ref().and_then(|signal| signal.delivered());
    let delivered = delivered.filter(|delivered| delivered.epoch == version.epoch);
    let delivered = delivered.map_or(0, |delivered| delivered.revision);
    to.count("revision_delivered", "The revision delivered last; 0 if it was of another epoch", delivered);
    to.count("audit_entries", "Entries of the audit", u64::try_from(entries).unwrap_or_default());
    tell_census(to, &census);
    tell_fleet(to, &version, &workers, now);
    Ok(())
}

async fn census(metrics: &Metrics, tx: &mut dyn Transaction, now: i64) -> Result<Census, StoreError> {
    // Who comes meanwhile waits for the count, rather than count as well.
    let mut counted = metrics.census.lock().await;
    if let Some((at, census)) = counted.as_ref().filter(|(at, _)| at.elapsed() < COUNTED_FOR) {
        tracing::trace!(age_ms = at.elapsed().as_millis(), "tokens and users were counted a while ago");
        return Ok(census.clone());
    }
    let census = tx.census(now).await?;
    *counted = Some((Instant::now(), census.clone()));
    Ok(census)
}

fn tell_census(to: &mut LookedUp, census: &Census) {
    let expiring = Family::<Within, Number>::default();
    for (within, count) in ["1d", "7d", "30d"].into_iter().zip(census.expiring) {
        expiring.get_or_create_owned(&Within { within }).set(number(count));
    }
    let help = "Tokens in use that end so soon, those that end sooner included, counted at most 30 s ago";
    to.0.register("tokens_expiring", help, expiring);
    let tokens = Family::<OfState, Number>::default();
    for (state, count) in &census.tokens {
        tokens.get_or_create_owned(&OfState { state: state.as_str() }).set(number(*count));
    }
    to.0.register("issued_tokens", "Tokens by their state, counted at most 30 s ago", tokens);
    let users = Family::<OfRole, Number>::default();
    for (role, active, count) in &census.users {
        let active = if *active { "true" } else { "false" };
        users.get_or_create_owned(&OfRole { role: role.as_str(), active }).set(number(*count));
    }
    tell_entries(to, &census.entries);
    to.0.register("users", "Users by role and whether they are active, counted at most 30 s ago", users);
}

fn tell_entries(to: &mut LookedUp, sources: &[EntryCounts]) {
    let (states, expiring) =
        (Family::<OfSource, Number>::default(), Family::<OfSourceWithin, Number>::default());
    for counts in sources {
        for (state, count) in
            [("active", counts.active), ("disabled", counts.disabled), ("expired", counts.expired)]
        {
            let labels = OfSource { source: counts.source.clone(), state };
            states.get_or_create_owned(&labels).set(number(count));
        }
        for (within, count) in ["1d", "7d", "30d"].into_iter().zip(counts.expiring) {
            let labels = OfSourceWithin { source: counts.source.clone(), within };
            expiring.get_or_create_owned(&labels).set(number(count));
        }
    }
    to.0.register("source_entries", "Entries of sources by their state, counted at most 30 s ago", states);
    let help = "Entries of sources in use that end so soon, those that end sooner included, counted at most 30 s ago";
    to.0.register("source_entries_expiring", help, expiring);
}

fn tell_fleet(to: &mut LookedUp, version: &Version, workers: &[Worker], now: i64) {
    let (silent, speaking): (Vec<&Worker>, Vec<&Worker>) =
        workers.iter().partition(|worker| worker.is_silent(now));
    let proxies: BTreeSet<_> = speaking.iter().map(|worker| (&worker.cluster, &worker.key.node)).collect();
    to.count(
        "fleet_proxies",
        "Proxies that reported in the last 150 s",
        u64::try_from(proxies.len()).unwrap_or_default(),
    );
    let behind = |worker: &&&Worker| worker.behind(&version.epoch, version.revision);
    let count =
        |wanted: fn(Option<u64>) -> bool| speaking.iter().filter(|worker| wanted(behind(worker))).count();
    let states = Family::<OfState, Number>::default();
    for (state, count) in [
        ("up_to_date", count(|behind| behind == Some(0))),
        ("behind", count(|behind| behind.is_some_and(|behind| behind > 0))),
        ("other_epoch", count(|behind| behind.is_none())),
        ("silent", silent.len()),
    ] {
        let count = u64::try_from(count).unwrap_or_default();
        states.get_or_create_owned(&OfState { state }).set(number(count));
    }
    let help = "Workers of proxies, by what they enforce; silent ones have not reported for 150 s";
    to.0.register("fleet_workers", help, states);
    let oldest = speaking.iter().filter_map(|worker| behind(&worker)).max();
    if let Some(behind) = oldest {
        to.count("fleet_revisions_behind", "How far the worker that is most behind in this epoch is", behind);
        let oldest = version.revision.saturating_sub(behind);
        to.count("fleet_oldest_revision", "The oldest revision that a worker enforces in this epoch", oldest);
    }
}
