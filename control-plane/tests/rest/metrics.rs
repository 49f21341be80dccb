//! `/metrics`: what it tells, and to whom.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use gatepass_control_plane::api::AllowedHosts;
use gatepass_control_plane::connections::{self, Limits, Transport};
use gatepass_control_plane::metrics::listener::{self, MetricsEdge};
use gatepass_control_plane::report_key::KeyDigest;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::reporter::{Reporter, exchange, report};
use crate::support::{Gate, Reply, private_folder};

const DOCUMENTATION: &str = include_str!("../../../docs/operations.md");

/// Each line of the text but comments: name and labels, and value.
pub async fn values(gate: &Gate) -> BTreeMap<String, f64> {
    parsed(&gate.call(Method::GET, "/metrics", &gate.admin, None).await)
}

fn parsed(reply: &Reply) -> BTreeMap<String, f64> {
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(reply.text.ends_with("# EOF\n"));
    let lines = reply.text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
        })
        .collect()
}

/// A metric's name in the documentation's table.
fn documented() -> BTreeSet<&'static str> {
    let name = |line: &'static str| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name);
    let names = DOCUMENTATION
        .lines()
        .filter_map(name)
        .map(|name| name.split_once('{').map_or(name, |(name, _)| name));
    names.filter(|name| name.starts_with("gatepass_") || name.starts_with("process_")).collect()
}

#[tokio::test]
async fn what_is_documented_is_there_and_what_is_there_is_documented() {
    let gate = Gate::start().await;
    gate.call(Method::GET, "/nosuch", "", None).await.refused(404, "no_such_route");
    let reporter = Reporter::start(&gate).await;
    reporter.post(&report(&gate, 1, 1, json!([])).await).await.ok(200);
    gate.post("/sources", &gate.admin, json!({"name": "ci", "user_prefix": "ci-"})).await.ok(201);
    let told = values(&gate).await;
    let bare = |name: &str| {
        let name = name.split('{').next().unwrap();
        let histogram = ["_bucket", "_sum", "_count"].into_iter().find_map(|part| name.strip_suffix(part));
        histogram.filter(|name| name.ends_with("_seconds")).unwrap_or(name).to_owned()
    };
    let told: BTreeSet<String> = told.keys().map(|name| bare(name)).collect();
    let documented = documented().into_iter().map(str::to_owned).collect();
    assert_eq!(told, documented);
}

#[tokio::test]
async fn numbers_follow_what_happens() {
    let gate = Gate::start().await;
    let anna = gate.person("anna", "user").await;
    let token = gate.token(&gate.admin, json!({"description": "x", "valid_for": "P6M"})).await;
    gate.delete(&format!("/tokens/{}", token["id"].as_str().unwrap()), &gate.admin).await;
    gate.get("/settings", &anna).await.refused(403, "admin_required");
    gate.get("/whoami", "gp_nosuch").await.refused(401, "credentials_unknown");
    let reporter = Reporter::start(&gate).await;
    let old = report(&gate, 1, 1, json!([])).await;
    reporter.post(&old).await.ok(200);
    gate.token(&gate.admin, json!({"description": "y"})).await;
    reporter.post(&report(&gate, 2, 1, json!([])).await).await.ok(200);
    let told = values(&gate).await;
    let version = gate.version().await;
    let entries = gate.get("/audit", &gate.admin).await.ok(200)["items"][0]["seq"].as_i64().unwrap();
    let created = "listener=\"rest\",route=\"/api/v1/tokens\",method=\"POST\"";
    #[expect(clippy::as_conversions, reason = "small numbers")]
    for (name, value) in [
        ("gatepass_database_up", 1.0),
        ("gatepass_revision_committed", version.revision as f64),
        ("gatepass_revision_delivered", version.revision as f64),
        ("gatepass_delivery_lag_seconds", 0.0),
        ("gatepass_issued_tokens{state=\"active\"}", 3.0),
        ("gatepass_issued_tokens{state=\"revoked\"}", 1.0),
        ("gatepass_issued_tokens{state=\"expired\"}", 0.0),
        ("gatepass_users{role=\"admin\",active=\"true\"}", 1.0),
        ("gatepass_users{role=\"user\",active=\"true\"}", 1.0),
        ("gatepass_audit_entries", entries as f64),
        ("gatepass_fleet_proxies", 1.0),
        ("gatepass_fleet_workers{state=\"up_to_date\"}", 1.0),
        ("gatepass_fleet_workers{state=\"behind\"}", 1.0),
        ("gatepass_fleet_workers{state=\"silent\"}", 0.0),
        ("gatepass_fleet_revisions_behind", 1.0),
        ("gatepass_fleet_oldest_revision", (version.revision - 1) as f64),
        ("gatepass_http_problems_total{code=\"credentials_unknown\"}", 1.0),
        ("gatepass_http_problems_total{code=\"admin_required\"}", 1.0),
        (&format!("gatepass_http_requests_total{{{created},status=\"201\"}}"), 3.0),
        (&format!("gatepass_http_request_duration_seconds_count{{{created}}}"), 3.0),
    ] {
        assert_eq!(told.get(name), Some(&value), "{name} in {told:#?}");
    }
    assert!(told["process_resident_memory_bytes"] > 1e6 && told["process_cpu_seconds_total"] > 0.0);
    gate.pass(151);
    assert_eq!(values(&gate).await["gatepass_fleet_workers{state=\"silent\"}"], 2.0);
}

