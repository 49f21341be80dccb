//! Edge settings: what is decided on must be what the service sees, and where a request comes from what it comes from.

use serde_json::Value;

use super::filters::Gate;
use crate::doctor::Finding;

pub(super) fn examine(gate: &Gate<'_>) -> Vec<Finding> {
    let manager = gate.manager;
    let mut findings = Vec::new();
    if manager["use_remote_address"] != true {
        let found = format!(
            "{}: use_remote_address is off, so a client's own x-forwarded-for is believed",
            gate.place
        );
        let advice =
            "set `use_remote_address: true`: a client chooses the address that IP lists and the audit see";
        findings.push(Finding::error("use_remote_address", found, advice));
    }
    let underscores = &manager["common_http_protocol_options"]["headers_with_underscores_action"];
    for (check, good, is, means) in [
        (
            "normalize_path",
            "true",
            manager["normalize_path"] == true,
            "paths reach filter and service as they were sent",
        ),
        ("merge_slashes", "true", manager["merge_slashes"] == true, "a service may take //rest for /rest"),
        (
            "path_with_escaped_slashes_action",
            "REJECT_REQUEST",
            is_any(
                &manager["path_with_escaped_slashes_action"],
                &["REJECT_REQUEST", "UNESCAPE_AND_REDIRECT"],
            ),
            "%2f is a slash to some services",
        ),
        (
            "headers_with_underscores_action",
            "REJECT_REQUEST",
            is_any(underscores, &["REJECT_REQUEST", "DROP_HEADER"]),
            "CGI-like services take x_gatepass_user for x-gatepass-user",
        ),
    ] {
        if !is {
            let found = format!("{}: {check} is not {good}: {means}", gate.place);
            findings.push(Finding::warning(
                check,
                found,
                format!("set `{check}: {good}`, as envoy.yaml has it"),
            ));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            "edge_settings",
            format!("{}: edge settings are as in envoy.yaml", gate.place),
        ));
    }
    findings
}

fn is_any(value: &Value, names: &[&str]) -> bool {
    value.as_str().is_some_and(|value| names.contains(&value))
}
