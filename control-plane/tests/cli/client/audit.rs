//! `gatepass audit` of a server; and that of the data folder only if it is asked for.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use super::fake::{Fake, json, reply};
use super::site::{Site, Told, bare};
use crate::support::Running;

#[test]
fn a_server_shows_the_same_as_the_data_folder() {
    let site = Site::new();
    site.token(&["東京 \u{202e}x"]);
    site.run(&["user", "create", "fred"]).good();
    for arguments in [
        &["tail"] as &[_],
        &["tail", "-n", "2"],
        &["tail", "-n", "0"],
        &["tail", "--output", "json", "--target", "user:fred"],
        &["tail", "--action", "token.created", "--actor", "admin"],
        &["tail", "--until", "2020-01-01T00:00:00Z"],
        &["export"],
        &["export", "--format", "csv", "--from", "2020-01-01T00:00:00+01:00"],
    ] {
        let told = site.run(&[&["audit"], arguments].concat()).good();
        let read = site.run(&[&["audit"], arguments, &["--data"]].concat()).good();
        assert_eq!(told, read, "{arguments:?}");
        assert!(!told.contains('\u{202e}'));
    }
    assert!(site.run(&["audit", "tail"]).good().contains("user:fred"));
    let (reader, _) = site.token(&["reader"]);
    assert!(site.run_as(&reader, &["audit", "tail"]).bad(3).contains("control_plane_required"));
    site.run_as(&reader, &["audit", "export"]).bad(3);
}

#[test]
fn the_data_folder_is_read_only_if_that_is_said() {
    let site = Site::new();
    let run = |arguments: &[&str]| Told::by(bare(&site.place, arguments).output().unwrap());
    let error = run(&["audit", "tail"]).bad(2);
    assert!(error.contains("--server") && error.contains("--data reads"), "{error}");
    run(&["audit", "tail", "--data"]).good();
    let folder = site.place.data();
    let error = run(&["audit", "export", "--data-dir", folder.to_str().unwrap()]).bad(2);
    assert!(error.contains("--data-dir is for --data"), "{error}");
    run(&["audit", "export", "--data", "--data-dir", folder.to_str().unwrap()]).good();
    run(&["audit", "verify"]).good();
}

#[test]
fn an_export_that_broke_off_is_no_success_and_none_steers_a_terminal() {
    let site = Site::new();
    let export = |fake: &Fake| {
        let mut command = bare(&site.place, &["audit", "export", "--format", "csv"]);
        command.env("GATEPASS_SERVER", &fake.url).env("GATEPASS_TOKEN", "gp_x");
        Told::by(command.output().unwrap())
    };
    let cut = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\na\r\n\r\n".to_owned();
    assert!(export(&Fake::answering(vec![cut])).bad(6).contains("broke off"));
    let hostile =
        export(&Fake::answering(vec![reply("200 OK", "", "a\u{1b}[2J\r\n\u{9b}1m\u{202e}")])).good();
    assert_eq!(hostile, "a\\u001b[2J\r\n\\u009b1m\\u202e");
}

#[test]
fn tail_follows_a_server() {
    let entry = |seq: u32| {
        format!(r#"{{"seq": {seq}, "at": "T", "actor": "a", "ip": null, "action": "x", "target": "t{seq}"}}"#)
    };
    let page = |seqs: &[u32], next: &str| {
        let items: Vec<_> = seqs.iter().map(|seq| entry(*seq)).collect();
        json(&format!(r#"{{"items": [{}], "next_cursor": {next}}}"#, items.join(",")))
    };
    let fake = Fake::answering(vec![
        page(&[3, 2], "\"3\""),
        page(&[3, 2], "\"3\""),
        page(&[6, 5], "\"5\""),
        page(&[4, 3], "\"3\""),
        page(&[6, 5], "\"5\""),
    ]);
    let site = Site::new();
    let mut command = bare(&site.place, &["audit", "tail", "-n", "1", "--follow", "--output", "json"]);
    command.env("GATEPASS_SERVER", &fake.url).env("GATEPASS_TOKEN", "gp_x").stdout(Stdio::piped());
    let mut tail = Running(command.spawn().unwrap());
    let lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let seqs: Vec<_> = lines
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap()["seq"].as_i64().unwrap())
        .take(4)
        .collect();
    assert_eq!(seqs, [3, 4, 5, 6], "each once, in order");
}
