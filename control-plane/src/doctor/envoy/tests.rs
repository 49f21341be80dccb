//! What each check of an Envoy finds in what that tells; `tests/end_to_end/doctor.rs` asks a real one.

use serde_json::{Value, json};

use super::*;
use crate::doctor::Severity;

const NEWEST: u64 = 7;

/// What an Envoy tells with which nothing is wrong.
fn good() -> Told {
    let configuration = json!({
        "version": 1, "epoch": "e", "revision": NEWEST.to_string(),
        "tokens": [],
    });
    let wasm = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            "root_id": "gatepass", "failure_policy": "FAIL_RELOAD",
            "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration.to_string()},
        },
    });
    let seatbelt = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
        "rules": {"policies": {"decided": {"principals": [
            {"filter_state": {"key": "wasm.gatepass.decision", "string_match": {"prefix": "allow."}}},
        ]}}},
    });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "use_remote_address": true, "normalize_path": true, "merge_slashes": true,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
        "http_filters": [
            {"name": "gatepass", "typed_config": wasm},
            {"name": "rbac", "typed_config": seatbelt},
            {"name": "router"},
        ],
    });
    let listener = json!({"name": "http", "filter_chains": [{"filters": [{"typed_config": manager}]}]});
    Told {
        server: json!({"version": "abc/1.40.0/Clean/RELEASE/BoringSSL", "state": "LIVE"}),
        dump: json!({"configs": [
            {"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump",
             "bootstrap": {"admin": {"address": {"socket_address": {"address": "127.0.0.1"}}}}},
            {"@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump",
             "static_listeners": [{"listener": listener}]},
            {"@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump",
             "static_route_configs": [{"route_config": {"name": "routes", "virtual_hosts": [
                 {"name": "all", "routes": [{"match": {"prefix": "/"}}]},
             ]}}]},
        ]}),
        stats: format!("wasmcustom.gatepass.revision: {NEWEST}\nhttp.http.rbac.denied: 0\n"),
    }
}

const MANAGER: &str = "/configs/1/static_listeners/0/listener/filter_chains/0/filters/0/typed_config";
const FILTER: &str = "/http_filters/0";
const SEATBELT: &str = "/http_filters/1";
const ROUTES: &str = "/configs/2/static_route_configs/0/route_config";

impl Told {
    /// Puts `value` at `key` of what stands at `place` of the dump.
    fn with(mut self, place: &str, key: &str, value: Value) -> Self {
        self.dump.pointer_mut(place).unwrap()[key] = value;
        self
    }

    /// The same, within the connection manager.
    fn manager(self, place: &str, key: &str, value: Value) -> Self {
        self.with(&format!("{MANAGER}{place}"), key, value)
    }

    fn stat(mut self, line: &str) -> Self {
        let name = line.split(':').next().unwrap().to_owned();
        let others = self.stats.lines().filter(|other| !other.starts_with(&name));
        self.stats = others.chain([line]).map(|line| format!("{line}\n")).collect();
        self
    }

    fn server(mut self, version: &str, state: &str) -> Self {
        self.server = json!({"version": version, "state": state});
        self
    }
}

/// What is not as it should be, as `CHECK severity`.
fn wrong(told: &Told) -> Vec<String> {
    let newest = Version { epoch: "e".to_owned(), revision: NEWEST };
    let findings = examine(told, Some(&newest), &[]);
    let not_ok = findings.iter().filter(|finding| finding.severity != Severity::Ok);
    not_ok
        .map(|finding| {
            assert!(!finding.advice.is_empty(), "says what to do: {finding:?}");
            format!("{} {}", finding.check, finding.severity.as_str())
        })
        .collect()
}

#[track_caller]
fn finds(told: &Told, expected: &[&str]) {
    assert_eq!(wrong(told), expected, "{told:#?}");
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    finds(&good(), &[]);
}

#[test]
fn an_envoy_that_is_old_or_not_serving() {
    finds(&good().server("abc/1.36.0/Clean", "LIVE"), &[]);
    for old in ["abc/1.35.9/Clean", "abc/2.0.0/Clean", "abc/0.40.0/Clean", "", "1.40.0"] {
        finds(&good().server(old, "LIVE"), &["envoy_version error"]);
    }
    for state in ["INITIALIZING", "PRE_INITIALIZING", "DRAINING", ""] {
        finds(&good().server("abc/1.40.0/Clean", state), &["envoy_state error"]);
    }
}

