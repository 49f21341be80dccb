//! `gatepass token` and `whoami` on a server.

use std::fs::File;
use std::io::Write as _;
use std::process::Stdio;

use gatepass::token::{Prefix, parse};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use super::fake::{Fake, json};
use super::site::{Site, Told, bare};

#[test]
fn one_is_told_who_one_is() {
    let site = Site::new();
    let table = site.run(&["whoami"]).good();
    for line in
        [format!("server       {}", site.url), "role         admin".to_owned(), "manages      yes".to_owned()]
    {
        assert!(table.lines().any(|shown| shown == line), "{line:?} in {table}");
    }
    let who = site.run(&["whoami", "--output", "json"]).json();
    assert_eq!((&who["user"], &who["role"]), (&"admin".into(), &"admin".into()));
    assert!(who["token"]["id"].is_string());
}

#[test]
fn a_secret_is_all_that_stands_on_standard_output() {
    let site = Site::new();
    let told = site.run(&[
        "token",
        "create",
        "nightly report",
        "--valid-for",
        "P6M",
        "--scope",
        "read_only",
        "--allow-ip",
        "10.0.0.0/8",
        "--allow-ip",
        "127.0.0.1",
    ]);
    let secret = told.out.trim().to_owned();
    assert!(parse(secret.as_bytes(), &[Prefix::default()]).is_some(), "{told:?}");
    assert!(told.err.contains("10.0.0.0/8, 127.0.0.1") && !told.err.contains(&secret), "{told:?}");
    told.good();
    let who = site.run_as(&secret, &["whoami", "--output", "json"]).json();
    assert_eq!(
        (&who["token"]["description"], &who["token"]["scope"]),
        (&"nightly report".into(), &"read_only".into())
    );
    assert_eq!(who["token"]["control_plane"], false);
    let refused = site.run_as(&secret, &["token", "create", "another"]).bad(3);
    assert!(
        refused.contains("Forbidden: ") && refused.contains("403 control_plane_required, request "),
        "{refused}"
    );
    let wrong = site.run(&["token", "create", "x", "--scope", "none"]).bad(1);
    assert!(wrong.contains("Bad Request: scope: ") && wrong.contains("400 invalid"), "{wrong}");
    assert!(site.run_as("gp_none", &["whoami"]).bad(3).contains("401 credentials_unknown"));
    assert!(
        site.run(&["token", "create", "x", "--token", "gp_x"]).bad(2).contains("--token"),
        "there is no such flag"
    );
}

#[test]
fn a_token_lives_and_ends() {
    let site = Site::new();
    let (secret, id) = site.token(&["robot"]);
    assert!(site.run(&["token", "show", &id]).good().contains("state        active"));
    assert!(site.run(&["token", "disable", &id]).good().contains("disabled     2"));
    assert!(site.run_as(&secret, &["whoami"]).bad(3).contains("token_disabled"));
    assert_eq!(site.run(&["token", "enable", &id, "--output", "json"]).json()["state"], "active");
    site.run_as(&secret, &["whoami"]).good();

    assert!(site.run(&["token", "update", &id, "--description", "robot 2"]).good().contains("robot 2"));
    let narrow =
        ["token", "update", &id, "--allow-ip", "127.0.0.0/8", "--scope", "read_only", "--output", "json"];
    assert!(site.run(&narrow).bad(2).contains("--yes"));
    let narrowed = site.run(&[&narrow[..], &["-y"]].concat()).json();
    assert_eq!(
        (&narrowed["allowed_ips"][0], &narrowed["scope"]),
        (&"127.0.0.0/8".into(), &"read_only".into())
    );
    let wider = site.run(&["token", "update", &id, "--allow-ip", "10.0.0.1", "--yes"]).bad(1);
    assert!(wider.contains("Bad Request: allowed_ips"), "{wider}");
    site.run(&["token", "update", &id]).bad(2);

    assert!(site.run(&["token", "rotate", &id]).bad(2).contains("--yes"));
    let next = site.run(&["token", "rotate", &id, "--grace", "PT1H", "--yes"]).good();
    site.run_as(next.trim(), &["whoami"]).good();
    site.run_as(&secret, &["whoami"]).good();
    let again = site.run(&["token", "rotate", &id, "--yes"]).bad(5);
    assert!(again.contains("Conflict: ") && again.contains("409 token_rotated"), "{again}");

    let refused = site.run(&["token", "revoke", &id]).bad(2);
    assert!(refused.contains("--yes") && refused.contains("robot"), "{refused}");
    site.run_as(&secret, &["whoami"]).good();
    site.run(&["token", "revoke", &id, "--yes"]).good();
    for gone in [&secret, next.trim()] {
        site.run_as(gone, &["whoami"]).bad(3);
    }
    site.run(&["token", "enable", &id]).bad(5);
    for nowhere in ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "../users", ".."] {
        assert!(site.run(&["token", "show", nowhere]).bad(4).contains("404 not_found"));
        site.run(&["token", "revoke", nowhere, "--yes"]).bad(4);
    }
}

