//! What Prometheus reads: counted as it happens ([`Metrics`]), or looked up when it is asked for ([`text`]). No label holds
//! what a client made up, and none a user's or a token's name.

pub mod listener;
mod process;
mod scrape;

use std::fmt::{self, Debug};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::callers::Caller;
use crate::context::Context;
use crate::domain::authority::administers;
use crate::error::Error;
pub use scrape::text;

/// OpenMetrics 1.0, which Prometheus has read since its version 2.5.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What every name begins with.
const PREFIX: &str = "gatepass";
/// Upper bounds in seconds.
const BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    listener: &'static str,
    route: String,
    method: &'static str,
    status: u32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    listener: &'static str,
    route: String,
    method: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Refused {
    code: &'static str,
}

/// What is counted as it happens, since the process began.
pub struct Metrics {
    registry: Registry,
    answered: Family<Answered, Counter>,
    durations: Family<Route, Histogram, fn() -> Histogram>,
    refused: Family<Refused, Counter>,
    deliveries: Histogram,
    failed_deliveries: Counter,
    behind_since: Mutex<Option<Instant>>,
    census: tokio::sync::Mutex<Option<scrape::Counted>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let durations = Family::new_with_constructor(histogram as fn() -> Histogram);
        let made = Self {
            answered: Family::default(),
            durations,
            refused: Family::default(),
            deliveries: histogram(),
            failed_deliveries: Counter::default(),
            registry: Registry::default(),
            behind_since: Mutex::default(),
            census: tokio::sync::Mutex::default(),
        };
        registry.register("http_requests", "Requests that were answered", made.answered.clone());
        let until_head = "Time from a request's header to its reply's, in seconds";
        registry.register("http_request_duration_seconds", until_head, made.durations.clone());
        registry.register(
            "http_problems",
            "Requests that were refused, by the problem's code",
            made.refused.clone(),
        );
        let delivered = "Time from when a change was noticed until it was delivered, in seconds";
        registry.register("delivery_duration_seconds", delivered, made.deliveries.clone());
        registry.register(
            "delivery_failures",
            "Attempts to deliver that failed",
            made.failed_deliveries.clone(),
        );
        Self { registry, ..made }
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

impl Metrics {
    /// Notes that a request was answered. `route` is a template and `method` one of HTTP's own: neither is the client's word.
    pub(crate) fn answered(
        &self,
        (listener, route, method): (&'static str, &str, &'static str),
        status: u16,
        code: Option<&'static str>,
        took: Duration,
    ) {
        let route = route.to_owned();
        let answered = Answered { listener, route: route.clone(), method, status: u32::from(status) };
        self.answered.get_or_create_owned(&answered).inc();
        self.durations.get_or_create_owned(&Route { listener, route, method }).observe(took.as_secs_f64());
        if let Some(code) = code {
            self.refused.get_or_create_owned(&Refused { code }).inc();
        }
    }

    /// Notes that there is something that has not been delivered.
    pub(crate) fn behind(&self) {
        self.behind_since().get_or_insert_with(Instant::now);
    }

    /// Notes that all has been delivered.
    pub(crate) fn delivered(&self) {
        if let Some(since) = self.behind_since().take() {
            self.deliveries.observe(since.elapsed().as_secs_f64());
        }
    }

    /// Notes that an attempt to deliver failed.
    pub(crate) fn delivery_failed(&self) {
        self.failed_deliveries.inc();
    }

    /// For how long there has been something that was not delivered.
    pub(crate) fn lag(&self) -> Duration {
        self.behind_since().map(|since| since.elapsed()).unwrap_or_default()
    }

    fn behind_since(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.behind_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// All metrics, for an admin.
///
/// # Errors
/// The caller is none.
pub async fn show(context: &Context, caller: &Caller) -> Result<String, Error> {
    administers(caller.principal())?;
    Ok(text(context).await)
}
