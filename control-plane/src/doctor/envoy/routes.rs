//! Routes that switch the filter or the seatbelt off.

use std::collections::BTreeSet;

use serde_json::Value;

use super::filters::Gate;
use super::{is_type, of_type};
use crate::doctor::Finding;

/// Where one route may say how a filter is to treat it.
const PER_ROUTE: &str = "typed_per_filter_config";

pub(super) fn examine(gates: &[Gate<'_>], dump: &Value) -> Vec<Finding> {
    let filters: BTreeSet<&str> = gates.iter().filter_map(|gate| gate.filter).collect();
    let seatbelts: BTreeSet<&str> = gates.iter().filter_map(|gate| gate.seatbelt).collect();
    let mut found = BTreeSet::new();
    // Those that stand in a listener are told here, too.
    let routes = of_type(dump, "RoutesConfigDump").chain(of_type(dump, "ScopedRoutesConfigDump"));
    let routes = Value::Array(routes.cloned().collect());
    walk(&routes, &mut Vec::new(), &mut |place, overrides| {
        for (name, config) in overrides {
            let off = is_off(config);
            if filters.contains(name.as_str()) && off {
                found.insert(("filter_off_by_route", "the gatepass filter", place.to_owned()));
            }
            // Any RBAC of a route's own replaces the rules.
            if seatbelts.contains(name.as_str()) && (off || is_rbac_of_its_own(config)) {
                found.insert(("seatbelt_off_by_route", "the seatbelt", place.to_owned()));
            }
        }
    });
    if found.is_empty() {
        return vec![Finding::ok("routes", "no route switches the filter or the seatbelt off")];
    }
    let told = |(check, what, place): (&'static str, &str, String)| {
        let advice = "remove its typed_per_filter_config, unless everybody may pass there; a path that needs no token is made so \
                      by the setting protected_paths";
        Finding::error(check, format!("{place} switches {what} off"), advice)
    };
    found.into_iter().map(told).collect()
}

fn is_off(config: &Value) -> bool {
    is_type(config, "FilterConfig") && (config["disabled"] == true || is_off(&config["config"]))
}

fn is_rbac_of_its_own(config: &Value) -> bool {
    is_type(config, "RBACPerRoute")
        || is_type(config, "FilterConfig") && is_rbac_of_its_own(&config["config"])
}

/// Shows every override by a route, with the names on the way to it.
fn walk<'a>(
    value: &'a Value,
    names: &mut Vec<&'a str>,
    show: &mut impl FnMut(&str, &serde_json::Map<String, Value>),
) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, names, show)),
        Value::Object(fields) => {
            let name = fields.get("name").and_then(Value::as_str).or_else(|| matched(fields.get("match")?));
            names.extend(name);
            if let Some(overrides) = fields.get(PER_ROUTE).and_then(Value::as_object) {
                show(&format!("route {}", names.join(" / ")), overrides);
            }
            fields
                .iter()
                .filter(|(key, _)| *key != PER_ROUTE)
                .for_each(|(_, value)| walk(value, names, show));
            if name.is_some() {
                names.pop();
            }
        }
        _ => {}
    }
}

fn matched(found: &Value) -> Option<&str> {
    let kinds = ["path", "prefix", "path_separated_prefix"];
    let of_regex = || found["safe_regex"]["regex"].as_str();
    kinds.iter().find_map(|kind| found[kind].as_str()).or_else(of_regex)
}
