//! `gatepass doctor`.

use std::fmt::Write as _;
use std::net::SocketAddr;

use clap::{ArgAction, Args};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde_json::json;

use super::audit::Output;
use super::output;
use super::serve::{DEFAULT_DATAPLANE_LISTEN, DEFAULT_LISTEN};
use super::storage::StorageArgs;
use crate::clock::{Clock as _, SystemClock};
use crate::doctor::admin::Admin;
use crate::doctor::envoy::{self, Told};
use crate::doctor::ports::{self, Listener};
use crate::doctor::{Finding, Severity, local};
use crate::domain::terminal::harmless;
use crate::store::Version;

/// What `gatepass doctor` takes.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// What is looked at.
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Where REST listens
    #[arg(long, env = "GATEPASS_LISTEN", default_value = DEFAULT_LISTEN, value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// Where proxies report [default: 127.0.0.1:8081]
    #[arg(long, env = "GATEPASS_DATAPLANE_LISTEN", value_name = "ADDRESS:PORT")]
    pub dataplane_listen: Option<SocketAddr>,
    /// Whether proxies report at all
    #[arg(long, env = "GATEPASS_USAGE_REPORTS", default_value_t = true, action = ArgAction::Set, value_name = "BOOL")]
    pub usage_reports: bool,
    /// Where the listener for Prometheus is, if there is one
    #[arg(long, env = "GATEPASS_METRICS_LISTEN", value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<SocketAddr>,
    /// Envoy's admin interface, to look at what Envoy does as well
    #[arg(long, env = "GATEPASS_ENVOY_ADMIN", value_name = "URL")]
    pub envoy_admin: Option<Admin>,
    /// Look at Envoy alone: the data folder is on another machine
    #[arg(long, requires = "envoy_admin")]
    pub envoy_only: bool,
    /// A listener of Envoy's that is meant to have no filter
    #[arg(long = "unprotected-listener", value_name = "NAME")]
    pub unprotected_listeners: Vec<String>,
    /// For whom the findings are printed
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    pub output: Output,
}

impl DoctorArgs {
    /// All listeners that `gatepass serve` has with these settings.
    fn listeners(&self) -> Vec<Listener> {
        let rest = Listener {
            check: "port",
            purpose: "REST",
            flag: "--listen",
            address: self.listen,
            is_stated: true,
        };
        let reports = Listener {
            check: "port_of_reports",
            purpose: "reports of proxies",
            flag: "--dataplane-listen",
            address: self.dataplane_listen.unwrap_or(DEFAULT_DATAPLANE_LISTEN),
            is_stated: self.dataplane_listen.is_some(),
        };
        let metrics = self.metrics_listen.map(|address| Listener {
            check: "port_of_metrics",
            purpose: "metrics",
            flag: "--metrics-listen",
            address,
            is_stated: true,
        });
        [Some(rest), self.usage_reports.then_some(reports), metrics].into_iter().flatten().collect()
    }
}

/// Something is wrong. The process ends with an exit code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{0} of these are errors: do what stands beside them")]
pub struct NotWell(usize);

/// Looks at everything, prints what it finds, and fails if one of the findings is an error.
///
/// # Errors
/// Something is wrong, or Envoy does not answer.
pub async fn execute(args: DoctorArgs) -> anyhow::Result<()> {
    let (mut findings, newest) = if args.envoy_only { (Vec::new(), None) } else { here(&args).await? };
    if let Some(admin) = &args.envoy_admin {
        findings.extend(there(admin, newest.as_ref(), &args.unprotected_listeners).await?);
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let text = match args.output {
        Output::Json => json!({"errors": errors, "findings": findings}).to_string() + "\n",
        Output::Table => table(&findings),
    };
    output::print(&text)?;
    if errors == 0 { Ok(()) } else { Err(NotWell(errors).into()) }
}

async fn here(args: &DoctorArgs) -> anyhow::Result<(Vec<Finding>, Option<Version>)> {
    let (folder, mut findings) = local::folder(&args.storage.data_dir);
    let Some(folder) = folder else { return Ok((findings, None)) };
    let storage = args.storage.storage()?;
    let (newest, found) = local::database(&folder, &storage, &SystemClock).await;
    findings.extend(found);
    findings.extend(ports::examine(&folder, &args.listeners()).await);
    Ok((findings, newest))
}

async fn there(
    admin: &Admin,
    newest: Option<&Version>,
    unprotected: &[String],
) -> anyhow::Result<Vec<Finding>> {
    let (headers, server) = admin.get("/server_info").await?;
    let now = SystemClock.now().as_second();
    let date = headers.get("date").and_then(|date| seconds(date.to_str().ok()?));
    let (_, dump) = admin.get("/config_dump").await?;
    let (_, stats) = admin.get("/stats").await?;
    let told = Told {
        server: serde_json::from_slice(&server)?,
        dump: serde_json::from_slice(&dump)?,
        stats: String::from_utf8_lossy(&stats).into_owned(),
    };
    let mut findings: Vec<Finding> = local::against_envoy(date, now).into_iter().collect();
    findings.extend(envoy::examine(&told, newest, unprotected));
    Ok(findings)
}

/// The time of a reply (RFC 9110 §5.6.7), in Unix seconds.
fn seconds(date: &str) -> Option<i64> {
    let zoned = rfc2822::DateTimeParser::new().parse_timestamp(date);
    zoned.map(Timestamp::as_second).ok()
}

/// The worst last, where a terminal shows it.
fn table(findings: &[Finding]) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.severity);
    let mut text = String::new();
    for finding in sorted {
        let (severity, check) = (finding.severity.as_str(), finding.check);
        let _ = writeln!(text, "{severity:<8} {check:<24} {}", harmless(&finding.found));
        if !finding.advice.is_empty() {
            let _ = writeln!(text, "{:33} → {}", "", harmless(&finding.advice));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_a_reply_is_read() {
        assert_eq!(seconds("Sun, 22 Nov 2026 16:23:22 GMT"), Some(1_795_364_602));
        assert_eq!(seconds("yesterday"), None);
    }
}
