//! `gatepass snapshot push`: what CI runs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::site::{Site, Told, bare, fed};

const DIGESTS: [&str; 3] = [
    "1111111111111111111111111111111111111111111111111111111111111111",
    "2222222222222222222222222222222222222222222222222222222222222222",
    "3333333333333333333333333333333333333333333333333333333333333333",
];

struct Ci {
    site: Site,
    push: String,
}

impl Ci {
    fn new() -> Self {
        let site = Site::new();
        post(&site, "/users", &json!({"name": "ci-a", "role": "user"}));
        post(&site, "/sources", &json!({"name": "team-a", "user_prefix": "ci-"}));
        let made = post(&site, "/sources/team-a/push-tokens", &json!({}));
        Self { site, push: made["token"].as_str().unwrap().to_owned() }
    }

    fn file(&self, name: &str, entries: &[(&str, &str)]) -> String {
        let path = self.site.place.folder.path().join(name);
        let mut yaml = "entries:\n".to_owned();
        for (id, digest) in entries {
            yaml.push_str(&format!("  - id: {id}\n    sha256: \"{digest}\"\n    user: ci-a\n"));
        }
        std::fs::write(&path, yaml).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn push(&self, arguments: &[&str]) -> Told {
        self.site.run_as(&self.push, &[&["snapshot", "push", "--source", "team-a"], arguments].concat())
    }
}

/// Asks as the admin, by REST.
fn post(site: &Site, path: &str, body: &Value) -> Value {
    let host = site.url.strip_prefix("http://").unwrap();
    let (token, body) = (site.admin(), body.to_string());
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "POST /api/v1{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 201"), "{reply}");
    serde_json::from_str(body).unwrap()
}

#[test]
fn a_push_shows_the_difference_and_does_what_it_has_shown() {
    let ci = Ci::new();
    let file = ci.file("tokens.yaml", &[("deploy", DIGESTS[0]), ("report", DIGESTS[1])]);
    let shown = ci.push(&[&file, "--dry-run"]).good();
    let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(
        lines.contains(&vec!["add", "deploy", "ci-a"]) && lines.contains(&vec!["0", "unchanged."]),
        "{shown}"
    );
    assert_eq!(ci.push(&[&file, "--dry-run", "--output", "json"]).json()["added"]["count"], 2);
    let unasked = ci.push(&[&file]).bad(2);
    assert!(unasked.contains("2 added, 0 changed, 0 removed") && unasked.contains("--yes"), "{unasked}");
    let done = ci.push(&[&file, "--yes"]);
    assert!(done.err.contains("team-a is revision 2"), "{done:?}");
    done.good();
    let same = ci.push(&[&file]).good();
    assert!(same.contains("Nothing changes: 2 entries are in force."), "{same}");
    let changed = ci.file("tokens.yaml", &[("deploy", DIGESTS[2]), ("report", DIGESTS[1])]);
    let done = ci.push(&[&changed, "--yes", "--output", "json"]).json();
    assert_eq!((&done["changed"]["count"], &done["revision"]), (&json!(1), &json!(3)));
    // From a pipe, as JSON.
    let body = json!({"entries": [{"id": "deploy", "sha256": DIGESTS[2], "user": "ci-a"}]}).to_string();
    let arguments = ["snapshot", "push", "--source", "team-a", "-", "--yes"];
    let mut command = bare(&ci.site.place, &arguments);
    command.env("GATEPASS_SERVER", &ci.site.url).env("GATEPASS_TOKEN", &ci.push);
    let told = fed(command, &body);
    assert!(told.out.lines().any(|line| line.starts_with("remove  report")), "{told:?}");
    told.good();
}

#[test]
fn a_push_that_is_refused_says_why_and_ends_with_its_code() {
    let ci = Ci::new();
    let file = ci.file("tokens.yaml", &[("a", DIGESTS[0]), ("b", DIGESTS[1]), ("c", DIGESTS[2])]);
    ci.push(&[&file, "--yes"]).good();
    let stale = ci.push(&[&file, "--yes", "--if-match", "\"1\""]).bad(5);
    assert!(stale.contains("412 stale"), "{stale}");
    let empty = ci.file("empty.json", &[]);
    std::fs::write(&empty, "{\"entries\": []}").unwrap();
    let refused = ci.push(&[&empty, "--yes"]).bad(5);
    assert!(refused.contains("removal_not_confirmed") && refused.contains("allow_empty"), "{refused}");
    let shown = ci.push(&[&empty, "--dry-run"]).good();
    assert!(shown.contains("This wants --allow-empty."), "{shown}");
    let one = ci.file("one.yaml", &[("a", DIGESTS[0])]);
    ci.push(&[&one, "--yes"]).bad(5);
    ci.push(&[&one, "--yes", "--allow-removals"]).good();
    ci.push(&[&empty, "--yes", "--allow-empty"]).good();
    let wrong = ci.site.place.folder.path().join("wrong.yaml");
    std::fs::write(&wrong, "entries:\n- id: a\n  usr: ci-a\n").unwrap();
    let named = ci.push(&[wrong.to_str().unwrap(), "--dry-run"]).bad(1);
    assert!(named.contains("entries[0].usr"), "{named}");
    let twice = ci.push(&[&one, "--dry-run", "--yes"]).bad(2);
    assert!(twice.contains("--dry-run"), "{twice}");
    let elsewhere = ["snapshot", "push", "--source", "team-b", &one, "--dry-run"];
    ci.site.run_as(&ci.push, &elsewhere).bad(4);
    ci.site.run_as(&ci.push, &["token", "list"]).bad(3);
    let who = ci.site.run_as(&ci.push, &["whoami"]).good();
    assert!(who.lines().any(|line| line.split_whitespace().eq(["source", "team-a"])), "{who}");
}
