//! What `gatepass login` keeps: of whoever runs it alone, and each token for its own server.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::fake::{Fake, json};
use super::site::{Site, Told, bare, config, fed};
use crate::support::chmod;

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

/// Runs the program with nothing in the environment.
fn run(site: &Site, arguments: &[&str]) -> Told {
    Told::by(bare(&site.place, arguments).output().unwrap())
}

fn login(site: &Site, arguments: &[&str], token: &str) -> Told {
    fed(bare(&site.place, &[&["login", &site.url], arguments].concat()), token)
}

#[test]
fn a_token_is_kept_for_its_owner_alone_and_shown_to_nobody() {
    let site = Site::new();
    let error = run(&site, &["whoami"]).bad(2);
    assert!(error.contains("--server") && error.contains("gatepass login"), "{error}");
    let token = site.admin();
    let told = login(&site, &[], &format!("{token}\n"));
    assert!(told.out.contains("as admin (admin)") && !format!("{told:?}").contains(&token), "{told:?}");
    told.good();
    let file = config(&site.place).join("gatepass/contexts.json");
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    assert!(run(&site, &["whoami"]).good().contains(&site.url));
    let listed = run(&site, &["context", "list"]).good();
    let listed = listed + &run(&site, &["context", "list", "--output", "json"]).good();
    assert!(listed.contains("default") && listed.contains(&site.url) && !listed.contains(&token), "{listed}");

    for wide in [0o640, 0o604, 0o620] {
        chmod(&file, wide);
        let error = run(&site, &["whoami"]).bad(2);
        assert!(error.contains("chmod 600") && !error.contains(&token), "{error}");
        login(&site, &[], &token).bad(2);
    }
    chmod(&file, 0o600);
    run(&site, &["whoami"]).good();
    std::fs::write(&file, format!("{{\"contexts\": {{\"a\": \"{token}\"}}}}")).unwrap();
    let error = run(&site, &["whoami"]).bad(2);
    assert!(error.contains("line 1") && !error.contains(&token), "{error}");
}

#[test]
fn a_token_that_the_server_does_not_know_is_not_kept() {
    let site = Site::new();
    let unknown = "gp_000000000000000000000000000000002AoEvx";
    let error = login(&site, &[], unknown).bad(3);
    assert!(error.contains("Unauthorized") && !error.contains(unknown), "{error}");
    for no_token in ["", "\n", "two words\n"] {
        login(&site, &[], no_token).bad(2);
    }
    assert!(!config(&site.place).join("gatepass/contexts.json").exists());
}

#[test]
fn there_may_be_several_and_one_is_in_use() {
    let site = Site::new();
    let (reader, _) = site.token(&["reader", "--scope", "read_only"]);
    login(&site, &[], &site.admin()).good();
    login(&site, &["--context", "reader"], &reader).good();
    let manages = |arguments: &[&str]| {
        let who = run(&site, &[&["whoami", "--output", "json"], arguments].concat()).json();
        who["token"]["control_plane"].as_bool().unwrap()
    };
    assert!(!manages(&[]), "the one that was logged in last");
    assert!(manages(&["--context", "default"]));
    run(&site, &["context", "use", "default"]).good();
    assert!(manages(&[]));
    assert!(!manages(&["--context", "reader"]));
    let mut command = bare(&site.place, &["whoami", "--output", "json"]);
    command.env("GATEPASS_TOKEN", &reader);
    let who = Told::by(command.output().unwrap()).json();
    assert_eq!(who["token"]["control_plane"], false, "the variable counts before what is kept");
    run(&site, &["context", "remove", "default"]).good();
    let error = run(&site, &["whoami"]).bad(2);
    assert!(error.contains("--server"), "none is in use: {error}");
    assert!(
        run(&site, &["whoami", "--context", "default"]).bad(2).contains("reader"),
        "it names those there are"
    );
    run(&site, &["context", "use", "default"]).bad(2);
    assert!(!manages(&["--server", &site.url]), "the only one for this server");
    login(&site, &["--context", "again"], &reader).good();
    login(&site, &["--context", "third"], &reader).good();
    run(&site, &["context", "remove", "third"]).good();
    assert!(run(&site, &["whoami", "--server", &site.url]).bad(2).contains("--context"), "which of the two?");
    run(&site, &["login", &site.url, "--context", "a/b"]).bad(2);
}

#[test]
fn a_kept_token_goes_to_no_other_server() {
    let site = Site::new();
    login(&site, &[], &site.admin()).good();
    let other = Fake::answering(vec![json("{}")]);
    for arguments in [
        &["whoami", "--server", &other.url] as &[_],
        &["whoami", "--server", &other.url, "--context", "default"],
    ] {
        assert!(run(&site, arguments).bad(2).contains("GATEPASS_TOKEN"));
    }
    assert!(other.requests().is_empty());
}
