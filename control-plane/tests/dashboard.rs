//! The dashboard that is shipped shows the metrics that there are.
#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::collections::BTreeSet;

use serde_json::Value;

const DASHBOARD: &str = include_str!("../../docs/grafana-dashboard.json");
const DOCUMENTATION: &str = include_str!("../../docs/fleet.md");

/// What queries may be made of besides metrics: functions, keywords, labels and Grafana's own.
const WORDS: [&str; 15] = [
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
];

/// The metrics in the documentation's table.
fn documented() -> BTreeSet<&'static str> {
    let name = |line: &'static str| line.strip_prefix("| `gatepass_")?.split_once('`').map(|(name, _)| name);
    DOCUMENTATION.lines().filter_map(name).collect()
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
fn every_metric_that_it_queries_is_documented_and_every_documented_one_is_shown() {
    let (documented, dashboard) = (documented(), dashboard());
    assert_eq!(documented.len(), 9, "{documented:?}");
    let mut shown = BTreeSet::new();
    for query in queries(&dashboard) {
        let mut metrics = 0;
        for word in words(query) {
            match word.strip_prefix("gatepass_") {
                Some(metric) => {
                    assert!(documented.contains(metric), "{word} in {query} is no metric of the filter's");
                    shown.insert(metric);
                    metrics += 1;
                }
                None => assert!(WORDS.contains(&word), "{word:?} in {query} is neither metric nor PromQL"),
            }
        }
        assert!(metrics > 0, "{query} queries nothing");
    }
    assert_eq!(shown, documented);
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
