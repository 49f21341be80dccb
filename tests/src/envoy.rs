//! The real Envoy with the shipped `envoy.yaml`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use gatepass_control_plane::cli::run::{certificate, template};
use tempfile::TempDir;

use crate::client::{Response, get};
use crate::process::Process;
use crate::{artefacts, bearer, control_plane, wait};

/// How the shipped configuration is changed for a test. The default is as shipped, but for its ports.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changes {
    /// Takes the place of the demonstration upstream.
    pub upstream: Option<SocketAddr>,
    /// Lets headers with underscores in.
    pub underscores_admitted: bool,
    /// Leaves paths as they were sent.
    pub paths_untouched: bool,
    /// Takes the RBAC filter out.
    pub seatbelt_removed: bool,
    /// Switches the gatepass filter off by route, as whoever writes routes can.
    pub filter_disabled: bool,
    /// Takes the source address from `x-forwarded-for`, as on a listener behind another proxy.
    pub forwarded_for_believed: bool,
    /// Tells the filter state in the headers [`TOLD_DECISION`] and [`TOLD_TOKEN_ID`] of the replies of service and filters.
    pub decision_told: bool,
    /// Writes no access log.
    pub access_log_removed: bool,
    /// Offers no HTTP/2 on the TLS listener, as docs/bitbucket.md says.
    pub http1_alone: bool,
    /// What stands once in `envoy.yaml`, and what takes its place.
    pub edits: &'static [(&'static str, String)],
}

impl Changes {
    /// As shipped; for constants, which cannot ask for the default.
    pub const NONE: Self = Self {
        upstream: None,
        underscores_admitted: false,
        paths_untouched: false,
        seatbelt_removed: false,
        filter_disabled: false,
        forwarded_for_believed: false,
        decision_told: false,
        access_log_removed: false,
        http1_alone: false,
        edits: &[],
    };
}

/// See [`Changes::decision_told`]: `wasm.gatepass.decision`.
pub const TOLD_DECISION: &str = "told-decision";
/// See [`Changes::decision_told`]: `wasm.gatepass.token_id`; no header where there is none.
pub const TOLD_TOKEN_ID: &str = "told-token-id";

/// A running Envoy with two workers.
pub struct Envoy {
    process: Process,
    admin: SocketAddr,
    http: SocketAddr,
    https: Option<SocketAddr>,
    _folder: TempDir,
}

impl Envoy {
    /// Starts Envoy on the data folder's ECDS file, with its report key and control plane if there are any, with a
    /// certificate made as `gatepass run` makes it, and waits until its listeners are open.
    #[track_caller]
    pub fn start(data: &Path, changes: Changes) -> Self {
        let within = data.join("envoy");
        std::fs::create_dir_all(&within).expect("the data folder");
        certificate::ensure(&within).expect("a certificate");
        let key = std::fs::read_to_string(data.join("report-key")).ok();
        Self::with_configuration(&render(data, changes), key.as_deref())
    }

    /// Starts Envoy on a configuration with a listener `http`, and perhaps `https`, on any port, and waits until they
    /// are open.
    #[track_caller]
    pub fn with_configuration(text: &str, report_key: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let configuration = folder.path().join("envoy.yaml");
        std::fs::write(&configuration, text).expect("the configuration");
        let admin_file = folder.path().join("admin");
        let mut command = Command::new(artefacts::envoy());
        command.arg("-c").arg(&configuration).arg("--admin-address-path").arg(&admin_file);
        command.args(["--disable-hot-restart", "--concurrency", "2", "--log-level", "warning"]);
        command.args(["--file-flush-interval-msec", "50"]);
        if let Some(key) = report_key {
            command.env("GATEPASS_REPORT_KEY", key.trim());
        }
        let mut process = Process::start("envoy", &mut command, folder.path());
        let admin = wait::until("Envoy's admin port", || {
            assert!(process.ended().is_none(), "Envoy ended: {}", process.errors());
            std::fs::read_to_string(&admin_file).ok()?.parse().ok()
        });
        wait::until("Envoy to be ready", || {
            assert!(process.ended().is_none(), "Envoy ended: {}", process.errors());
            (get(admin, "/ready", &[]).status == 200).then_some(())
        });
        let listeners = get(admin, "/listeners?format=json", &[]).json();
        let port = |name: &str| {
            let all = listeners["listener_statuses"].as_array().expect("listeners");
            let found = all.iter().find(|l| l["name"] == name)?;
            let port = found["local_address"]["socket_address"]["port_value"].as_u64().expect("its port");
            Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), u16::try_from(port).expect("a port")))
        };
        let (http, https) = (port("http").expect("a listener http"), port("https"));
        Self { process, admin, http, https, _folder: folder }
    }

    /// The plain listener.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// The TLS listener.
    #[track_caller]
    pub fn https(&self) -> SocketAddr {
        self.https.expect("a listener https")
    }

    /// The admin port.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// A page of the admin port.
    #[track_caller]
    pub fn admin(&self, path: &str) -> Response {
        get(self.admin, path, &[])
    }

    /// The value of a statistic; `None` while it does not exist.
    #[track_caller]
    pub fn stat(&self, name: &str) -> Option<u64> {
        let page = self.admin(&format!("/stats?filter=^{}$", name.replace('.', "\\.")));
        let text = page.text();
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.trim().parse().ok())
    }

    /// Waits until every worker answers a GET with this token with this status.
    #[track_caller]
    pub fn wait_for(&self, status: u16, path: &str, token: &str) {
        let ask = || get(self.http, path, &[("Authorization", &bearer(token))]).status;
        wait::until(&format!("{status} from every worker"), || {
            (0..20).all(|_| ask() == status).then_some(())
        });
    }

    /// Envoy's log.
    pub fn log(&self) -> String {
        self.process.errors()
    }

    /// The access log.
    pub fn access_log(&self) -> String {
        self.process.output()
    }
}

