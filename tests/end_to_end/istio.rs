//! What `gatepass render istio` writes: held against Istio's schema, and carried to Envoy as Istio carries it. There is
//! no cluster here: what istiod and its agent do is done by `gatepass_tests::istio`.

use std::process::Command;

use gatepass_tests::client::get;
use gatepass_tests::envoy::{Envoy, replace_part};
use gatepass_tests::plugin::{configuration, entry, mint};
use gatepass_tests::program::{fails, finish, prints};
use gatepass_tests::upstream::Upstream;
use gatepass_tests::{artefacts, basic, bearer, istio};
use serde_json::{Value, json};
use tempfile::TempDir;

const PINNED: [&str; 4] = ["--url", "oci://registry.example/gatepass:0.1.0", "--sha256", DIGEST];
const DIGEST: &str = "76af36046176b3b1df719d951e21f17b3f89239c509adad04fae613cc7723499";
const GATEWAY: [&str; 4] = ["--proxy", "gateway", "--selector", "istio=ingressgateway"];
const SIDECAR: [&str; 4] = ["--proxy", "sidecar", "--selector", "app=jira"];
const WAYPOINT: [&str; 4] = ["--proxy", "waypoint", "--target", "Gateway/waypoint"];

fn render(arguments: &[&[&str]], input: &Value) -> String {
    prints(&[&["render", "istio"], PINNED.as_slice(), &arguments.concat()].concat(), &input.to_string())
}

fn refused(arguments: &[&[&str]], input: &Value) -> String {
    fails(&[&["render", "istio"], PINNED.as_slice(), &arguments.concat()].concat(), &input.to_string())
}

