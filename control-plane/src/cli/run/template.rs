//! A copy of `envoy.yaml` with this machine's ports and folders in it.
//!
//! The file is edited as text, not as YAML: what the operator wrote, comments too, is what Envoy gets, and a place
//! that is not found exactly once is an error instead of a port that silently stays as it was.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// What the copy is to contain.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The plain listener; 0 lets Envoy take a free port.
    pub http_port: u16,
    /// The TLS listener.
    pub https_port: u16,
    /// Envoy's own admin interface.
    pub admin_port: u16,
    /// Where the control plane takes reports; without it the place stays as it is.
    pub dataplane: Option<SocketAddr>,
    /// The file that brings the filter, absolute.
    pub ecds_file: &'a Path,
    /// The folder of `tls.crt` and `tls.key`, absolute.
    pub tls_dir: &'a Path,
}

/// Where the shipped file has the control plane.
const DATAPLANE: &str = "address: 127.0.0.1, port_value: 8081}";

/// A configuration that cannot be filled in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Missing or ambiguous.
    #[error("it has `{place}` {count} times instead of once, so it is unclear what to put there")]
    NotOnce {
        /// The text as `envoy.yaml` is shipped with it.
        place: &'static str,
        /// How often it was found.
        count: usize,
    },
    /// YAML is Unicode.
    #[error("the path of the data folder or of the ECDS file is not valid UTF-8")]
    NotUnicode,
}

/// Fills in `template`, which must have each of the shipped file's ports and paths exactly once.
///
/// # Errors
/// The first place that is missing or not unique.
pub fn render(template: &str, places: &Places<'_>) -> Result<String, TemplateError> {
    let file = |key: &str, path: &Path| Some(format!("{key}: {}", quoted(path.to_str()?)));
    let certificate = file("filename", &places.tls_dir.join("tls.crt")).ok_or(TemplateError::NotUnicode)?;
    let key = file("filename", &places.tls_dir.join("tls.key")).ok_or(TemplateError::NotUnicode)?;
    let mut edits: Vec<(&'static str, String)> = vec![
        ("port_value: 10000}", format!("port_value: {}}}", places.http_port)),
        ("port_value: 10443}", format!("port_value: {}}}", places.https_port)),
        ("port_value: 9901}", format!("port_value: {}}}", places.admin_port)),
        (
            "path: data/envoy/gatepass.ecds.pb",
            file("path", places.ecds_file).ok_or(TemplateError::NotUnicode)?,
        ),
        ("filename: data/envoy/tls.crt", certificate),
        ("filename: data/envoy/tls.key", key),
    ];
    edits.extend(places.dataplane.map(|listening| (DATAPLANE, socket_address(listening))));
    // Counted in the template, not in the copy: a new value may look like a place that comes later.
    let mut found = Vec::with_capacity(edits.len());
    for (place, value) in edits {
        let mut starts = template.match_indices(place).map(|(start, _)| start);
        match (starts.next(), starts.next()) {
            (Some(start), None) => found.push((start, place, value)),
            _ => return Err(TemplateError::NotOnce { place, count: template.matches(place).count() }),
        }
    }
    found.sort_unstable_by_key(|(start, ..)| *start);
    let mut copy = String::with_capacity(template.len());
    let mut rest = 0;
    for (start, place, value) in found {
        copy.push_str(template.get(rest..start).unwrap_or_default());
        copy.push_str(&value);
        rest = start + place.len();
    }
    copy.push_str(template.get(rest..).unwrap_or_default());
    Ok(copy)
}

/// The address by which Envoy, on the same machine, reaches who listens on `listening`.
fn socket_address(listening: SocketAddr) -> String {
    let ip = match listening.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("address: {}, port_value: {}}}", quoted(&ip.to_string()), listening.port())
}

/// A YAML double-quoted scalar: JSON's strings are a subset (YAML 1.2 §1.2).
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../../envoy.yaml");

    fn places<'a>(ecds_file: &'a Path, tls_dir: &'a Path) -> Places<'a> {
        let dataplane = Some("[::]:10000".parse().unwrap());
        Places { http_port: 10443, https_port: 9901, admin_port: 3, dataplane, ecds_file, tls_dir }
    }

    #[test]
    fn every_port_and_path_of_the_shipped_file_is_filled_in() {
        let copy = render(SHIPPED, &places(Path::new("/a \"b\"/{c}, d.json"), Path::new("/t"))).unwrap();
        let expected = SHIPPED
            .replace("port_value: 9901}", "port_value: 3}")
            .replace("port_value: 10443}", "port_value: 9901}")
            .replace("port_value: 10000}", "port_value: 10443}")
            .replace("address: 127.0.0.1, port_value: 8081}", "address: \"::1\", port_value: 10000}")
            .replace("path: data/envoy/gatepass.ecds.pb", r#"path: "/a \"b\"/{c}, d.json""#)
            .replace("filename: data/envoy/tls.crt", r#"filename: "/t/tls.crt""#)
            .replace("filename: data/envoy/tls.key", r#"filename: "/t/tls.key""#);
        assert_eq!(copy, expected);
    }

    #[test]
    fn without_reports_the_place_of_the_control_plane_need_not_be_there() {
        let template = SHIPPED.replace(DATAPLANE, "");
        let with = places(Path::new("/d"), Path::new("/t"));
        assert_eq!(render(&template, &with), Err(TemplateError::NotOnce { place: DATAPLANE, count: 0 }));
        assert!(render(&template, &Places { dataplane: None, ..with }).is_ok());
    }

    #[test]
    fn a_place_that_is_missing_or_there_twice_is_named() {
        let place = "port_value: 10443}";
        for (template, count) in [(SHIPPED.replace(place, ""), 0), (format!("{SHIPPED}\n# {place}"), 2)] {
            let result = render(&template, &places(Path::new("/d"), Path::new("/t")));
            assert_eq!(result, Err(TemplateError::NotOnce { place, count }));
        }
    }
}