fn render(data: &Path, changes: Changes) -> String {
    let shipped = std::fs::read_to_string(artefacts::root().join("envoy.yaml")).expect("envoy.yaml");
    // Port 0: Envoy takes free ones and tells them, so no two tests can meet.
    let tls_dir = data.join("envoy");
    // The control plane's, or what a test has written by hand: Envoy reads either form.
    let by_hand = tls_dir.join("gatepass.ecds.json");
    let ecds_file = if by_hand.is_file() { by_hand } else { tls_dir.join("gatepass.ecds.pb") };
    let places = template::Places {
        http_port: 0,
        https_port: 0,
        admin_port: 0,
        dataplane: control_plane::dataplane_of(data),
        ecds_file: &ecds_file,
        tls_dir: &tls_dir,
    };
    let mut text = template::render(&shipped, &places).expect("the shipped envoy.yaml can be rendered");
    if let Some(upstream) = changes.upstream {
        replace_part(&mut text, "              routes:\n", "\n  - name: https\n", ROUTES);
        let cluster = CLUSTER.replace("PORT", &upstream.port().to_string());
        replace_part(&mut text, "\n  clusters:\n", "", &cluster);
    }
    if changes.underscores_admitted {
        replace_part(&mut text, "headers_with_underscores_action: REJECT_REQUEST", "", "");
    }
    if changes.paths_untouched {
        replace_part(&mut text, "normalize_path: true", "", "normalize_path: false");
        replace_part(&mut text, "merge_slashes: true", "", "merge_slashes: false");
        replace_part(&mut text, "path_with_escaped_slashes_action: REJECT_REQUEST", "", "");
    }
    if changes.filter_disabled {
        replace_part(&mut text, "route: {cluster: upstream}", "", DISABLED);
    }
    if changes.forwarded_for_believed {
        replace_part(&mut text, "use_remote_address: true", "", "use_remote_address: false");
    }
    if changes.decision_told {
        tell_decision(&mut text);
    }
    if changes.access_log_removed {
        replace_part(&mut text, "          access_log:\n", "          route_config:\n", "");
    }
    for (from, by) in changes.edits {
        replace_part(&mut text, from, "", by);
    }
    if changes.http1_alone {
        replace_part(&mut text, "alpn_protocols: [h2, http/1.1]", "", "alpn_protocols: [http/1.1]");
    }
    if changes.seatbelt_removed {
        let router = "          # 3. To your service.";
        replace_part(&mut text, "          - name: envoy.filters.http.rbac\n", router, "");
    }
    text
}

const ROUTES: &str = "              routes: [{match: {prefix: /}, route: {cluster: upstream}}]";
const DISABLED: &str = "route: {cluster: upstream}, typed_per_filter_config: {gatepass: \
                        {\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}";
const CLUSTER: &str = "
  clusters:
  - name: upstream
    connect_timeout: 5s
    load_assignment:
      cluster_name: upstream
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: PORT}}}}]}]
";

/// The virtual host's headers are on the filters' own replies too.
fn tell_decision(text: &mut String) {
    let told = [(TOLD_DECISION, "decision"), (TOLD_TOKEN_ID, "token_id")].map(|(header, state)| {
        format!("{{header: {{key: {header}, value: \"%FILTER_STATE(wasm.gatepass.{state}:PLAIN)%\"}}}}")
    });
    let hosts = "              domains: [\"*\"]\n";
    let told = format!("{hosts}              response_headers_to_add: [{}]\n", told.join(", "));
    replace_part(text, hosts, "", &told);
}

/// Replaces what stands from `from` (itself included) up to `to`, or just `from` if `to` is empty.
pub fn replace_part(text: &mut String, from: &str, to: &str, by: &str) {
    assert_eq!(text.matches(from).count(), 1, "{from:?} in envoy.yaml");
    let start = text.find(from).expect("counted above");
    let length = if to.is_empty() {
        from.len()
    } else {
        text[start..].find(to).unwrap_or_else(|| panic!("{to:?} after {from:?} in envoy.yaml"))
    };
    text.replace_range(start..start + length, by);
}