/// Runs `arguments` on a terminal where somebody types `line`.
fn typed(site: &Site, arguments: &[&str], line: &str) -> Told {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(name).unwrap();
    let mut command = bare(&site.place, arguments);
    command.env("GATEPASS_SERVER", &site.url).env("GATEPASS_TOKEN", site.admin());
    let child = command.stdin(terminal).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut keyboard = File::from(controller);
    keyboard.write_all(line.as_bytes()).unwrap();
    Told::by(child.wait_with_output().unwrap())
}

#[test]
fn a_person_is_asked_before_what_cannot_be_undone() {
    let site = Site::new();
    let (secret, id) = site.token(&["robot"]);
    for no in ["\n", "n\n", "yesterday\n"] {
        let told = typed(&site, &["token", "revoke", &id], no).bad(1);
        assert!(told.contains("robot") && told.contains("gatepass: not done"), "{told}");
    }
    site.run_as(&secret, &["whoami"]).good();
    typed(&site, &["token", "revoke", &id], "y\n").good();
    site.run_as(&secret, &["whoami"]).bad(3);
}

#[test]
fn what_others_wrote_steers_no_terminal() {
    let site = Site::new();
    // A server refuses control characters; what only turns round what is shown, it takes.
    let (_, id) = site.token(&["東京 \u{202e}nimda\u{2066}"]);
    for arguments in [&["token", "list"] as &[_], &["token", "show", &id], &["token", "revoke", &id]] {
        let told = site.run(arguments);
        let shown = told.out + &told.err;
        assert!(shown.contains("東京 \\u202enimda\\u2066") && !shown.contains('\u{202e}'), "{shown}");
    }
    let text = site.run(&["token", "show", &id, "--output", "json"]).good();
    let shown: Value = serde_json::from_str(&text).unwrap();
    assert!(!text.contains('\u{202e}') && shown["description"] == "東京 \u{202e}nimda\u{2066}", "{text}");

    let hostile = r#"{"items": [{"id": "\u001b[2J", "user": "a\u0007\rb", "description": "x", "expires_at": "\u009b31m"}]}"#;
    let fake = Fake::answering(vec![json(hostile)]);
    for arguments in [&["token", "list"] as &[_], &["token", "list", "--output", "json"]] {
        let mut command = bare(&site.place, arguments);
        command.env("GATEPASS_SERVER", &fake.url).env("GATEPASS_TOKEN", "gp_x");
        let shown = Told::by(command.output().unwrap()).good();
        let steers = |c: char| c != '\n' && c.is_control();
        assert!(!shown.contains(steers) && shown.contains("\\u001b[2J"), "{shown:?}");
    }
}

#[test]
fn a_token_is_minted_without_a_server() {
    let site = Site::new();
    let minted = Told::by(bare(&site.place, &["token", "mint", "--output", "json"]).output().unwrap()).json();
    let digest = parse(minted["token"].as_str().unwrap().as_bytes(), &[Prefix::default()]).unwrap();
    assert_eq!(minted["sha256"], digest.to_string());
    let other = Told::by(bare(&site.place, &["token", "mint", "--prefix", "acme_"]).output().unwrap()).good();
    assert!(other.starts_with("token   acme_") && other.contains("\nsha256  "), "{other}");
    Told::by(bare(&site.place, &["token", "mint", "--prefix", "a b"]).output().unwrap()).bad(2);
}