/// The resources, once they have passed the schema.
fn checked(yaml: &str) -> Result<Vec<Value>, String> {
    let mut node = Command::new("node");
    let node = node.arg(artefacts::root().join("tests/istio-schema.mjs")).arg(artefacts::istio_schema());
    let output = finish(node, yaml);
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[test]
fn every_kind_of_proxy_gets_resources_of_istios_schema() {
    let mut input = configuration(1, &[entry("t1", &mint(), "fr'é\"d #\u{2028}x")]);
    input["tokens"][0]["expires_at"] = json!(4_102_444_800_u64);
    let cases: [(&[&str], &[&str], [&str; 2]); 4] = [
        (&GATEWAY, &["--namespace", "istio-ingress", "--priority", "-3"], ["WasmPlugin", "EnvoyFilter"]),
        (
            &["--proxy", "gateway", "--target", "Gateway/edge"],
            &["--token-set"],
            ["WasmPlugin", "EnvoyFilter"],
        ),
        (
            &SIDECAR,
            &[
                "--port",
                "8080",
                "--port",
                "8443",
                "--fail-strategy",
                "FAIL_CLOSE",
                "--image-pull-secret",
                "pull",
                "--reports",
                "outbound|8081||gatepass.gatepass.svc.cluster.local",
            ],
            ["WasmPlugin", "EnvoyFilter"],
        ),
        (&WAYPOINT, &[], ["WasmPlugin", "TrafficExtension"]),
    ];
    for (proxy, more, kinds) in cases {
        let yaml = render(&[proxy, more], &input);
        let resources = checked(&yaml).unwrap_or_else(|error| panic!("{proxy:?}: {error}"));
        let found: Vec<_> =
            resources.iter().map(|resource| resource["kind"].as_str().unwrap_or_default()).collect();
        assert_eq!(found, kinds);
        let plugin = &resources[0]["spec"];
        assert_eq!((&plugin["phase"], &plugin["sha256"]), (&json!("AUTHN"), &json!(DIGEST)));
        if plugin["pluginConfig"]["tokens"].is_array() {
            assert_eq!(
                plugin["pluginConfig"]["tokens"], input["tokens"],
                "what YAML carries is what was given"
            );
        }
        let broken = yaml.replacen("FAIL_", "FALL_", 1);
        assert!(checked(&broken).is_err(), "the schema would tell what it does not know");
    }
}

/// What a listener of Istio's makes of the resources.
struct Mesh {
    envoy: Envoy,
    upstream: Upstream,
    _data: TempDir,
}

impl Mesh {
    /// `break_filter` switches the filter off by route, which to the seatbelt is a filter that did not run.
    #[track_caller]
    fn start(yaml: &str, break_filter: bool) -> Self {
        let resources = checked(yaml).expect("resources of Istio's schema");
        let [plugin, belt] = resources.as_slice() else { panic!("{} resources", resources.len()) };
        let (data, upstream) = (tempfile::tempdir().expect("a temporary folder"), Upstream::start());
        let watched = data.path().join("ecds.json");
        let extension = istio::extension(plugin, &artefacts::module());
        std::fs::write(&watched, json!({"version_info": "1", "resources": [extension]}).to_string())
            .expect("a file");
        let watched = watched.to_str().expect("a path that is text");
        let to = upstream.address().to_string();
        let rendered = ["render", "envoy", "--ecds-file", watched, "--upstream", &to];
        let ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
        let mut text = prints(&[rendered.as_slice(), &ports].concat(), "");
        let name = istio::resource_name(plugin);
        replace_part(&mut text, "          - name: gatepass\n", "", &format!("          - name: {name}\n"));
        // The agent's own refusal, for when the module cannot be fetched, comes by the same way.
        let types = "[type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm, \
                     type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC]";
        replace_part(
            &mut text,
            "[type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm]",
            "",
            types,
        );
        let belt = format!("          - {}\n", as_filter(belt));
        replace_part(
            &mut text,
            "          - name: envoy.filters.http.rbac\n",
            "          # 3. To your service.",
            &belt,
        );
        if break_filter {
            let off = format!(
                "route: {{cluster: upstream, timeout: 300s}}\n                typed_per_filter_config: \
                {{\"{name}\": {{\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}}}"
            );
            replace_part(&mut text, "route: {cluster: upstream, timeout: 300s}", "", &off);
        }
        Self { envoy: Envoy::with_configuration(&text, None), upstream, _data: data }
    }

    #[track_caller]
    fn ask(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let reply = get(self.envoy.http(), path, headers);
        (reply.status, reply.code())
    }
}

/// What istiod puts before the router: an `EnvoyFilter`'s value, or a `TrafficExtension`'s script.
fn as_filter(belt: &Value) -> Value {
    if belt["kind"] == "TrafficExtension" {
        let code = json!({"inline_string": belt["spec"]["lua"]["inlineCode"]});
        let lua = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua";
        return json!({"name": "lua", "typed_config": {"@type": lua, "default_source_code": code}});
    }
    let patch = &belt["spec"]["configPatches"][0];
    let place = &patch["match"]["listener"]["filterChain"]["filter"]["subFilter"]["name"];
    assert_eq!(
        (&patch["patch"]["operation"], place),
        (&json!("INSERT_BEFORE"), &json!("envoy.filters.http.router"))
    );
    patch["patch"]["value"].clone()
}

#[test]
fn what_istio_carries_to_envoy_decides_as_it_was_written() {
    let names = ["all", "expired", "ended", "reading", "elsewhere"];
    let tokens = names.map(|_| mint());
    let mut entries: Vec<Value> =
        names.iter().zip(&tokens).map(|(id, token)| entry(id, token, "fred")).collect();
    entries[0]["expires_at"] = json!(4_102_444_800_u64);
    entries[1]["expires_at"] = json!(1);
    entries[2]["refuse"] = json!("user_inactive");
    entries[3]["scope"] = json!("reading");
    entries[4]["allowed_ips"] = json!(["192.0.2.0/24"]);
    let mut input = configuration(7, &entries);
    input["scopes"] = json!({"reading": [{"methods": ["GET"], "paths": ["/rest/read"]}]});
    input["settings"]["token_headers"] = json!(["x-api-key"]);
    let [all, expired, ended, reading, elsewhere] = tokens.map(|token| token.expose().to_owned());
    for (proxy, more) in [
        (GATEWAY, &[][..]),
        (GATEWAY, &["--token-set"]),
        (SIDECAR, &["--trust-xff"]),
        (WAYPOINT, &["--trust-xff", "--fail-strategy", "FAIL_CLOSE"]),
    ] {
        let mesh = Mesh::start(&render(&[&proxy, more], &input), false);
        let bearer = |token: &str| mesh.ask("/rest/a", &[("Authorization", &bearer(token))]);
        let refusal = |status, code: &str| (status, code.to_owned());
        let admitted = refusal(200, "");
        assert_eq!(bearer(&all), admitted);
        assert_eq!(mesh.ask("/rest/a", &[("Authorization", &basic("fred", &all))]), admitted);
        assert_eq!(mesh.ask("/rest/a", &[("X-Api-Key", &all)]), admitted);
        assert_eq!(mesh.ask("/open", &[]), admitted);
        assert_eq!(mesh.ask("/rest/a", &[]), refusal(401, "credentials_missing"));
        assert_eq!(
            mesh.ask("/rest/a", &[("Authorization", "Bearer a, b")]),
            refusal(400, "authorization_malformed")
        );
        assert_eq!(
            mesh.ask("/rest/a", &[("Authorization", &basic("ann", &all))]),
            refusal(403, "credentials_unknown")
        );
        assert_eq!(
            mesh.ask("/rest/a", &[("Authorization", &basic("fred", "x"))]),
            refusal(403, "password_refused")
        );
        assert_eq!(bearer("abc"), refusal(403, "scheme_refused"));
        assert_eq!(bearer(&expired), refusal(403, "token_expired"));
        assert_eq!(bearer(&ended), refusal(403, "user_inactive"));
        assert_eq!(bearer(&elsewhere), refusal(403, "ip_not_allowed"));
        assert_eq!(bearer(&reading), refusal(403, "scope_exceeded"));
        let read = gatepass_tests::bearer(&reading);
        assert_eq!(mesh.ask("/rest/read/a", &[("Authorization", &read)]), admitted);
        let users = mesh.upstream.seen().into_iter().filter(|seen| seen.target != "/open");
        assert!(users.into_iter().all(|seen| seen.header("x-gatepass-user") == ["fred"]));
        println!("{proxy:?} {more:?}: as written");
    }
}

#[test]
fn the_seatbelt_refuses_when_the_filter_did_not_run() {
    let token = mint();
    let input = configuration(1, &[entry("t1", &token, "fred")]);
    for proxy in [GATEWAY, SIDECAR, WAYPOINT] {
        let mesh = Mesh::start(&render(&[&proxy], &input), true);
        let known = bearer(token.expose());
        for headers in [vec![], vec![("Authorization", known.as_str())], vec![("x-gatepass-user", "admin")]] {
            for path in ["/rest/a", "/open"] {
                let reply = get(mesh.envoy.http(), path, &headers);
                let by_the_belt = reply.text().ends_with(": access denied");
                assert!(reply.status == 403 && by_the_belt, "{proxy:?} {path} {headers:?}: {reply:?}");
            }
        }
        assert!(mesh.upstream.seen().is_empty());
        let counted = mesh.envoy.stat("http.gate.rbac.gatepass_seatbelt.denied");
        assert_eq!(counted.is_some_and(|count| count >= 6), proxy != WAYPOINT, "{counted:?}");
    }
}

#[test]
fn what_a_cluster_or_its_users_would_regret_is_refused() {
    let mut listed = configuration(1, &[]);
    listed["settings"]["allowed_ips"] = json!(["10.0.0.0/8"]);
    for proxy in [SIDECAR, WAYPOINT] {
        let error = refused(&[&proxy], &listed);
        assert!(error.contains("settings.allowed_ips: ") && error.contains("--trust-xff"), "{error}");
    }
    let empty = configuration(1, &[]);
    for (arguments, said) in [
        ([&WAYPOINT[..2], &["--selector", "app=jira"]].concat(), "--target Gateway/waypoint"),
        ([&SIDECAR[..2], &["--target", "Gateway/a"]].concat(), "--selector app=jira"),
        ([GATEWAY.as_slice(), &["--port", "80"]].concat(), "--port"),
        ([GATEWAY.as_slice(), &["--name", "A_b"]].concat(), "--name"),
        ([GATEWAY.as_slice(), &["--fail-strategy", "FAIL_OPEN"]].concat(), "--fail-strategy"),
        (GATEWAY[..2].to_vec(), "--selector"),
    ] {
        let error = refused(&[&arguments], &empty);
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
    for (url, said) in [
        (vec!["--url", "oci://r.example/gatepass:1"], "--sha256"),
        (vec!["--url", "r.example/gatepass:1", "--sha256", DIGEST], "--url"),
        (vec!["--url", "oci://r.example/gatepass@sha256:00", "--sha256", DIGEST], "--url"),
        (vec!["--url", "file:///opt/gatepass.wasm", "--sha256", DIGEST], "--sha256"),
        (vec!["--url", "https://r.example/g.wasm", "--sha256", "ABC"], "--sha256"),
    ] {
        let error = fails(&[&["render", "istio"], GATEWAY.as_slice(), &url].concat(), &empty.to_string());
        assert!(error.contains(said), "{url:?}: {error}");
    }
}

/// As many tokens as a cluster takes, in each way of storing them.
#[test]
fn a_set_of_tokens_that_the_cluster_would_not_store_is_refused_with_what_to_do() {
    let tokens = |count: usize| -> Vec<Value> {
        (0..count)
            .map(|at| json!({"id": format!("t{at}"), "sha256": format!("{at:064x}"), "user": "fred"}))
            .collect()
    };
    let of = |count: usize| configuration(1, &tokens(count));
    assert!(refused(&[&GATEWAY], &of(3_000)).contains("kubectl apply --server-side"));
    render(&[&GATEWAY, &["--apply", "server"]], &of(3_000));
    assert!(refused(&[&GATEWAY, &["--apply", "server"]], &of(16_000)).contains("--token-set"));
    render(&[&GATEWAY, &["--apply", "server", "--token-set"]], &of(16_000));
    let error = refused(&[&GATEWAY, &["--apply", "server", "--token-set"]], &of(30_000));
    assert!(error.contains("docs/istio.md"), "{error}");
}