#[tokio::test]
async fn no_word_of_a_client_or_name_of_a_person_is_in_them() {
    let gate = Gate::start().await;
    let secret = gate.person("wilhelmina", "user").await;
    gate.call(Method::GET, &format!("/{secret}"), "", None).await.refused(404, "no_such_route");
    gate.call(secret.parse().unwrap(), "/api/v1/tokens", "", None).await.refused(405, "method_not_allowed");
    gate.get("/users/wilhelmina", &gate.admin).await.ok(200);
    let text = gate.call(Method::GET, "/metrics", &gate.admin, None).await.text;
    for word in [secret.as_str(), &gate.admin, "wilhelmina", "managing", "127.0.0.1"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    assert!(text.contains("method=\"-\"") && text.contains("route=\"-\""));
}

#[tokio::test]
async fn a_change_that_is_not_delivered_shows_and_so_does_a_database_that_is_gone() {
    let folder = private_folder();
    let in_the_way = folder.path().join("data").join("envoy").join("gatepass.ecds.pb");
    std::fs::create_dir_all(&in_the_way).unwrap();
    let data = folder.path().join("data");
    std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let gate = Gate::start_in(folder).await;
    let told = values(&gate).await;
    assert!(told["gatepass_delivery_lag_seconds"] > 0.0, "{told:#?}");
    assert!(told["gatepass_revision_committed"] > told["gatepass_revision_delivered"]);
    std::fs::remove_dir(&in_the_way).unwrap();
    gate.caught_up().await;
    let told = values(&gate).await;
    assert_eq!(told["gatepass_delivery_lag_seconds"], 0.0);
    assert_eq!(told["gatepass_delivery_duration_seconds_count"], 1.0);
    assert!(told["gatepass_delivery_failures_total"] > 0.0);

    gate.context.store.close().await;
    let text = gatepass_control_plane::metrics::text(&gate.context).await;
    assert!(text.contains("\ngatepass_database_up 0") && !text.contains("gatepass_issued_tokens"), "{text}");
    assert!(text.contains("gatepass_http_requests_total"));
}

#[tokio::test]
async fn the_listener_of_its_own_has_nothing_else_and_where_it_has_a_key_nobody_reads_without() {
    let gate = Gate::start().await;
    let start = async |key: Option<&str>| {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let hosts = AllowedHosts::new(["gatepass".to_owned()]);
        let router = listener::router(MetricsEdge {
            context: gate.context.clone(),
            hosts,
            key: key.map(KeyDigest::of),
        });
        let limits = Limits::for_metrics();
        let serving =
            connections::serve(tcp, Transport::Clear, router, limits, |_| true, std::future::pending());
        (address, tokio::spawn(serving))
    };
    let get = async |address: std::net::SocketAddr, path: &str, headers: &[(&str, &str)]| {
        let stream = TcpStream::connect(address).await.unwrap();
        exchange(stream, "GET", path, headers, b"").await.unwrap()
    };
    let (open, _open) = start(None).await;
    assert!(parsed(&get(open, "/metrics", &[]).await).contains_key("gatepass_database_up"));
    get(open, "/api/v1/whoami", &[]).await.refused(404, "no_such_route");
    // A page whose name was made to lead here.
    let reply = get(open, "http://evil.example/metrics", &[]).await;
    reply.refused(421, "unknown_host");

    let (closed, _closed) = start(Some("a key of many letters")).await;
    let with = |value: &'static str| [("authorization", value)];
    get(closed, "/metrics", &[]).await.refused(401, "credentials_missing");
    get(closed, "/nosuch", &[]).await.refused(401, "credentials_missing");
    get(closed, "/metrics", &with("Bearer other")).await.refused(401, "credentials_unknown");
    get(closed, "/metrics", &with("Basic YTpi")).await.refused(401, "authorization_malformed");
    let (keyed, _keyed) = start(Some("0123456789abcdef")).await;
    parsed(&get(keyed, "/metrics", &with("Bearer 0123456789abcdef")).await);
}
