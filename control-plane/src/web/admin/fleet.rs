//! The proxies, and what each enforces.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{ADMIN, FLEET, Tab, tabs};
use crate::api::Api;
use crate::fleet::{self, FleetView, WorkerView};
use crate::http::problem::Problem;
use crate::web::frame::{Frame, page};
use crate::web::moment::Moment;
use crate::web::visitor::Visitor;

/// Most workers that the page lists; REST lists all of them.
const MOST: usize = 200;

#[derive(Template)]
#[template(path = "admin/fleet.html")]
struct FleetPage {
    frame: Frame,
    tabs: Vec<Tab>,
    epoch: String,
    revision: String,
    workers: usize,
    up_to_date: usize,
    silent: usize,
    rows: Vec<Row>,
    more: usize,
}

/// A worker.
struct Row {
    proxy: String,
    cluster: String,
    instance: String,
    worker: String,
    version: String,
    revision: Option<String>,
    tokens: Option<u64>,
    state: &'static str,
    state_class: &'static str,
    lag: String,
    last_report: Moment,
    first_seen: Moment,
}

/// `GET /admin/fleet`
pub(super) async fn show(State(api): State<Api>, visitor: Visitor) -> Result<Response, Problem> {
    let view = fleet::show(&api.context, &visitor.caller).await?;
    let now = api.context.clock.now().as_second();
    let mut rows = rows(&view, now);
    let more = rows.len().saturating_sub(MOST);
    rows.truncate(MOST);
    let shown = FleetPage {
        frame: Frame::new(&visitor, ADMIN, "Proxies"),
        tabs: tabs(FLEET),
        workers: view.workers,
        up_to_date: view.up_to_date,
        silent: view.silent,
        epoch: view.epoch,
        revision: view.revision,
        rows,
        more,
    };
    page(StatusCode::OK, &shown)
}

/// What wants a look comes first.
fn rows(view: &FleetView, now: i64) -> Vec<Row> {
    let mut rows = Vec::new();
    for proxy in &view.proxies {
        for instance in &proxy.instances {
            let place = (proxy.node.as_str(), proxy.cluster.as_str(), instance.instance.as_str());
            rows.extend(instance.workers.iter().map(|worker| Row::of(worker, place, now)));
        }
    }
    rows.sort_by_key(|row| match row.state_class {
        "expired" => 0,
        "disabled" => 1,
        "active" => 2,
        _ => 3,
    });
    rows
}

impl Row {
    fn of(worker: &WorkerView, (node, cluster, instance): (&str, &str, &str), now: i64) -> Self {
        let lag = match (&worker.revision, worker.revisions_behind) {
            (None, _) => "refuses everything".to_owned(),
            (Some(_), None) => "another epoch".to_owned(),
            (Some(_), Some(0)) => "none".to_owned(),
            (Some(_), Some(1)) => "1 change".to_owned(),
            (Some(_), Some(behind)) => format!("{behind} changes"),
        };
        let (state, state_class) = match worker {
            _ if worker.silent => ("Silent", ""),
            _ if worker.revision.is_none() => ("No configuration", "expired"),
            _ if worker.up_to_date => ("Up to date", "active"),
            _ => ("Behind", "disabled"),
        };
        let named = |text: &str, none: &str| if text.is_empty() { none.to_owned() } else { text.to_owned() };
        Self {
            proxy: named(node, "(no node id)"),
            cluster: named(cluster, "–"),
            instance: instance.to_owned(),
            worker: worker.worker.clone(),
            version: worker.module_version.clone(),
            revision: worker.revision.clone(),
            tokens: worker.tokens,
            state,
            state_class,
            lag,
            last_report: Moment::read(&worker.last_report_at, now),
            first_seen: Moment::read(&worker.first_seen_at, now),
        }
    }
}