#[test]
fn an_admin_interface_that_others_may_reach() {
    let place = "/configs/0/bootstrap/admin/address/socket_address";
    for (address, expected) in [
        ("127.0.0.1", &[][..]),
        ("::1", &[]),
        ("0.0.0.0", &["admin_interface warning"]),
        ("10.0.0.1", &["admin_interface warning"]),
        ("::", &["admin_interface warning"]),
    ] {
        finds(&good().with(place, "address", address.into()), expected);
    }
}

#[test]
fn a_filter_that_is_missing_disabled_or_optional() {
    finds(&good().manager("", "http_filters", json!([{"name": "router"}])), &["filter_missing error"]);
    finds(&good().manager(FILTER, "disabled", true.into()), &["filter_off error"]);
    finds(&good().manager(FILTER, "is_optional", true.into()), &["filter_off error"]);
    finds(
        &good().manager(&format!("{FILTER}/typed_config/config"), "root_id", "another".into()),
        &["filter_missing error"],
    );
    let nothing = good().with("/configs/1", "static_listeners", json!([]));
    finds(&nothing, &["filter_missing error"]);
}

#[test]
fn a_listener_that_came_later_is_looked_at_as_well() {
    let manager = json!({"@type": "x.HttpConnectionManager", "http_filters": [{"name": "router"}]});
    let listener = json!({"name": "late", "filter_chains": [], "default_filter_chain": {"filters": [{"typed_config": manager}]}});
    let told =
        good().with("/configs/1", "dynamic_listeners", json!([{"active_state": {"listener": listener}}]));
    let found = wrong(&told);
    assert!(
        found.contains(&"filter_missing error".to_owned())
            && found.contains(&"use_remote_address error".to_owned())
    );
}

#[test]
fn a_seatbelt_that_is_missing_disabled_or_open() {
    finds(&good().manager(SEATBELT, "disabled", true.into()), &["seatbelt_off error"]);
    let between = good().dump.pointer(&format!("{MANAGER}/http_filters")).unwrap().clone();
    let [filter, seatbelt, router] = [&between[0], &between[1], &between[2]];
    finds(&good().manager("", "http_filters", json!([filter, router])), &["seatbelt_missing error"]);
    finds(
        &good().manager("", "http_filters", json!([filter, router, seatbelt])),
        &["seatbelt_missing error"],
    );
    let rules = |rules: Value| good().manager(&format!("{SEATBELT}/typed_config"), "rules", rules);
    let asks =
        |key: &str, prefix: &str| json!({"filter_state": {"key": key, "string_match": {"prefix": prefix}}});
    let decided = asks("wasm.gatepass.decision", "allow.");
    let policies = |principals: Value| json!({"policies": {"one": {"principals": principals}}});
    finds(&rules(policies(json!([{"and_ids": {"ids": [{"any": true}, decided]}}]))), &[]);
    for open in [
        Value::Null,
        policies(json!([])),
        policies(json!([{"any": true}])),
        policies(json!([decided, {"any": true}])),
        policies(json!([asks("wasm.gatepass.decision", "")])),
        policies(json!([asks("wasm.another", "allow.")])),
        policies(json!([{"or_ids": {"ids": [decided, {"any": true}]}}])),
        json!({"action": "DENY", "policies": {"one": {"principals": [decided]}}}),
        json!({"action": "LOG", "policies": {"one": {"principals": [decided]}}}),
    ] {
        finds(&rules(open), &["seatbelt_open error"]);
    }
}

#[test]
fn routes_that_switch_either_off_wherever_they_say_so() {
    let off = json!({"@type": "x.FilterConfig", "disabled": true});
    let within = json!({"@type": "x.FilterConfig", "config": {"@type": "x.FilterConfig", "disabled": true}});
    let rules = json!({"@type": "x.RBACPerRoute"});
    let wrapped = json!({"@type": "x.FilterConfig", "config": {"@type": "x.RBACPerRoute"}});
    let places =
        ["", "/virtual_hosts/0", "/virtual_hosts/0/routes/0"].map(|place| format!("{ROUTES}{place}"));
    for place in &places {
        let says = |filter: &str, config: &Value| {
            good().with(place, "typed_per_filter_config", json!({filter: config}))
        };
        for config in [&off, &within] {
            finds(&says("gatepass", config), &["filter_off_by_route error"]);
        }
        for config in [&off, &within, &rules, &wrapped] {
            finds(&says("rbac", config), &["seatbelt_off_by_route error"]);
        }
        finds(&says("another", &off), &[]);
        finds(&says("gatepass", &json!({"@type": "x.FilterConfig"})), &[]);
    }
}

