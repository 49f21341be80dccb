use gatepass::config::wire;
use serde_json::json;

use super::*;

fn configuration() -> PluginConfiguration {
    let token = json!({"id": "t1", "sha256": "76af36046176b3b1df719d951e21f17b3f89239c509adad04fae613cc7723499",
                       "user": "fred", "expires_at": 1_798_761_600});
    serde_json::from_value(json!({"version": 1, "revision": "17", "tokens": [token]})).unwrap()
}

fn for_proxy(proxy: Proxy) -> Resources {
    let target = Target { kind: "Gateway".into(), name: "waypoint".into() };
    let label = ("app".to_owned(), "jira".to_owned());
    Resources {
        proxy,
        name: "gatepass".into(),
        namespace: Some("jira".into()),
        selector: [label].into(),
        targets: if proxy == Proxy::Waypoint { vec![target] } else { Vec::new() },
        ports: Vec::new(),
        module: Module {
            url: "oci://r.example/gatepass".into(),
            sha256: Some("ab".repeat(32)),
            pull_secret: None,
        },
        fail_strategy: FailStrategy::Reload,
        priority: None,
        reports: None,
        trust_xff: false,
        seatbelt: true,
        token_set: false,
        apply: Apply::Client,
    }
}

const PLUGIN: &str = r#"apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata:
  name: gatepass
  namespace: jira
spec:
  failStrategy: FAIL_RELOAD
  imagePullPolicy: IfNotPresent
  match:
  - mode: SERVER
    ports:
    - {number: 8080}
  phase: AUTHN
  pluginConfig:
    revision: "17"
    settings:
      allowed_ips: []
      anonymous: refuse
      foreign_credentials: refuse
      forward_authorization: false
      identity_headers:
        token_id: x-gatepass-token-id
        user: x-gatepass-user
      password_auth: refuse
      protected_paths: ["/"]
      token_headers: []
      token_prefixes: [gp_]
    tokens:
    - {expires_at: 1798761600, id: t1, sha256: "76af36046176b3b1df719d951e21f17b3f89239c509adad04fae613cc7723499", user: fred}
    version: 1
  pluginName: gatepass
  selector:
    matchLabels:
      app: jira
"#;

const BELT: &str = r#"apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata:
  name: gatepass-seatbelt
  namespace: jira
spec:
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: SIDECAR_INBOUND
      listener:
        filterChain:
          destinationPort: 8080
          filter:
            name: envoy.filters.network.http_connection_manager
            subFilter:
              name: envoy.filters.http.router
    patch:
      operation: INSERT_BEFORE
      value:
        name: gatepass.seatbelt
"#;

#[test]
fn a_sidecar_is_guarded_for_what_comes_in_on_its_ports() {
    let resources = Resources { ports: vec![8080], ..for_proxy(Proxy::Sidecar) };
    let text = resources.to_yaml(&configuration()).unwrap();
    let (plugin, belt) = text.split_once("---\n").unwrap();
    let (title, plugin) = plugin.split_once('\n').unwrap();
    assert!(title.ends_with(": revision 17, 1 token"), "{title}");
    let (head, rest) = plugin.split_once("  sha256: abab").unwrap();
    assert_eq!(head, PLUGIN);
    assert!(rest.ends_with("\n  url: \"oci://r.example/gatepass\"\n"), "{rest}");
    let (_, belt) = belt.split_once('\n').unwrap();
    assert!(belt.starts_with(BELT), "{belt}");
}

#[test]
fn a_gateway_serves_clients_and_a_waypoint_has_one_direction() {
    let gateway = for_proxy(Proxy::Gateway).plugin(&configuration()).unwrap();
    assert_eq!(gateway["spec"]["match"], json!([{"mode": "CLIENT"}]));
    let belt = for_proxy(Proxy::Gateway).seatbelt();
    assert_eq!(belt["spec"]["configPatches"][0]["match"]["context"], "GATEWAY");
    assert_eq!(belt["spec"]["workloadSelector"], json!({"labels": {"app": "jira"}}));
    let waypoint = for_proxy(Proxy::Waypoint);
    let target = json!([{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "waypoint"}]);
    let plugin = waypoint.plugin(&configuration()).unwrap();
    assert_eq!((&plugin["spec"]["match"], &plugin["spec"]["targetRefs"]), (&Value::Null, &target));
    assert_eq!(waypoint.seatbelt()["kind"], "TrafficExtension");
    assert_eq!(waypoint.seatbelt()["spec"]["targetRefs"], target);
    let without = Resources { seatbelt: false, ..waypoint };
    assert!(!without.to_yaml(&configuration()).unwrap().contains("TrafficExtension"));
}

#[test]
fn ip_lists_need_a_listener_that_does_not_believe_clients() {
    let listed = |settings: &[&str], token: &[&str]| {
        let mut configuration = configuration();
        configuration.settings.allowed_ips = settings.iter().map(ToString::to_string).collect();
        configuration.tokens.as_mut().unwrap()[0].allowed_ips =
            token.iter().map(ToString::to_string).collect();
        configuration
    };
    for (configuration, field) in [
        (listed(&["10.0.0.0/8"], &[]), "settings.allowed_ips"),
        (listed(&[], &["10.0.0.0/8"]), "tokens (t1).allowed_ips"),
    ] {
        for proxy in [Proxy::Sidecar, Proxy::Waypoint] {
            let refused = for_proxy(proxy).plugin(&configuration);
            assert!(
                matches!(&refused, Err(Refusal::BelievedAddress { field: named, .. }) if named == field),
                "{refused:?}"
            );
            assert!(Resources { trust_xff: true, ..for_proxy(proxy) }.plugin(&configuration).is_ok());
        }
        assert!(for_proxy(Proxy::Gateway).plugin(&configuration).is_ok());
    }
}

#[test]
fn reports_go_to_the_named_cluster_with_a_key_from_the_environment() {
    let cluster = "outbound|8081||gatepass.gatepass.svc.cluster.local";
    let resources = Resources { reports: Some(cluster.into()), ..for_proxy(Proxy::Gateway) };
    let spec = resources.plugin(&configuration()).unwrap()["spec"].take();
    assert_eq!(spec["pluginConfig"]["report"]["cluster"], cluster);
    assert_eq!(spec["vmConfig"], json!({"env": [{"name": "GATEPASS_REPORT_KEY", "valueFrom": "HOST"}]}));
    // A cluster that the mesh does not have would only fill memory.
    let reporting = PluginConfiguration { report: Some(wire::Report::default()), ..configuration() };
    let spec = for_proxy(Proxy::Gateway).plugin(&reporting).unwrap()["spec"].take();
    assert_eq!((&spec["pluginConfig"]["report"], &spec["vmConfig"]), (&Value::Null, &Value::Null));
}

#[test]
fn the_compact_encoding_takes_the_tokens_place() {
    let resources = Resources { token_set: true, ..for_proxy(Proxy::Gateway) };
    let config = resources.plugin(&configuration()).unwrap()["spec"]["pluginConfig"].take();
    assert_eq!(config["tokens"], Value::Null);
    let decoded = compact::decode(config.to_string().as_bytes()).unwrap();
    assert_eq!(decoded.tokens, configuration().tokens);
}

#[test]
fn what_the_filter_would_refuse_is_refused_by_its_field() {
    let mut configuration = configuration();
    configuration.tokens.as_mut().unwrap()[0].user = "fr:ed".into();
    let refused = for_proxy(Proxy::Gateway).plugin(&configuration).unwrap_err();
    assert!(refused.to_string().starts_with("tokens[0].user"), "{refused}");
}
