//! The filter in every chain, and the seatbelt directly behind it.

use serde_json::Value;

use super::{is_type, of_type};
use crate::doctor::Finding;

/// The connection manager of one filter chain.
pub(super) struct Gate<'a> {
    /// The listener's name, and which of its chains.
    pub place: String,
    /// The whole of it.
    pub manager: &'a Value,
    /// Names of gatepass's filter and of the seatbelt, as routes may name them.
    pub filter: Option<&'a str>,
    /// The one directly behind it.
    pub seatbelt: Option<&'a str>,
    /// The wasm message of the filter.
    wasm: Option<&'a Value>,
    problem: Option<Finding>,
}

/// What the filter's decision must begin with, and where it stands.
const DECISION: &str = "wasm.gatepass.decision";
const ALLOWED: &str = "allow.";

/// Every chain that serves HTTP, but those of the listeners that need no filter.
pub(super) fn gates<'a>(dump: &'a Value, unprotected: &[String]) -> Vec<Gate<'a>> {
    let parts = of_type(dump, "ListenersConfigDump");
    let listeners = parts.flat_map(|part| {
        let fixed = part["static_listeners"].as_array().into_iter().flatten().map(|found| &found["listener"]);
        let dynamic = part["dynamic_listeners"].as_array().into_iter().flatten();
        fixed.chain(dynamic.map(|found| &found["active_state"]["listener"]))
    });
    let mut gates = Vec::new();
    for listener in listeners {
        let name = listener["name"].as_str().unwrap_or("without a name");
        if unprotected.iter().any(|without| without == name) {
            continue;
        }
        let chains = listener["filter_chains"].as_array().into_iter().flatten();
        let chains = chains.chain(listener.get("default_filter_chain"));
        for (index, chain) in chains.enumerate() {
            let place = if index == 0 {
                format!("listener {name}")
            } else {
                format!("listener {name}, chain {index}")
            };
            let filters =
                chain["filters"].as_array().into_iter().flatten().map(|filter| &filter["typed_config"]);
            let managers = filters.filter(|config| is_type(config, "HttpConnectionManager"));
            gates.extend(managers.map(|manager| Gate::new(dump, place.clone(), manager)));
        }
    }
    gates
}

impl<'a> Gate<'a> {
    fn new(dump: &'a Value, place: String, manager: &'a Value) -> Self {
        let chain = chain(&manager["http_filters"]);
        let (found, problem) = look(dump, &chain, &place);
        let name = |filter: &'a Value| filter["name"].as_str();
        let index = found.map(|(index, _)| index);
        let filter = index.and_then(|index| name(chain.get(index)?));
        let behind = index.and_then(|index| chain.get(index + 1)).filter(|filter| is_rbac(filter));
        Self {
            place,
            manager,
            filter,
            seatbelt: behind.and_then(|filter| name(filter)),
            wasm: found.map(|(_, wasm)| wasm),
            problem,
        }
    }
}

fn chain(filters: &Value) -> Vec<&Value> {
    filters.as_array().into_iter().flatten().collect()
}

fn is_rbac(filter: &Value) -> bool {
    is_type(&filter["typed_config"], "RBAC")
}

