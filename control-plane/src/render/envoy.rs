//! A configuration that Envoy starts from: the shipped `envoy.yaml`, its edge settings, seatbelt, access log and comments
//! as they are, with the operator's addresses in the place of the demonstration.

mod host_port;
mod text;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use gatepass::compact;
use gatepass::config::ConfigError;
use gatepass::config::wire::{IdentityHeaders, PluginConfiguration};

use super::Title;
use super::yaml::quoted;
pub use host_port::HostPort;
use text::Text;

const SHIPPED: &str = include_str!("../../../envoy.yaml");

/// Where the filter's configuration comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'c> {
    /// It stands in Envoy's own, its tokens listed.
    Inline(&'c PluginConfiguration),
    /// The same, as the compact encoding.
    Compact(&'c PluginConfiguration),
    /// A file that Envoy watches.
    Watched(&'c Path),
}

/// The filter.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The module, as Envoy sees it.
    pub module: PathBuf,
    /// Whether it reports usage to the cluster `gatepass`.
    pub reports: bool,
}

/// What is put into the shipped configuration.
#[derive(Clone, Debug)]
pub struct Gate {
    /// The module, as Envoy sees it.
    pub module: PathBuf,
    /// Where clients are served.
    pub listen: SocketAddr,
    /// Envoy's own interface.
    pub admin: SocketAddr,
    /// The service.
    pub upstream: HostPort,
    /// Certificate chain and key of the listener, PEM, as Envoy sees them.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The control plane's listener for proxies.
    pub reports: Option<HostPort>,
    /// Proxies in front that append to `x-forwarded-for`.
    pub trusted_hops: u32,
}

/// Why there is no configuration.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum EnvoyError {
    /// The filter would refuse it.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// Envoy's access log could not name the user.
    #[error(
        "settings.identity_headers: {0:?} cannot stand in the access log: choose letters, digits, - and _"
    )]
    Header(String),
    /// YAML is Unicode.
    #[error("{}: a path that is not valid UTF-8 cannot stand in the configuration", .0.display())]
    NotUnicode(PathBuf),
    /// The program was built with another `envoy.yaml` than it knows.
    #[error("the shipped envoy.yaml has {0:?} not exactly once")]
    Shipped(&'static str),
}

impl Gate {
    /// The whole configuration, as YAML.
    ///
    /// # Errors
    /// The first thing that cannot be said.
    pub fn render(&self, source: Source<'_>) -> Result<String, EnvoyError> {
        let mut text = Text::new(SHIPPED);
        let title = format!("# {}\n# To start it: {}\n", title(source), self.command());
        text.between("# What an operator starts from", "\nnode:\n", &title)?;
        text.once("address: {socket_address: {address: 127.0.0.1, port_value: 9901}}", &address(self.admin))?;
        text.once(
            "address: {socket_address: {address: 127.0.0.1, port_value: 10000}}",
            &address(self.listen),
        )?;
        text.once("xff_num_trusted_hops: 0", &format!("xff_num_trusted_hops: {}", self.trusted_hops))?;
        self.put_tls(&mut text)?;
        self.filter().put(&mut text, source)?;
        let route = "              routes:\n              - match: {prefix: /}\n                \
                     # Without a timeout of its own Envoy gives a reply 15 s.\n                \
                     route: {cluster: upstream, timeout: 300s}\n";
        text.between("              # YOUR SERVICE: put its cluster", "\n  clusters:\n", route)?;
        self.put_clusters(&mut text)?;
        if let Source::Inline(configuration) | Source::Compact(configuration) = source {
            put_identity(&mut text, &configuration.settings.identity_headers)?;
        }
        Ok(text.into())
    }

    fn filter(&self) -> Filter {
        Filter { module: self.module.clone(), reports: self.reports.is_some() }
    }

    fn command(&self) -> &'static str {
        if self.reports.is_some() {
            "GATEPASS_REPORT_KEY=\"$(cat data/report-key)\" envoy -c FILE"
        } else {
            "envoy -c FILE"
        }
    }

    fn put_tls(&self, text: &mut Text) -> Result<(), EnvoyError> {
        let Some((certificate, key)) = &self.tls else { return Ok(()) };
        let socket = format!(
            "    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_params: {{tls_minimum_protocol_version: TLSv1_2}}
            tls_certificates:
            - certificate_chain: {{filename: {}}}
              private_key: {{filename: {}}}
      filters: &gate
",
            file(certificate)?,
            file(key)?
        );
        text.once("    filter_chains:\n    - filters: &gate\n", &socket)
    }

    fn put_clusters(&self, text: &mut Text) -> Result<(), EnvoyError> {
        if let Some(reports) = &self.reports {
            text.once("    type: STATIC\n", &format!("    type: {}\n", reports.discovery()))?;
            let place = "address: {socket_address: {address: 127.0.0.1, port_value: 8081}}";
            text.once(place, &format!("address: {}", reports.socket_address()))?;
        } else {
            text.between("  # The control plane, to which each worker", "  # YOUR SERVICE:\n", "")?;
        }
        let upstream = format!(
            "  - name: upstream
    type: {}
    connect_timeout: 5s
    load_assignment:
      cluster_name: upstream
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {}}}
",
            self.upstream.discovery(),
            self.upstream.socket_address()
        );
        text.between("  # YOUR SERVICE:\n", "\n# The filter's own statistics", &upstream)
    }
}

