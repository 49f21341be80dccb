use serde_json::json;

use super::*;

fn gate() -> Gate {
    Gate {
        module: "/opt/gatepass/gatepass.wasm".into(),
        listen: "0.0.0.0:8443".parse().unwrap(),
        admin: "127.0.0.1:9902".parse().unwrap(),
        upstream: "jira.internal:8080".parse().unwrap(),
        tls: None,
        reports: None,
        trusted_hops: 1,
    }
}

fn configuration() -> PluginConfiguration {
    let sha256 = "76af36046176b3b1df719d951e21f17b3f89239c509adad04fae613cc7723499";
    serde_json::from_value(json!({
        "version": 1, "revision": "17",
        "tokens": [{"id": "t1", "sha256": sha256, "user": "fr\u{2028}d"}],
    }))
    .unwrap()
}

/// Each of these was shipped, or stands where something shipped stood.
#[test]
fn the_demonstration_gives_way_and_the_edge_settings_stay() {
    let text = gate().render(Source::Inline(&configuration())).unwrap();
    for there in [
        "# gatepass 0.1.0: revision 17, 1 token\n# To start it: envoy -c FILE\n\nnode:\n",
        "address: {socket_address: {address: \"0.0.0.0\", port_value: 8443}}",
        "address: {socket_address: {address: \"127.0.0.1\", port_value: 9902}}",
        "xff_num_trusted_hops: 1\n",
        "use_remote_address: true\n",
        "headers_with_underscores_action: REJECT_REQUEST",
        "failure_policy: FAIL_RELOAD",
        "filter_state: {key: wasm.gatepass.decision",
        "    type: STRICT_DNS\n",
        "endpoint: {address: {socket_address: {address: \"jira.internal\", port_value: 8080}}}",
        "max_active_downstream_connections: 10000",
    ] {
        assert_eq!(text.matches(there).count(), 1, "{there} in {text}");
    }
    for gone in [
        "direct_response",
        "config_discovery",
        "name: https",
        "report_key",
        "GATEPASS_REPORT",
        "YOUR SERVICE",
    ] {
        assert!(!text.contains(gone), "{gone} in {text}");
    }
}

#[test]
fn the_configuration_stands_in_a_block_whose_lines_yaml_leaves_alone() {
    let text = gate().render(Source::Inline(&configuration())).unwrap();
    let (_, block) = text.split_once("value: |-\n").unwrap();
    let lines: Vec<&str> =
        block.lines().map_while(|line| line.strip_prefix("                    ")).collect();
    let parsed: PluginConfiguration = serde_json::from_str(&lines.join("\n")).unwrap();
    assert_eq!(parsed, configuration());
    assert!(block.is_ascii());
}

#[test]
fn a_watched_file_is_named_and_reports_have_a_cluster() {
    let gate = Gate { reports: Some("127.0.0.1:8081".parse().unwrap()), ..gate() };
    let text = gate.render(Source::Watched(Path::new("/run/a b.pb"))).unwrap();
    assert!(text.contains("path_config_source: {path: \"/run/a b.pb\"}"));
    assert!(text.contains("address: {socket_address: {address: \"127.0.0.1\", port_value: 8081}}"));
    let inline = gate.render(Source::Inline(&configuration())).unwrap();
    assert!(inline.contains(r#""report": {"cluster":"gatepass""#), "{inline}");
    assert!(inline.contains("host_env_keys: [GATEPASS_REPORT_KEY]"));
}

#[test]
fn the_access_log_reads_the_header_that_the_filter_sets() {
    let mut configuration = configuration();
    configuration.settings.identity_headers.user = "x-remote-user".into();
    let text = gate().render(Source::Inline(&configuration)).unwrap();
    assert!(text.contains("request.headers['x-remote-user']"));
    configuration.settings.identity_headers.user = "x'user".into();
    let refused = gate().render(Source::Inline(&configuration));
    assert_eq!(refused, Err(EnvoyError::Header("x'user".into())));
}

#[test]
fn the_filters_alone_are_a_list() {
    let filter = Filter { module: gate().module, reports: false };
    let text = filter.filters(Source::Compact(&configuration())).unwrap();
    let items = text.lines().filter(|line| line.starts_with("- name: ")).collect::<Vec<_>>();
    assert_eq!(items, ["- name: gatepass", "- name: envoy.filters.http.rbac"]);
    assert!(text.contains("google.protobuf.BytesValue"));
}

#[test]
fn what_the_filter_would_refuse_is_refused_by_its_field() {
    let mut configuration = configuration();
    configuration.settings.protected_paths = vec!["rest".into()];
    let refused = gate().render(Source::Inline(&configuration)).unwrap_err();
    assert!(refused.to_string().starts_with("settings.protected_paths[0]"), "{refused}");
}
