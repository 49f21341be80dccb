use std::process::Stdio;

use crate::support::{Place, stop};

#[test]
fn commands_work_beside_a_running_server() {
    let place = Place::new();
    let (server, log) = place.serve();
    let initial = ["initial-admin-password", "initial-admin-token"].map(|name| place.data().join(name));
    for file in &initial {
        let secret = std::fs::read_to_string(file).unwrap();
        let shown = log.iter().any(|line| line.contains(secret.trim()));
        let named = log.iter().any(|line| line.contains(file.to_str().unwrap()));
        assert!(named && !shown, "the log says where it is, not what it is: {log:?}");
    }
    for short in ["", "short\n", "eleven char\n", "control\tcharacter\n", "two\nlines of it\n"] {
        let output = place.set_password("admin", short);
        assert!(!output.status.success() && initial[0].exists(), "{short:?} {output:?}");
    }
    assert!(!place.set_password("nobody", "correct horse battery\n").status.success());
    assert!(place.set_password("admin", "correct horse battery\n").status.success());
    assert!(initial.iter().all(|file| !file.exists()));

    let recovered = place.command(&["user", "recover", "admin"]).output().unwrap();
    let token = std::fs::read_to_string(place.data().join("recovery-token")).unwrap();
    let printed = String::from_utf8(recovered.stdout).unwrap();
    assert!(recovered.status.success() && printed.contains("recovery-token"), "{printed}");
    assert!(token.starts_with("gp_") && !printed.contains(token.trim()));

    stop(server);
}

/// An end of a pipe that nobody reads.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let place = Place::new();
    let (server, _) = place.serve();
    let verified = place.command(&["audit", "verify"]).stdout(unread()).output().unwrap();
    assert!(verified.status.success() && verified.stderr.is_empty(), "{verified:?}");
    let recovered = place.command(&["user", "recover", "admin"]).stdout(unread()).stderr(unread()).status();
    assert!(recovered.unwrap().success(), "the log has no reader either");
    let cut = place.command(&["audit", "verify", "--expect", &format!("9:{}", "0".repeat(64))]);
    let cut = { cut }.stdout(unread()).stderr(unread()).status().unwrap();
    assert_eq!(cut.code(), Some(3), "the verdict does not hang on who reads it");
    stop(server);
}

#[test]
fn the_description_of_rest_is_printed_without_a_server() {
    let place = Place::new();
    let printed = place.command(&["openapi"]).output().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    let served: serde_json::Value =
        serde_json::from_str(gatepass_control_plane::api::document().unwrap()).unwrap();
    assert!(printed.status.success() && document == served && document["openapi"] == "3.1.0");
    assert!(!place.data().exists(), "nothing is made");
}
