//! The dashboard that is shipped shows the metrics that there are.
#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::collections::BTreeSet;

use serde_json::Value;

const DASHBOARD: &str = include_str!("../../docs/grafana-dashboard.json");
/// The filter's metrics.
const OF_FILTER: &str = include_str!("../../docs/fleet.md");
/// The control plane's.
const OF_SERVER: &str = include_str!("../../docs/operations.md");

/// What queries may be made of besides metrics: functions, keywords, labels and Grafana's own.
const WORDS: [&str; 24] = [
    "sum",
    "count",
    "max",
    "scalar",
    "rate",
    "increase",
    "by",
    "kind",
    "code",
    "instance",
    "password",
    "foreign",
    "__rate_interval",
    "label_values",
    "token",
    "histogram_quantile",
    "le",
    "status",
    "state",
    "route",
    "process_resident_memory_bytes",
    "job",
    "on",
    "group_left",
];

/// The metrics in a documentation's table.
fn documented(text: &'static str) -> BTreeSet<&'static str> {
    let name = |line: &'static str| line.strip_prefix("| `gatepass_")?.split_once('`').map(|(name, _)| name);
    let bare = |name: &'static str| name.split_once('{').map_or(name, |(name, _)| name);
    text.lines().filter_map(name).map(bare).collect()
}

fn dashboard() -> Value {
    serde_json::from_str(DASHBOARD).unwrap()
}

fn panels(dashboard: &Value) -> Vec<&Value> {
    dashboard["panels"].as_array().unwrap().iter().collect()
}

/// Every query of panels and variables.
fn queries(dashboard: &Value) -> Vec<&str> {
    let targets = panels(dashboard).into_iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    let of_variables = variables.filter_map(|variable| variable["query"]["query"].as_str());
    targets.map(|target| target["expr"].as_str().unwrap()).chain(of_variables).collect()
}

fn words(query: &str) -> impl Iterator<Item = &str> {
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    query.split(move |c| !part_of_word(c)).filter(|word| word.starts_with(|c: char| !c.is_ascii_digit()))
}

#[test]
fn every_metric_that_it_queries_is_documented_and_every_one_of_the_filter_is_shown() {
    let (of_filter, of_server, dashboard) = (documented(OF_FILTER), documented(OF_SERVER), dashboard());
    assert_eq!((of_filter.len(), of_server.len()), (9, 21), "{of_filter:?} {of_server:?}");
    assert!(of_filter.is_disjoint(&of_server), "one name for two things");
    let mut shown = BTreeSet::new();
    for query in queries(&dashboard) {
        let mut metrics = 0;
        for word in words(query) {
            match word.strip_prefix("gatepass_") {
                Some(metric) => {
                    let metric = metric.strip_suffix("_bucket").unwrap_or(metric);
                    let known = of_filter.contains(metric) || of_server.contains(metric);
                    assert!(known, "{word} in {query} is no metric of the filter's or the control plane's");
                    shown.insert(metric);
                    metrics += 1;
                }
                None => assert!(WORDS.contains(&word), "{word:?} in {query} is neither metric nor PromQL"),
            }
        }
        assert!(metrics > 0, "{query} queries nothing");
    }
    assert!(shown.is_superset(&of_filter), "{shown:?}");
}

#[test]
fn its_panels_have_ids_of_their_own_a_place_of_their_own_and_the_chosen_data_source() {
    let dashboard = dashboard();
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels(&dashboard) {
        let number = |value: &Value| value.as_u64().unwrap();
        assert!(ids.insert(number(&panel["id"])), "{} is there twice", panel["id"]);
        assert!(!panel["title"].as_str().unwrap().is_empty());
        let at = &panel["gridPos"];
        let (left, top) = (number(&at["x"]), number(&at["y"]));
        assert!(left + number(&at["w"]) <= 24, "{panel}");
        for x in left..left + number(&at["w"]) {
            for y in top..top + number(&at["h"]) {
                assert!(places.insert((x, y)), "{} lies on another panel", panel["title"]);
            }
        }
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
            let mut refs = BTreeSet::new();
            let targets = panel["targets"].as_array().unwrap();
            assert!(!targets.is_empty() && targets.iter().all(|t| refs.insert(t["refId"].as_str().unwrap())));
        }
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert_eq!((&variables[0]["name"], &variables[0]["type"]), (&"datasource".into(), &"datasource".into()));
}
