//! What is promised, and whether this run held it.

use serde::Serialize;

use crate::cold::worker_us;
use crate::control_plane::{Call, ControlPlane, Page};
use crate::pushing::Observed;
use crate::results::Results;
use crate::stats::Spread;
use crate::variants::grouped;

/// One promise. Without a number it was not measured.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// What is promised.
    pub promise: String,
    /// What was measured, in the bound's unit.
    pub measured: Option<f64>,
    /// At most this.
    pub bound: f64,
    /// What the number is made of.
    pub how: String,
}

impl Line {
    /// `PASS`, `FAIL` or `n/a`.
    pub fn verdict(&self) -> &'static str {
        match self.measured {
            None => "n/a ",
            Some(measured) if measured <= self.bound => "PASS",
            Some(_) => "FAIL",
        }
    }
}

/// Every promise.
pub fn lines(results: &Results) -> Vec<Line> {
    let largest = format!("gatepass-{}", results.counts.tokens);
    let title = format!("CPU added: {} tokens against 1", grouped(results.counts.tokens));
    let mut lines = vec![
        added(results, "CPU added: against Lua", "gatepass-100000", "lua", 0.8),
        added(results, "CPU added: against a no-op wasm filter", "gatepass-100000", "noop", 1.5),
        added(results, "CPU added: against ext_authz", "gatepass-100000", "ext-authz", 0.125),
        added(results, &title, &largest, "gatepass-1", 1.15),
    ];
    lines.push(stall("100,000 tokens", &results.pushes, 2.0));
    lines.push(stall(&format!("{} tokens", grouped(results.counts.tokens)), &results.large_pushes, 5.0));
    let cold = results.cold.as_ref();
    lines.push(Line {
        promise: "first load against a mere copy of its bytes".to_owned(),
        measured: cold.and_then(|cold| cold.ratio()),
        bound: 2.0,
        how: "ratio of the medians, worker thread, inside the VM".to_owned(),
    });
    lines.push(Line {
        promise: "p99 with a push a second against none".to_owned(),
        measured: results.tail.as_ref().map(|tail| tail.ratio()),
        bound: 1.5,
        how: "median of the pairs' ratios, 100,000 tokens".to_owned(),
    });
    for measured in &results.control_plane {
        lines.extend(stored(measured));
    }
    lines.push(Line {
        promise: "size of the module".to_owned(),
        measured: Some(results.sizes.gatepass as f64),
        bound: 200_000.0,
        how: "bytes".to_owned(),
    });
    lines
}

/// One variant's added time over another's.
fn added(results: &Results, promise: &str, key: &str, against: &str, bound: f64) -> Line {
    let of = |key: &str| {
        let cpu = results.cpu.as_ref()?;
        cpu.of(key)?;
        Some(cpu.added_quartiles(key).median)
    };
    let both = of(key).zip(of(against));
    let how = both.map_or(String::new(), |(this, that)| format!("{this:.2} us / {that:.2} us"));
    Line { promise: promise.to_owned(), measured: both.map(|(this, that)| this / that), bound, how }
}

/// The worst page.
fn of_pages(measured: &ControlPlane, promise: &str, bound: f64, value: fn(&Page) -> f64, how: &str) -> Line {
    let worst = measured.pages.iter().max_by(|one, other| value(one).total_cmp(&value(other)));
    Line {
        promise: format!("{}: {promise}", measured.database),
        measured: worst.map(value),
        bound,
        how: worst.map_or(String::new(), |page| format!("{how}; the worst: {}", page.name)),
    }
}

/// What callers of the control plane wait for.
fn stored(measured: &ControlPlane) -> Vec<Line> {
    let database = measured.database;
    let line = |promise: String, slowest: Option<(&Call, f64)>, bound: f64, of: &str| Line {
        promise,
        measured: slowest.map(|(_, took)| took),
        bound,
        how: slowest.map_or(String::new(), |(call, _)| format!("ms, {of}; the slowest: {}", call.name)),
    };
    let slowest = |calls: &'_ [Call], of: fn(&Spread) -> f64| {
        let at = calls
            .iter()
            .map(|call| of(&call.took))
            .enumerate()
            .max_by(|one, other| one.1.total_cmp(&other.1));
        at.map(|(at, _)| at)
    };
    let of_calls = slowest(&measured.calls, |took| took.p99)
        .map(|at| (&measured.calls[at], measured.calls[at].took.p99));
    let of_lists = slowest(&measured.lists, |took| took.median)
        .map(|at| (&measured.lists[at], measured.lists[at].took.median));
    vec![
        line(format!("{database}: create, show, revoke, ten callers"), of_calls, 25.0, "p99"),
        line(format!("{database}: first page of a list"), of_lists, 50.0, "median"),
        of_pages(measured, "ms until a page is there", 100.0, |page| page.took.median, "median"),
        of_pages(
            measured,
            "KB of a page and what it loads",
            100.0,
            |page| page.compressed as f64 / 1e3,
            "gzip",
        ),
    ]
}

fn stall(table: &str, observed: &[Observed], bound: f64) -> Line {
    let values = worker_us(observed);
    let spread = Spread::of(&values);
    let how = if values.is_empty() {
        "the module does not tell".to_owned()
    } else {
        format!("ms, p99 of {} inside the VM; median {:.3}", spread.count, spread.median / 1000.0)
    };
    Line {
        promise: format!("worker stall of a one-token push, {table}"),
        measured: (!values.is_empty()).then_some(spread.p99 / 1000.0),
        bound,
        how,
    }
}
