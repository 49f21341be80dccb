//! The pages, walked in a real browser: each file of `tests/browser/` against a control plane and an Envoy of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use gatepass_tests::artefacts;
use gatepass_tests::control_plane::ControlPlane;
use gatepass_tests::envoy::{Changes, Envoy};

/// Where the server is told that the gate is, for the commands that pages show.
const GATE: (&str, &str) = ("GATEPASS_GATE_URL", "https://jira.example.com");

/// Walks the pages as one file says.
#[track_caller]
fn walk(file: &str) {
    walk_at(file, &ControlPlane::start_with(&[GATE]), None);
}

#[track_caller]
fn walk_at(file: &str, control: &ControlPlane, provider: Option<&Provider>) {
    let envoy = Envoy::start(&control.data(), Changes::default());
    let password = std::fs::read_to_string(control.data().join("initial-admin-password"));
    let mut command = Command::new("node");
    command.arg("--test").arg("--test-reporter=spec").arg(artefacts::root().join("tests/browser").join(file));
    command.env("GATEPASS_CONTROL", format!("http://127.0.0.1:{}", control.address().port()));
    command.env("GATEPASS_GATE", format!("http://127.0.0.1:{}", envoy.http().port()));
    command.env("GATEPASS_DATA", control.data());
    command.env("GATEPASS_ADMIN_TOKEN", control.admin());
    command.env("GATEPASS_ADMIN_PASSWORD", password.expect("the first password").trim());
    command.env("GATEPASS_BROWSER", artefacts::browser());
    command.env("GATEPASS_TEST_CHROMIUM", artefacts::chromium());
    if let Some(provider) = provider {
        command.env("GATEPASS_PROVIDER", &provider.issuer);
    }
    if let Some(folder) = std::env::var_os("GATEPASS_TEST_SCREENSHOTS") {
        command.env("GATEPASS_SCREENSHOTS", folder);
    }
    let output = command.stdin(Stdio::null()).output().expect("node, which `make test` installs");
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{file}: {}{said}", String::from_utf8_lossy(&output.stderr));
}

/// A real provider of identities, which ends with its standard input.
struct Provider {
    issuer: String,
    child: Child,
    stdin: ChildStdin,
    // It warns there of being no provider for production, and ends when nobody listens.
    _stdout: BufReader<ChildStdout>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Provider {
    #[track_caller]
    fn start() -> Self {
        let script = artefacts::root().join("control-plane/tests/rest/oidc/provider.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(artefacts::oidc_provider());
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("node, which `make test` installs");
        let stdin = child.stdin.take().expect("its standard input");
        let mut stdout = BufReader::new(child.stdout.take().expect("its standard output"));
        let mut issuer = String::new();
        while !issuer.starts_with("http") {
            issuer.clear();
            assert_ne!(stdout.read_line(&mut issuer).expect("its output"), 0, "the provider does not start");
        }
        Self { issuer: issuer.trim().to_owned(), child, stdin, _stdout: stdout }
    }

    /// Tells it where people go back to.
    fn leads_back_to(&mut self, control: &ControlPlane) {
        let back = format!("http://{}/api/v1/oidc/callback", control.address());
        writeln!(self.stdin, "{back}").expect("its standard input");
    }
}

#[test]
fn signing_in_and_out() {
    walk("sign-in.mjs");
}

#[test]
fn signing_in_with_a_provider() {
    let mut provider = Provider::start();
    let secret = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(secret.path(), "client secret of the tests").expect("the temporary file");
    let control = ControlPlane::start_with(&[
        GATE,
        ("GATEPASS_PUBLIC_URL", "http://{address}"),
        ("GATEPASS_OIDC_ISSUER", &provider.issuer),
        ("GATEPASS_OIDC_CLIENT_ID", "gate"),
        ("GATEPASS_OIDC_CLIENT_SECRET_FILE", secret.path().to_str().expect("a path of ASCII")),
        ("GATEPASS_OIDC_GROUPS_CLAIM", "groups"),
        ("GATEPASS_OIDC_ROLES", "ops=token_manager"),
    ]);
    provider.leads_back_to(&control);
    walk_at("provider.mjs", &control, Some(&provider));
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

#[test]
fn filters_renew_their_lists() {
    walk("filters.mjs");
}

#[test]
fn what_people_write_is_text() {
    walk("hostile.mjs");
}

#[test]
fn what_the_original_promised() {
    walk("promises.mjs");
}

#[test]
fn the_tour() {
    walk("tour.mjs");
}

/// Each promise of the original's documents about a page names a test that there is.
#[test]
fn each_promise_about_a_page_has_its_test() {
    let folder = artefacts::root().join("tests/browser");
    let table = std::fs::read_to_string(folder.join("promises.md")).expect("tests/browser/promises.md");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| “"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() >= 30, "{} promises", rows.len());
    for row in rows {
        let [promise, file, test] = row.as_slice() else { panic!("not three columns: {row:?}") };
        let source = std::fs::read_to_string(folder.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(source.contains(&format!("test(\"{test}\"")), "{file} has no test {test:?}: {promise}");
    }
}