impl Filter {
    /// The filter and the seatbelt alone, as a list for the `http_filters` of another configuration.
    ///
    /// # Errors
    /// As above.
    pub fn filters(&self, source: Source<'_>) -> Result<String, EnvoyError> {
        let mut text = Text::new(SHIPPED);
        self.put(&mut text, source)?;
        let lines = text.part("          # 1. Gatepass", "          # 3. To your service.")?;
        let lines = lines.lines().map(|line| format!("{}\n", line.get(10..).unwrap_or_default()));
        Ok(format!("# {}\n{}", title(source), lines.collect::<String>()))
    }

    fn put(&self, text: &mut Text, source: Source<'_>) -> Result<(), EnvoyError> {
        let configuration = match source {
            Source::Watched(path) => {
                let watched = format!("path: {}", file(path)?);
                return text.once("path: data/envoy/gatepass.ecds.pb", &watched);
            }
            Source::Compact(configuration) => {
                use base64::Engine as _;
                let bytes = compact::encode(&self.reporting(configuration))?;
                let bytes = base64::engine::general_purpose::STANDARD.encode(bytes);
                format!(
                    "\"@type\": type.googleapis.com/google.protobuf.BytesValue\n{:18}value: \"{bytes}\"",
                    ""
                )
            }
            Source::Inline(configuration) => {
                let configuration = self.reporting(configuration);
                compact::encode(&configuration)?;
                let json = text::readable(&configuration, 20)?;
                format!(
                    "\"@type\": type.googleapis.com/google.protobuf.StringValue\n{:18}value: |-\n{json}",
                    ""
                )
            }
        };
        let environment = if self.reports {
            "\n                  environment_variables: {host_env_keys: [GATEPASS_REPORT_KEY]}"
        } else {
            ""
        };
        let filter = format!(
            "          # 1. Gatepass, with its configuration. Another one takes a restart, or the file that Envoy watches.
          - name: gatepass
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config:
                name: gatepass
                root_id: gatepass
                # Refuse while the filter has failed, and start it anew.
                failure_policy: FAIL_RELOAD
                vm_config:
                  vm_id: gatepass
                  runtime: envoy.wasm.runtime.v8
                  code: {{local: {{filename: {}}}}}{environment}
                configuration:
                  {configuration}
",
            file(&self.module)?
        );
        text.between("          # 1. Gatepass.", "          # 2. The seatbelt", &filter)
    }

    /// Reports go to the cluster that is made for them, or nowhere.
    fn reporting(&self, configuration: &PluginConfiguration) -> PluginConfiguration {
        let report = self.reports.then(|| {
            let report = configuration.report.clone().unwrap_or_default();
            gatepass::config::wire::Report { cluster: "gatepass".to_owned(), ..report }
        });
        PluginConfiguration { report, ..configuration.clone() }
    }
}

fn title(source: Source<'_>) -> String {
    let of = match source {
        Source::Inline(configuration) | Source::Compact(configuration) => Title(configuration).to_string(),
        Source::Watched(_) => "the filter's configuration is in a file that Envoy watches".to_owned(),
    };
    format!("gatepass {}: {of}", env!("CARGO_PKG_VERSION"))
}

/// The access log names the user from the header that the filter sets.
fn put_identity(text: &mut Text, names: &IdentityHeaders) -> Result<(), EnvoyError> {
    for (shipped, name) in [("x-gatepass-user", &names.user), ("x-gatepass-token-id", &names.token_id)] {
        if name == shipped {
            continue;
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return Err(EnvoyError::Header(name.clone()));
        }
        text.once_of(&format!("request.headers['{shipped}']"), &format!("request.headers['{name}']"))?;
    }
    Ok(())
}

fn address(address: SocketAddr) -> String {
    format!("address: {}", HostPort::from(address).socket_address())
}

fn file(path: &Path) -> Result<String, EnvoyError> {
    path.to_str().map(quoted).ok_or_else(|| EnvoyError::NotUnicode(path.to_owned()))
}

#[cfg(test)]
mod tests;
