//! An Envoy's own words about what it does: `/server_info`, `/config_dump` and `/stats`.

mod edge;
mod filters;
mod routes;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepass::compact;
use gatepass::config::wire::PluginConfiguration;
use serde_json::Value;

use super::Finding;
use crate::store::Version;

/// The first minor version of Envoy 1 in which the filter runs.
const OLDEST: u64 = 36;
/// The statistic of the worker that was configured last.
const REVISION: &str = "wasmcustom.gatepass.revision";

/// What an Envoy tells.
#[derive(Clone, Debug)]
pub struct Told {
    /// `/server_info`.
    pub server: Value,
    /// `/config_dump`.
    pub dump: Value,
    /// `/stats`, a name and a value a line.
    pub stats: String,
}

/// Everything that is found in it. `newest` is what the control plane wants enforced; listeners in `unprotected` need no filter.
pub fn examine(told: &Told, newest: Option<&Version>, unprotected: &[String]) -> Vec<Finding> {
    let mut findings = vec![server(&told.server)];
    findings.extend(admin(&told.dump));
    let gates = filters::gates(&told.dump, unprotected);
    findings.extend(filters::examine(&gates, &told.dump));
    for gate in &gates {
        findings.extend(edge::examine(gate));
    }
    findings.extend(routes::examine(&gates, &told.dump));
    findings.extend(enforced(told, newest));
    findings.extend(seatbelt_used(&told.stats));
    findings
}

fn server(info: &Value) -> Finding {
    let version = info["version"].as_str().unwrap_or_default();
    let number = version.split('/').nth(1).unwrap_or("of an unknown version");
    let state = info["state"].as_str().unwrap_or_default();
    let mut parts = number.split('.').map(|part| part.parse::<u64>().ok());
    let known =
        matches!((parts.next().flatten(), parts.next().flatten()), (Some(1), Some(minor)) if minor >= OLDEST);
    let found = format!("Envoy {number} is {}", state.to_ascii_lowercase());
    if !known {
        return Finding::error("envoy_version", found, "run Envoy 1.36 or newer");
    }
    if state != "LIVE" {
        return Finding::error(
            "envoy_state",
            found,
            "Envoy's log says what it waits for: `gatepass serve` must have written the filter's configuration",
        );
    }
    Finding::ok("envoy_version", found)
}

/// Whoever reaches the admin interface sees the digests of tokens and can end the process.
fn admin(dump: &Value) -> Option<Finding> {
    let bootstrap = of_type(dump, "BootstrapConfigDump").next()?;
    let address = bootstrap.pointer("/bootstrap/admin/address/socket_address/address")?.as_str()?;
    let loopback = address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let found = format!("the admin interface listens on {address}");
    Some(if loopback {
        Finding::ok("admin_interface", found)
    } else {
        let advice = "let it listen on 127.0.0.1, or see to it that nobody else reaches it: it shows every digest and ends Envoy";
        Finding::warning("admin_interface", found, advice)
    })
}

/// The parts of a dump of this type.
fn of_type<'a>(dump: &'a Value, name: &'a str) -> impl Iterator<Item = &'a Value> {
    let parts = dump["configs"].as_array().into_iter().flatten();
    parts.filter(move |part| is_type(part, name))
}

/// Whether `value` is a message of the type `name`, without its package.
fn is_type(value: &Value, name: &str) -> bool {
    let url = value["@type"].as_str().unwrap_or_default();
    url.rsplit(['.', '/']).next() == Some(name)
}

fn stat(stats: &str, name: &str) -> Option<u64> {
    stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.trim().parse().ok())
}

/// What the workers enforce, against what the control plane wants.
fn enforced(told: &Told, newest: Option<&Version>) -> Vec<Finding> {
    let revision = stat(&told.stats, REVISION);
    let given = filters::configurations(&told.dump).next().as_ref().and_then(read);
    let mut findings = refused(&told.stats, given.as_ref(), newest);
    let Some(newest) = newest else { return findings };
    let Some(revision) = revision else {
        let found = "no worker tells which revision it enforces";
        let advice = "a worker tells once it was configured and its timer has run: look again in a minute, then at Envoy's log";
        findings.push(Finding::warning("revision", found, advice));
        return findings;
    };
    let wanted = format!("revision {} is committed", newest.revision);
    match given {
        Some(given) if given.epoch != newest.epoch => {
            let found = format!(
                "Envoy has a configuration of the epoch {:?}; the control plane is in {:?}",
                given.epoch, newest.epoch
            );
            let advice = "is this Envoy of this control plane? Does it watch the file that `gatepass serve` writes (--ecds-file)?";
            findings.push(Finding::error("revision", found, advice));
        }
        _ if revision < newest.revision => {
            let found = format!("revision {revision} is enforced, {wanted}");
            let advice = "if it stays so: /readyz of the control plane, then update_rejected in Envoy's /stats and Envoy's log";
            findings.push(Finding::error("revision", found, advice));
        }
        _ => findings.push(Finding::ok("revision", format!("revision {revision} is enforced, {wanted}"))),
    }
    findings
}

/// Configurations that Envoy did not take. Its counters do not tell which came last; that it holds an older one than there is
/// does.
fn refused(stats: &str, given: Option<&PluginConfiguration>, newest: Option<&Version>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let held = given.and_then(|given| given.revision.parse::<u64>().ok());
    let wanted = newest.filter(|newest| given.is_some_and(|given| given.epoch == newest.epoch));
    let behind = held.zip(wanted).filter(|(held, newest)| *held < newest.revision);
    for line in stats.lines() {
        let Some((name, count)) = line.split_once(".update_rejected: ") else { continue };
        let ours = name.starts_with("extension_config_discovery.http_filter.");
        if !ours || count.trim() == "0" {
            continue;
        }
        let taken = stat(stats, &format!("{name}.update_success")).unwrap_or(0);
        let found = match behind {
            _ if taken == 0 => {
                format!("Envoy has refused every configuration of the filter so far ({count} times)")
            }
            Some((held, newest)) => format!(
                "Envoy has refused a configuration of the filter ({count} times), and still holds revision {held} of {}",
                newest.revision
            ),
            // What was refused once has been followed by one that was taken.
            None => continue,
        };
        let advice = "Envoy's log says why after `gatepass:`; does the module belong to this version of the control plane?";
        findings.push(Finding::error("configuration_refused", found, advice));
    }
    findings
}

/// The plugin configuration as Envoy shows it: the compact encoding or text.
fn read(configuration: &Value) -> Option<PluginConfiguration> {
    let value = configuration["value"].as_str()?;
    if is_type(configuration, "BytesValue") {
        let bytes = STANDARD.decode(value).ok()?;
        return compact::decode(&bytes).ok().or_else(|| PluginConfiguration::from_json(&bytes).ok());
    }
    PluginConfiguration::from_json(value.as_bytes()).ok()
}

/// The seatbelt refuses only what the filter did not decide.
fn seatbelt_used(stats: &str) -> Vec<Finding> {
    let denied = stats.lines().filter_map(|line| {
        let (name, count) = line.split_once(".rbac.denied: ")?;
        Some((name.strip_prefix("http.")?, count.trim().parse::<u64>().ok()?))
    });
    let found = |(name, count): (&str, u64)| {
        let found = format!("the seatbelt of {name} had to refuse {count} requests");
        let advice =
            "the filter before it was skipped, failed or was switched off: Envoy's log; then restart Envoy";
        (count > 0).then(|| Finding::warning("seatbelt_used", found, advice))
    };
    denied.filter_map(found).collect()
}

#[cfg(test)]
mod tests;