#[test]
fn an_upgrade_with_filters_of_its_own() {
    let filters = good().dump.pointer(&format!("{MANAGER}/http_filters")).unwrap().clone();
    let upgrade = |filters: Value| {
        good().manager("", "upgrade_configs", json!([{"upgrade_type": "websocket", "filters": filters}]))
    };
    finds(&upgrade(json!([])), &[]);
    finds(&upgrade(filters), &[]);
    finds(&upgrade(json!([{"name": "router"}])), &["upgrade_without_filter error"]);
}

#[test]
fn a_filter_that_opens_or_stays_away_when_it_fails() {
    let config = format!("{FILTER}/typed_config/config");
    finds(&good().manager(&config, "failure_policy", "FAIL_OPEN".into()), &["failure_policy error"]);
    finds(&good().manager(&config, "fail_open", true.into()), &["failure_policy error"]);
    for closed in [json!("FAIL_CLOSED"), json!("UNSPECIFIED"), Value::Null] {
        finds(&good().manager(&config, "failure_policy", closed), &["failure_policy warning"]);
    }
}

#[test]
fn edge_settings_that_let_others_decide() {
    let edge = |key: &str, value: Value| good().manager("", key, value);
    for off in [json!(false), Value::Null] {
        finds(&edge("use_remote_address", off.clone()), &["use_remote_address error"]);
        finds(&edge("normalize_path", off.clone()), &["normalize_path warning"]);
        finds(&edge("merge_slashes", off), &["merge_slashes warning"]);
    }
    finds(&edge("path_with_escaped_slashes_action", "UNESCAPE_AND_REDIRECT".into()), &[]);
    for other in ["KEEP_UNCHANGED", "UNESCAPE_AND_FORWARD"] {
        finds(
            &edge("path_with_escaped_slashes_action", other.into()),
            &["path_with_escaped_slashes_action warning"],
        );
    }
    let underscores = |action: &str| {
        edge("common_http_protocol_options", json!({"headers_with_underscores_action": action}))
    };
    finds(&underscores("DROP_HEADER"), &[]);
    finds(&underscores("ALLOW"), &["headers_with_underscores_action warning"]);
}

#[test]
fn a_configuration_that_was_refused_and_never_taken() {
    let refused = "extension_config_discovery.http_filter.gatepass.update_rejected: 3";
    let taken = "extension_config_discovery.http_filter.gatepass.update_success: 1";
    finds(&good().stat(refused), &["configuration_refused error"]);
    finds(&good().stat(refused).stat(taken), &[]);
    // The last one was refused if what Envoy holds is not the newest, whatever was taken before it.
    let older =
        json!({"version": 1, "epoch": "e", "revision": (NEWEST - 1).to_string(), "tokens": []}).to_string();
    let place = format!("{FILTER}/typed_config/config/configuration");
    let behind = good().manager(&place, "value", older.into()).stat(taken);
    finds(&behind, &[]);
    finds(&behind.stat(refused), &["configuration_refused error"]);
    finds(&good().stat("listener_manager.lds.update_rejected: 3"), &[]);
}

#[test]
fn a_revision_that_is_older_of_another_epoch_or_not_told() {
    let enforced = |revision: u64| good().stat(&format!("wasmcustom.gatepass.revision: {revision}"));
    finds(&enforced(NEWEST - 1), &["revision error"]);
    finds(&enforced(NEWEST + 1), &[]);
    let told = Told { stats: String::new(), ..good() };
    finds(&told, &["revision warning"]);
    let other = json!({"version": 1, "epoch": "f", "revision": "9", "tokens": []}).to_string();
    let place = format!("{FILTER}/typed_config/config/configuration");
    finds(&good().manager(&place, "value", other.into()), &["revision error"]);
    let without = examine(&told, None, &[]);
    assert!(without.iter().all(|finding| finding.check != "revision"), "nothing to compare with");
}

#[test]
fn a_seatbelt_that_had_to_refuse() {
    finds(&good().stat("http.http.rbac.denied: 2"), &["seatbelt_used warning"]);
}

#[test]
fn a_listener_that_is_meant_to_have_none_is_left_out() {
    let open = good().manager("", "http_filters", json!([{"name": "router"}]));
    let findings = examine(&open, None, &["http".to_owned()]);
    let missing: Vec<_> = findings.iter().filter(|finding| finding.check == "filter_missing").collect();
    assert!(missing.iter().all(|finding| finding.found.contains("no listener")), "{missing:?}");
}