/// Gatepass's filter in a chain, with its place there, and what is wrong with it or behind it.
fn look<'a>(
    dump: &'a Value,
    chain: &[&'a Value],
    place: &str,
) -> (Option<(usize, &'a Value)>, Option<Finding>) {
    let found = chain.iter().enumerate().find_map(|(index, filter)| Some((index, gatepass(dump, filter)?)));
    let Some((index, _)) = found else {
        let advice = "put it first in the chain, as envoy.yaml has it; name a listener that needs none with --unprotected-listener";
        return (
            None,
            Some(Finding::error("filter_missing", format!("{place} has no gatepass filter"), advice)),
        );
    };
    let off = |filter: Option<&&Value>, key: &str| filter.is_some_and(|filter| filter[key] == true);
    let filter = chain.get(index);
    if off(filter, "disabled") || off(filter, "is_optional") {
        let advice = "remove `disabled` and `is_optional` from it: a request passes without it";
        return (
            found,
            Some(Finding::error(
                "filter_off",
                format!("{place}: the gatepass filter is disabled or optional"),
                advice,
            )),
        );
    }
    let behind = chain.get(index + 1);
    let advice = "put the RBAC filter of envoy.yaml directly behind the gatepass filter, as it stands there";
    let problem = match behind.filter(|filter| is_rbac(filter)) {
        None => Some(Finding::error(
            "seatbelt_missing",
            format!("{place} has no seatbelt directly behind the filter"),
            advice,
        )),
        Some(_) if off(behind, "disabled") => {
            Some(Finding::error("seatbelt_off", format!("{place}: the seatbelt is disabled"), advice))
        }
        Some(seatbelt) if !holds(&seatbelt["typed_config"]) => Some(Finding::error(
            "seatbelt_open",
            format!("{place}: the seatbelt admits what the filter has not allowed"),
            advice,
        )),
        Some(_) => None,
    };
    (found, problem)
}

/// The wasm message of a filter, if it is gatepass's.
fn gatepass<'a>(dump: &'a Value, filter: &'a Value) -> Option<&'a Value> {
    let wasm = if filter.get("config_discovery").is_some() {
        let name = filter["name"].as_str()?;
        discovered(dump).find(|found| found["name"] == name).map(|found| &found["typed_config"])?
    } else {
        &filter["typed_config"]
    };
    let ours = |config: &Value| config["root_id"] == "gatepass" || config["name"] == "gatepass";
    (is_type(wasm, "Wasm") && ours(&wasm["config"])).then_some(wasm)
}

fn discovered(dump: &Value) -> impl Iterator<Item = &Value> {
    let filters = of_type(dump, "EcdsConfigDump")
        .flat_map(|part| part["ecds_filters"].as_array().into_iter().flatten());
    filters.map(|found| &found["ecds_filter"])
}

/// The configurations of gatepass's filters.
pub(super) fn configurations(dump: &Value) -> impl Iterator<Item = Value> {
    let gates = gates(dump, &[]);
    let wasm: Vec<Value> = gates
        .iter()
        .filter_map(|gate| gate.wasm)
        .map(|wasm| wasm["config"]["configuration"].clone())
        .collect();
    wasm.into_iter()
}

/// Whether an RBAC admits nothing but what the filter has allowed.
fn holds(rbac: &Value) -> bool {
    let rules = &rbac["rules"];
    let policies = rules["policies"].as_object();
    let allow = rules.get("action").is_none_or(|action| action == "ALLOW");
    let asks = |principal: &Value| asks_for_decision(principal);
    let all_ask = |policy: &Value| {
        let principals = policy["principals"].as_array();
        principals.is_some_and(|principals| !principals.is_empty() && principals.iter().all(asks))
    };
    // Without rules it admits everything; with rules and without policies nothing.
    allow && rules.is_object() && policies.is_none_or(|policies| policies.values().all(all_ask))
}

fn asks_for_decision(principal: &Value) -> bool {
    let state = &principal["filter_state"];
    let matches = &state["string_match"];
    let allowed = |text: &Value| text.as_str().is_some_and(|text| text.starts_with(ALLOWED));
    let direct = state["key"] == DECISION && (allowed(&matches["prefix"]) || allowed(&matches["exact"]));
    let within = principal.pointer("/and_ids/ids").and_then(Value::as_array);
    direct || within.is_some_and(|ids| ids.iter().any(asks_for_decision))
}

/// What is wrong with the chains, or that nothing is.
pub(super) fn examine(gates: &[Gate<'_>], dump: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    if gates.is_empty() {
        let advice = "is this the Envoy in front of the service?";
        findings.push(Finding::error("filter_missing", "no listener of this Envoy serves HTTP", advice));
    }
    for gate in gates {
        match &gate.problem {
            Some(problem) => findings.push(problem.clone()),
            None => findings.push(Finding::ok(
                "filter",
                format!("{}: the filter, and the seatbelt behind it", gate.place),
            )),
        }
        findings.extend(upgrades(gate, dump));
        findings.extend(gate.wasm.and_then(|wasm| failure_policy(&gate.place, wasm)));
    }
    findings
}

/// An upgrade may bring filters of its own in the place of the chain's.
fn upgrades(gate: &Gate<'_>, dump: &Value) -> Vec<Finding> {
    let upgrades = gate.manager["upgrade_configs"].as_array().into_iter().flatten();
    let own =
        upgrades.filter(|upgrade| upgrade["filters"].as_array().is_some_and(|filters| !filters.is_empty()));
    let wrong = own.filter(|upgrade| look(dump, &chain(&upgrade["filters"]), "").1.is_some());
    wrong
        .map(|upgrade| {
            let kind = upgrade["upgrade_type"].as_str().unwrap_or_default();
            let found = format!(
                "{}: the upgrade to {kind:?} has filters of its own, without gatepass and seatbelt",
                gate.place
            );
            Finding::error("upgrade_without_filter", found, "put both first among them")
        })
        .collect()
}

fn failure_policy(place: &str, wasm: &Value) -> Option<Finding> {
    let config = &wasm["config"];
    let policy = config["failure_policy"].as_str().unwrap_or("FAIL_CLOSED");
    let open = config["fail_open"] == true || policy == "FAIL_OPEN";
    let advice = "set `failure_policy: FAIL_RELOAD`, as `gatepass serve` writes it";
    if open {
        return Some(Finding::error(
            "failure_policy",
            format!("{place}: the filter lets requests through when it fails"),
            advice,
        ));
    }
    let found =
        format!("{place}: the filter's failure policy is {policy}: it does not come back after a fault");
    (policy != "FAIL_RELOAD").then(|| Finding::warning("failure_policy", found, advice))
}
