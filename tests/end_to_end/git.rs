//! Git over HTTPS through the gate: clone and push as Bitbucket's users do, with a user name and a token.

mod client;

use gatepass_tests::client::get;
use gatepass_tests::control_plane::ControlPlane;
use gatepass_tests::envoy::{Changes, Envoy};
use gatepass_tests::{authority, basic, wait};
use serde_json::{Value, json};

use client::{Client, Server};

const REFS: &str = "/scm/proj/repo.git/info/refs?service=git-upload-pack";
/// A protected path that the server answers without git.
const REST: &str = "/rest/";
/// More than `http.postBuffer`, from which on git sends a push chunked.
const LARGE: usize = 5 << 20;

/// A gate with a git server behind it, which protects `/scm/`, and a user fred.
struct Gate {
    control: ControlPlane,
    server: Server,
    envoy: Envoy,
    client: Client,
}

impl Gate {
    fn start() -> Self {
        let control = ControlPlane::start();
        let ca = authority::issue_for_localhost(&control.data());
        control.admins(200, "PATCH", "/settings", &json!({"protected_paths": ["/rest/", "/scm/"]}));
        control.user("fred", "user");
        let server = Server::start();
        let upstream = Some(server.address());
        let changes = Changes { upstream, http1_alone: true, ..Changes::default() };
        let envoy = Envoy::start(&control.data(), changes);
        let client = Client::new(format!("https://localhost:{}", envoy.https().port()), ca);
        Self { control, server, envoy, client }
    }

    /// A new token of fred's that every worker knows.
    fn token(&self, more: &Value) -> String {
        let token = self.control.token_with("fred", more);
        self.envoy.wait_for(204, REST, &token.secret);
        token.secret
    }

    /// Waits until the access log has this decision on a request to a path.
    #[track_caller]
    fn wait_for_decision(&self, decision: &str, path: &str) {
        wait::until(&format!("{decision} on {path} in the access log"), || {
            let log = self.envoy.access_log();
            let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.any(|line| line["path"] == path && line["decision"] == decision).then_some(())
        });
    }
}

#[test]
fn a_push_of_megabytes_and_a_clone_go_through_and_the_server_knows_whose_they_are() {
    let gate = Gate::start();
    let token = gate.token(&json!({}));
    let work = gate.client.commit("work", LARGE);
    let pushed = gate.client.git_as(&token, &["-C", &work, "push", "URL", "main"]);
    assert!(pushed.success, "{}", pushed.errors);

    let sent = gate.server.requests();
    let push =
        sent.iter().rfind(|seen| seen["url"] == "/scm/proj/repo.git/git-receive-pack").expect("a push");
    println!("{} bytes, {}", push["bytes"], push["headers"]["transfer-encoding"]);
    assert_eq!(push["headers"]["transfer-encoding"], "chunked");
    assert!(push["bytes"].as_u64() > u64::try_from(LARGE).ok());
    assert!(sent.iter().all(|seen| seen["headers"]["x-gatepass-user"] == "fred"), "{sent:?}");
    assert!(
        sent.iter().all(|seen| seen["headers"]["authorization"].is_null()),
        "the token stays at the gate"
    );
    // What git itself notes of who has moved the branch.
    assert_eq!(gate.server.git(&["log", "-g", "-1", "--format=%gn", "main"]), "fred");

    let cloned = gate.client.git_as(&token, &["clone", "--quiet", "URL", "clone"]);
    assert!(cloned.success, "{}", cloned.errors);
    assert_eq!(gate.client.head("clone"), gate.client.head("work"));
    assert!(gate.client.git_as("", &["-C", "clone", "fsck", "--strict"]).success);

    let by_bearer = gate.client.git_with_bearer(&token, &["clone", "--quiet", "URL", "by-bearer"]);
    assert!(by_bearer.success, "{}", by_bearer.errors);
    assert_eq!(gate.client.head("by-bearer"), gate.client.head("work"));
}

#[test]
fn a_read_only_token_clones_where_its_scope_says_so_and_never_pushes() {
    let gate = Gate::start();
    let full = gate.token(&json!({}));
    let work = gate.client.commit("work", 1);
    assert!(gate.client.git_as(&full, &["-C", &work, "push", "URL", "main"]).success);
    let before = gate.server.git(&["rev-parse", "main"]);

    let token = gate.token(&json!({"scope": "read_only"}));
    let refused = gate.client.git_as(&token, &["clone", "URL", "clone"]);
    println!("clone without the exception: {}", refused.errors);
    assert!(!refused.success && refused.errors.contains("403"), "{}", refused.errors);

    // What docs/bitbucket.md says: reading is a POST, to one path a repository.
    gate.control.admins(
        200,
        "PATCH",
        "/settings",
        &json!({"scopes": {"read_only": [
            {"methods": ["GET", "HEAD", "OPTIONS"]},
            {"methods": ["POST"], "paths": ["/scm/proj/repo.git/git-upload-pack"]},
        ]}}),
    );
    wait::until("the exception on every worker", || {
        let _ = std::fs::remove_dir_all(gate.client.path("clone"));
        gate.client.git_as(&token, &["clone", "--quiet", "URL", "clone"]).success.then_some(())
    });
    assert_eq!(gate.client.head("clone"), before);

    let more = gate.client.commit("work", 2);
    let pushed = gate.client.git_as(&token, &["-C", &more, "push", "URL", "main"]);
    println!("push: {}", pushed.errors);
    assert!(!pushed.success && pushed.errors.contains("403"), "{}", pushed.errors);
    assert_eq!(gate.server.git(&["rev-parse", "main"]), before);
    gate.wait_for_decision("refuse.scope_exceeded", "/scm/proj/repo.git/git-receive-pack");
}

#[test]
fn a_revoked_token_gets_403_and_no_credentials_a_question() {
    let gate = Gate::start();
    let token = gate.control.token("fred");
    gate.envoy.wait_for(204, REST, &token.secret);
    assert!(gate.client.git_as(&token.secret, &["ls-remote", "URL"]).success);
    assert_eq!(gate.client.told_to_helper(), ["get", "store"]);

    gate.control.admins(204, "DELETE", &format!("/tokens/{}", token.id), &Value::Null);
    gate.envoy.wait_for(403, REST, &token.secret);
    let refused = gate.client.git_as(&token.secret, &["ls-remote", "URL"]);
    println!("revoked: {}", refused.errors);
    assert!(!refused.success && refused.errors.contains("403"), "{}", refused.errors);
    // git forgets what gets 401, not what gets 403: see docs/bitbucket.md.
    assert_eq!(gate.client.told_to_helper(), ["get", "store", "get"]);

    let asked = gate.client.git_as("", &["ls-remote", "URL"]);
    println!("nobody: {}", asked.errors);
    assert!(!asked.success && asked.errors.contains("could not read Username"), "{}", asked.errors);
    let reply = get(gate.envoy.http(), REFS, &[("Authorization", &basic("ann", &token.secret))]);
    assert_eq!((reply.status, reply.code().as_str()), (403, "credentials_unknown"));
}
