//! The pages, walked in a real browser: each file of `tests/browser/` against a control plane and an Envoy of its own.

use std::process::{Command, Stdio};

use gatepass_tests::artefacts;
use gatepass_tests::control_plane::ControlPlane;
use gatepass_tests::envoy::{Changes, Envoy};

/// Walks the pages as one file says.
#[track_caller]
fn walk(file: &str) {
    let control = ControlPlane::start_with(&[("GATEPASS_GATE_URL", "https://jira.example.com")]);
    let envoy = Envoy::start(&control.data(), Changes::default());
    let password = std::fs::read_to_string(control.data().join("initial-admin-password"));
    let mut command = Command::new("node");
    command.arg("--test").arg("--test-reporter=spec").arg(artefacts::root().join("tests/browser").join(file));
    command.env("GATEPASS_CONTROL", format!("http://127.0.0.1:{}", control.address().port()));
    command.env("GATEPASS_GATE", format!("http://127.0.0.1:{}", envoy.http().port()));
    command.env("GATEPASS_ADMIN_TOKEN", control.admin());
    command.env("GATEPASS_ADMIN_PASSWORD", password.expect("the first password").trim());
    command.env("GATEPASS_BROWSER", artefacts::browser());
    command.env("GATEPASS_TEST_CHROMIUM", artefacts::chromium());
    if let Some(folder) = std::env::var_os("GATEPASS_TEST_SCREENSHOTS") {
        command.env("GATEPASS_SCREENSHOTS", folder);
    }
    let output = command.stdin(Stdio::null()).output().expect("node, which `make test` installs");
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{file}: {}{said}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn signing_in_and_out() {
    walk("sign-in.mjs");
}

#[test]
fn my_api_tokens() {
    walk("tokens.mjs");
}

#[test]
fn administration_and_overview() {
    walk("admin.mjs");
}

#[test]
fn the_token_manager() {
    walk("manager.mjs");
}
