//! The OpenAPI document: valid by the specification's own schema, and true of the server by thousands of requests that are
//! made from it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use gatepass_tests::artefacts;
use gatepass_tests::control_plane::ControlPlane;
use gatepass_tests::program::{finish, prints};
use serde_json::{Value, json};

/// Most requests that are made up for an operation, in each phase.
const EXAMPLES: &str = "40";

/// What these requests do not get behind: the document is read first and not asked for again, and sessions are for who
/// knows a password or whom a provider vouches for, who alone brings an identity that could be removed; and of a push token only
/// its secret's holder knows the id. The control plane's own tests hold their replies against the document as well.
const BEYOND: [&str; 9] = [
    "showOpenapi",
    "signIn",
    "showSession",
    "signOut",
    "startOidc",
    "finishOidc",
    "removeIdentity",
    "rotatePushToken",
    "revokePushToken",
];

fn document() -> Value {
    serde_json::from_str(&prints(&["openapi"], "")).expect("JSON")
}

#[test]
fn the_document_is_valid_by_the_schema_of_openapi() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("openapi.json");
    let valid = |document: &Value| {
        std::fs::write(&file, document.to_string()).expect("a file");
        let validator = artefacts::schemathesis().join("openapi-spec-validator");
        let said = finish(Command::new(validator).args(["--schema", "3.1"]).arg(&file), "");
        (said.status.success(), String::from_utf8_lossy(&said.stdout).into_owned())
    };
    let mut document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let (good, said) = valid(&document);
    assert!(good, "{said}");
    document["paths"]["/healthz"]["get"]["responses"] = json!([]);
    assert!(!valid(&document).0, "the validator looks");
}

/// Somebody who may do all, and whom the requests leave alone.
fn checker(server: &ControlPlane) -> (String, String) {
    server.user("fred", "user");
    server.user("checker", "admin");
    let settings = json!({"custom_validity": true, "max_validity": "never", "max_tokens_per_user": 10_000});
    server.admins(200, "PATCH", "/settings", &settings);
    let token = server.token_with("checker", &json!({"control_plane": true}));
    (token.secret, format!("checker {}", token.id))
}

#[test]
fn the_document_is_true_of_the_server() {
    let server = ControlPlane::start_with(&[("GATEPASS_CREATIONS_PER_MINUTE", "0")]);
    let (secret, own) = checker(&server);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let seen = folder.path().join("seen");
    let mut command = Command::new(artefacts::schemathesis().join("schemathesis"));
    command.arg("--config-file").arg(artefacts::root().join("tests/schemathesis.toml"));
    command.args(["run", &format!("http://{}/api/v1/openapi.json", server.address())]);
    command.args(["--header", &format!("Authorization: Bearer {secret}")]);
    command.args([
        "--seed",
        "1",
        "--max-examples",
        EXAMPLES,
        "--workers",
        "2",
        "--checks",
        "all",
        "--no-color",
    ]);
    // A token that was revoked is shown as such: it has ended, and is not gone.
    command.args(["--exclude-checks", "use_after_free"]);
    command.args(["--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure"]);
    command.env("PYTHONPATH", artefacts::root().join("tests")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("SCHEMATHESIS_HOOKS", "schemathesis_hooks");
    command.env("GATEPASS_TEST_OWN", own).env("GATEPASS_TEST_SEEN", &seen).current_dir(folder.path());
    let output = finish(&mut command, "");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let seen = std::fs::read_to_string(seen).expect("what was seen");
    let mut replies: BTreeMap<&str, BTreeSet<u16>> = BTreeMap::new();
    for (operation, status) in seen.lines().filter_map(|line| line.split_once(' ')) {
        replies.entry(operation).or_default().insert(status.parse().expect("a status"));
    }
    for (path, item) in document()["paths"].as_object().expect("paths") {
        for operation in item.as_object().expect("operations").values() {
            let name = operation["operationId"].as_str().expect("a name");
            if BEYOND.contains(&name) {
                continue;
            }
            let statuses = replies.get(name).cloned().unwrap_or_default();
            let (taken, limited) = (statuses.iter().any(|status| *status < 300), statuses.contains(&429));
            assert!(
                taken && !limited,
                "{name} {path} was answered with {statuses:?}: nothing behind that was looked at"
            );
        }
    }
}
