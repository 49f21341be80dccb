//! `gatepass doctor` reads what a real Envoy tells: nothing is wrong with the shipped configuration, and what is wrong with
//! others is found.

use std::process::Command;

use gatepass_tests::client::get;
use gatepass_tests::control_plane::ControlPlane;
use gatepass_tests::envoy::{Changes, Envoy};
use gatepass_tests::{artefacts, bearer, program, wait};
use serde_json::Value;

/// What it finds that is not as it should be, as `CHECK severity`, each once; its exit code; and all it said.
fn wrong(plane: &ControlPlane, envoy: &Envoy, more: &[&str]) -> (Vec<String>, i32, Value) {
    let mut command = Command::new(artefacts::program());
    command.args(["doctor", "--output", "json", "--data-dir"]).arg(plane.data()).args(more);
    command.args(["--listen", &plane.address().to_string()]);
    command.args(["--dataplane-listen", &plane.dataplane().to_string()]);
    command.args(["--envoy-admin", &format!("http://{}", envoy.admin_address())]);
    let output = program::finish(&mut command, "");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let findings = found["findings"].as_array().expect("findings").iter();
    let not_ok = findings.filter(|finding| finding["severity"] != "ok");
    let named = |finding: &Value| {
        format!(
            "{} {}",
            finding["check"].as_str().expect("a name"),
            finding["severity"].as_str().expect("one")
        )
    };
    let mut wrong: Vec<String> = not_ok.map(named).collect();
    wrong.sort();
    wrong.dedup();
    (wrong, output.status.code().expect("an exit code"), found)
}

/// An edit of `envoy.yaml` that lives as long as the test.
fn edit(from: &'static str, by: &str) -> Changes {
    Changes { edits: Box::leak(vec![(from, by.to_owned())].into_boxed_slice()), ..Changes::NONE }
}

const ROUTE: &str = "              - match: {path_separated_prefix: /open}\n";
const HOST: &str = "              domains: [\"*\"]\n";
const FILTER_OFF: &str =
    "{\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}";
const RBAC_OFF: &str = "{\"@type\": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute}";
const ROUTER: &str = "{name: router, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}";

fn override_of(place: &str, filter: &str, config: &str) -> String {
    let indent = if place == ROUTE { "                " } else { "              " };
    format!("{place}{indent}typed_per_filter_config: {{{filter}: {config}}}\n")
}

#[test]
fn nothing_is_wrong_with_what_is_shipped() {
    let mut plane = ControlPlane::start();
    let token = plane.token("admin");
    let envoy = Envoy::start(&plane.data(), Changes::NONE);
    envoy.wait_for(200, "/rest/api/2/myself", &token.secret);
    let told = wait::until("nothing to be wrong", || {
        let (wrong, code, told) = wrong(&plane, &envoy, &[]);
        (wrong.is_empty() && code == 0).then_some(told)
    });
    let checks: Vec<&str> =
        told["findings"].as_array().expect("findings").iter().filter_map(|f| f["check"].as_str()).collect();
    for check in [
        "filter",
        "edge_settings",
        "routes",
        "revision",
        "audit",
        "delivery",
        "clock_of_envoy",
        "admin_interface",
    ] {
        assert!(checks.contains(&check), "{check} in {told:#}");
    }

    // A change that does not reach Envoy: the server is gone.
    plane.kill();
    let mut command = Command::new(artefacts::program());
    command.args(["user", "recover", "admin", "--data-dir"]).arg(plane.data());
    assert!(program::finish(&mut command, "").status.success());
    let (wrong, code, told) = wrong(&plane, &envoy, &[]);
    assert_eq!(code, 3, "{told:#}");
    assert!(
        wrong.contains(&"revision error".to_owned()) && wrong.contains(&"delivery warning".to_owned()),
        "{told:#}"
    );
}

#[test]
fn what_is_wrong_with_a_configuration_is_found() {
    let plane = ControlPlane::start();
    let token = plane.token("admin");
    let listener = format!(
        "
  - name: open
    address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: open
          use_remote_address: true
          normalize_path: true
          merge_slashes: true
          path_with_escaped_slashes_action: REJECT_REQUEST
          common_http_protocol_options: {{headers_with_underscores_action: REJECT_REQUEST}}
          route_config: {{}}
          http_filters: [{ROUTER}]

  clusters:
"
    );
    let upgrade = format!("upgrade_configs: [{{upgrade_type: websocket, filters: [{ROUTER}]}}]");
    let cases: [(&str, Changes, &[&str]); 11] = [
        (
            "the filter off by a route",
            edit(ROUTE, &override_of(ROUTE, "gatepass", FILTER_OFF)),
            &["filter_off_by_route error"],
        ),
        (
            "the filter off by a host",
            edit(HOST, &override_of(HOST, "gatepass", FILTER_OFF)),
            &["filter_off_by_route error", "seatbelt_used warning"],
        ),
        (
            "the seatbelt off by a route",
            edit(ROUTE, &override_of(ROUTE, "envoy.filters.http.rbac", RBAC_OFF)),
            &["seatbelt_off_by_route error"],
        ),
        (
            "the seatbelt disabled by a route",
            edit(ROUTE, &override_of(ROUTE, "envoy.filters.http.rbac", FILTER_OFF)),
            &["seatbelt_off_by_route error"],
        ),
        ("no seatbelt", Changes { seatbelt_removed: true, ..Changes::NONE }, &["seatbelt_missing error"]),
        ("an open seatbelt", edit("prefix: \"allow.\"", "prefix: \"a\""), &["seatbelt_open error"]),
        ("a listener without", edit("\n  clusters:\n", &listener), &["filter_missing error"]),
        ("an upgrade without", edit("upgrade_configs: []", &upgrade), &["upgrade_without_filter error"]),
        (
            "a believed address",
            Changes { forwarded_for_believed: true, ..Changes::NONE },
            &["use_remote_address error"],
        ),
        (
            "paths as they are sent",
            Changes { paths_untouched: true, ..Changes::NONE },
            &["merge_slashes warning", "normalize_path warning", "path_with_escaped_slashes_action warning"],
        ),
        (
            "underscores",
            Changes { underscores_admitted: true, ..Changes::NONE },
            &["headers_with_underscores_action warning"],
        ),
    ];
    for (what, changes, expected) in cases {
        let envoy = Envoy::start(&plane.data(), changes);
        // Which has a worker tell its statistics; whether it lets the request through is the case's own affair.
        get(envoy.http(), "/rest/api/2/myself", &[("Authorization", &bearer(&token.secret))]);
        let found = || {
            let (wrong, code, told) = wrong(&plane, &envoy, &[]);
            // Until the workers have told which revision they enforce.
            (!wrong.iter().any(|check| check.starts_with("revision"))).then_some((wrong, code, told))
        };
        let (wrong, code, told) = wait::until("the workers to tell their revision", found);
        assert_eq!(wrong, expected, "{what}: {told:#}");
        let is_error = expected.iter().any(|check| check.ends_with("error"));
        assert_eq!(code, if is_error { 3 } else { 0 }, "{what}");
        if what == "a listener without" {
            let (wrong, code, told) = self::wrong(&plane, &envoy, &["--unprotected-listener", "open"]);
            assert!(wrong.is_empty() && code == 0, "{told:#}");
        }
    }
}
