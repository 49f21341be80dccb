use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Place, Running, stop};

/// Standard output of a command that succeeds.
fn printed(place: &Place, arguments: &[&str]) -> String {
    let output = place.command(arguments).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn head_of(log: &[String]) -> String {
    let head = log.iter().rev().find_map(|line| line.split("\"audit_head\":\"").nth(1)?.split('"').next());
    head.unwrap().to_owned()
}

/// Runs SQL on the database.
fn sql(place: &Place, sql: &'static str) {
    use sqlx::Connection as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.data().join("gatepass.db"));
    let run = async {
        let mut db = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run);
}

const FREE: &str = "DROP TRIGGER audit_is_not_deleted; DROP TRIGGER audit_is_not_updated;";

#[test]
fn verify_tells_a_whole_audit_from_another_and_both_from_what_it_cannot_read() {
    let place = Place::new();
    let (server, log) = place.serve();
    let head = head_of(&log);
    assert!(head.starts_with("2:"), "{log:?}");
    let said = printed(&place, &["audit", "verify"]);
    assert_eq!(said, format!("The audit is whole: 2 entries. Head: {head}\n"));
    place.command(&["user", "recover", "admin"]).output().unwrap();
    let json = printed(&place, &["audit", "verify", "--expect", &head, "--output", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["whole"], &json["entries"]), (&true.into(), &3.into()));
    let newest = json["head"].as_str().unwrap().to_owned();
    stop(server);

    sql(&place, FREE);
    sql(&place, "DELETE FROM audit WHERE seq = 3");
    assert!(printed(&place, &["audit", "verify"]).contains("2 entries"), "a cut tail shows by its head only");
    let cut = place.command(&["audit", "verify", "--expect", &newest]).output().unwrap();
    let sentence = String::from_utf8(cut.stderr).unwrap();
    assert!(cut.status.code() == Some(3) && cut.stdout.is_empty(), "{sentence}");
    assert_eq!(
        sentence,
        "gatepass: the audit is not whole: the chain ends at entry 2, before the expected head: its tail was cut\n"
    );
    sql(&place, "UPDATE audit SET actor = 'fred' WHERE seq = 1");
    let forged = place.command(&["audit", "verify", "--output", "json"]).output().unwrap();
    assert_eq!(forged.status.code(), Some(3));
    let json: Value = serde_json::from_slice(&forged.stdout).unwrap();
    assert_eq!((&json["whole"], &json["entries"]), (&false.into(), &0.into()));
    assert!(json["problem"].as_str().unwrap().contains("entry 1"), "{json}");

    let elsewhere = place.folder.path().join("nowhere");
    let elsewhere = elsewhere.to_str().unwrap();
    let missing = place.command(&["audit", "verify", "--data-dir", elsewhere]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    let usage = place.command(&["audit", "verify", "--expect", "x"]).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn tail_and_export_show_what_was_asked_for() {
    let place = Place::new();
    let (server, _) = place.serve();
    place.command(&["user", "recover", "admin"]).output().unwrap();
    let table = printed(&place, &["audit", "tail", "--data"]);
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines[0].starts_with("SEQ ") && lines[3].contains("data-folder"), "{table}");
    assert!(lines[3].contains("token.created") && lines[3].ends_with("user:admin"), "{table}");
    assert_eq!(lines[0].find("ACTION"), lines[3].find("token.created"), "{table}");

    let json = printed(&place, &["audit", "tail", "--data", "-n", "1", "--output", "json"]);
    let entry: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&entry["seq"], &entry["actor"]), (&3.into(), &"data-folder".into()));
    let count = |arguments: &[&str]| {
        printed(&place, &[&["audit", "export", "--data"], arguments].concat()).lines().count()
    };
    assert_eq!(count(&[]), 3);
    assert_eq!(count(&["--format", "csv"]), 4);
    assert_eq!(count(&["--actor", "first-start", "--action", "token.created"]), 1);
    assert_eq!(count(&["--target", "user:admin"]), 3);
    assert_eq!(count(&["--target", "settings"]), 0);
    assert_eq!(count(&["--until", "2020-01-01T00:00:00Z"]), 0);
    assert_eq!(count(&["--from", "2020-01-01T00:00:00Z"]), 3);
    for wrong in [["--action", "token.create"], ["--from", "yesterday"]] {
        let output = place.command(&[&["audit", "export", "--data"], &wrong[..]].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
    stop(server);
}

#[test]
fn what_entries_hold_steers_no_terminal() {
    let place = Place::new();
    let (server, _) = place.serve();
    stop(server);
    sql(&place, FREE);
    sql(
        &place,
        "UPDATE audit SET actor = char(27) || '[2Jfred' || char(8238), target = 'user:' || char(155) || '1m',
                          detail = json_object('before', NULL, 'after', char(127) || char(7) || char(10))",
    );
    for arguments in [
        &["audit", "tail", "--data"] as &[_],
        &["audit", "tail", "--data", "--output", "json"],
        &["audit", "export", "--data"],
        &["audit", "export", "--data", "--format", "csv"],
    ] {
        let text = printed(&place, arguments);
        let steers = |c: char| (c.is_control() && !matches!(c, '\n' | '\r')) || c == '\u{202e}';
        assert!(text.contains("\\u001b[2Jfred\\u202e") && !text.contains(steers), "{arguments:?} {text:?}");
    }
}

#[test]
fn tail_follows_a_server_that_runs() {
    let place = Place::new();
    let (server, _) = place.serve();
    let mut command = place.command(&["audit", "tail", "--data", "-n", "0", "--follow", "--output", "json"]);
    let mut tail = Running(command.args(["--actor", "data-folder"]).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    // It may not have begun yet: an entry is made until one is shown.
    let (shown, told) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || shown.send(lines.next().unwrap().unwrap()));
    let line = loop {
        assert!(place.command(&["user", "recover", "admin"]).output().unwrap().status.success());
        if let Ok(line) = told.try_recv() {
            break line;
        }
    };
    let entry: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&entry["actor"], &entry["action"]), (&"data-folder".into(), &"token.created".into()));
    assert!(reader.join().unwrap().is_ok());
    stop(server);
}
