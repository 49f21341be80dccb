//! The flags of the listener for Envoy.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::bail;
use clap::{ArgAction, Args};
use gatepass::config::wire::{Integer, Report};

use super::tls;
use crate::connections::Transport;
use crate::data_folder::DataFolder;
use crate::dataplane::USAGE_PATH;
use crate::dataplane::access::Access;
use crate::random::Random;
use crate::report_key::ReportKey;
use crate::tls::Flags;

/// Where proxies report unless something else is stated.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

/// What the listener for Envoy takes.
#[derive(Clone, Debug, Args)]
pub struct DataplaneArgs {
    /// Whether proxies report which tokens are used and what they enforce
    #[arg(long, env = "GATEPASS_USAGE_REPORTS", default_value_t = true, action = ArgAction::Set,
          value_name = "BOOL")]
    pub usage_reports: bool,
    /// Address and port that proxies report to [default: 127.0.0.1:8081; with `run` a free port]
    #[arg(long, env = "GATEPASS_DATAPLANE_LISTEN", value_name = "ADDRESS:PORT")]
    pub dataplane_listen: Option<SocketAddr>,
    /// Certificate, in PEM, of the listener for proxies, which then speaks TLS
    #[arg(long, env = "GATEPASS_DATAPLANE_TLS_CERTIFICATE", value_name = "FILE")]
    pub dataplane_tls_certificate: Option<PathBuf>,
    /// Private key, in PEM, of that certificate
    #[arg(long, env = "GATEPASS_DATAPLANE_TLS_KEY", value_name = "FILE")]
    pub dataplane_tls_key: Option<PathBuf>,
    /// Authorities, in PEM, whose client certificates are demanded of proxies in place of the report key
    #[arg(long, env = "GATEPASS_DATAPLANE_CLIENT_CA", value_name = "FILE")]
    pub dataplane_client_ca: Option<PathBuf>,
    /// Milliseconds between a worker's reports
    #[arg(long, env = "GATEPASS_REPORT_INTERVAL_MS", default_value_t = 10_000, value_name = "MILLISECONDS",
          value_parser = clap::value_parser!(u64).range(1_000..=3_600_000))]
    pub report_interval_ms: u64,
}

impl DataplaneArgs {
    /// What the filter is told, if it is to report.
    pub fn report(&self) -> Option<Report> {
        let interval_ms = Integer(self.report_interval_ms);
        let report = || Report { path: USAGE_PATH.to_owned(), interval_ms, ..Report::default() };
        self.usage_reports.then(report)
    }

    /// Where proxies report.
    pub fn address(&self) -> SocketAddr {
        self.dataplane_listen.unwrap_or(DEFAULT_LISTEN)
    }

    /// Clear text, only for proxies on this machine, or TLS.
    ///
    /// # Errors
    /// The report key would cross a network in clear, or TLS cannot be set up.
    pub fn transport(&self) -> anyhow::Result<Transport> {
        let (certificate, key) = (self.dataplane_tls_certificate.as_ref(), self.dataplane_tls_key.as_ref());
        let tls = tls::of(Flags::DATAPLANE, certificate, key, self.dataplane_client_ca.as_ref())?;
        if let Some(tls) = tls {
            return Ok(Transport::Tls(tls));
        }
        let address = self.address();
        if !address.ip().is_loopback() {
            bail!(
                "{address} is not a loopback address, and the key with which proxies report must not cross a network \
                 in clear: give --dataplane-tls-certificate and --dataplane-tls-key, choose a loopback address with \
                 --dataplane-listen, or do without reports with --usage-reports false"
            );
        }
        Ok(Transport::Clear)
    }

    /// Who may report, and the key if it is one that lets proxies in.
    ///
    /// # Errors
    /// The key cannot be read or made.
    pub fn access(
        &self,
        folder: &DataFolder,
        random: &dyn Random,
    ) -> anyhow::Result<(Access, Option<ReportKey>)> {
        if self.dataplane_client_ca.is_some() {
            return Ok((Access::ClientCertificate, None));
        }
        let key = ReportKey::load_or_make(folder, random)?;
        Ok((Access::Key(key.digest()), Some(key)))
    }
}
