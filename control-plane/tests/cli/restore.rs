//! Backups, and what a restore brings back: not what has ended since.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::postgres::Postgres;
use crate::support::{Place, Running, chmod, stop};

/// A running server and its first admin.
struct Server {
    process: Running,
    address: String,
    admin: String,
}

impl Server {
    fn start(place: &Place) -> Self {
        Self::started(place, place.command(&["serve", "--listen", "127.0.0.1:0"]), None)
    }

    /// With the admin of an earlier start, if there was one.
    fn started(place: &Place, command: Command, admin: Option<&str>) -> Self {
        let (process, log) = Place::started(command);
        let ready: Value = serde_json::from_str(log.last().unwrap()).unwrap();
        let address = ready["fields"]["address"].as_str().unwrap().to_owned();
        let file = || std::fs::read_to_string(place.data().join("initial-admin-token")).unwrap();
        let admin = admin.map_or_else(file, str::to_owned).trim().to_owned();
        Self { process, address, admin }
    }

    fn call(&self, method: &str, path: &str, token: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!("{method} /api/v1{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        let rest = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        let who = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
        write!(stream, "{head}{rest}{who}\r\n{body}").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, text) = reply.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(text).unwrap_or(Value::Null))
    }

    fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, reply) = self.call(method, path, &self.admin, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {reply}");
        reply
    }

    fn token(&self, user: &str) -> Made {
        let made =
            self.done("POST", "/tokens", json!({"description": "x", "user": user, "control_plane": true}));
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Made { id: text("id"), secret: text("token") }
    }

    fn works(&self, token: &Made) -> bool {
        self.call("GET", "/whoami", &token.secret, Value::Null).0 == 200
    }

    fn stop(self) -> String {
        stop(self.process);
        self.admin
    }
}

struct Made {
    id: String,
    secret: String,
}

fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn backup(place: &Place, name: &str) -> Value {
    json_of(&place.command(&["backup", name, "--output", "json"]).output().unwrap())
}

fn restore(place: &Place, arguments: &[&str]) -> Output {
    place.command(&[&["restore"], arguments, &["--output", "json"]].concat()).output().unwrap()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// All that is in a folder but what a lock leaves.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.is_file() && !path.ends_with("serve.lock"));
    let mut files: Vec<_> = files.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    files.sort();
    files
}

/// A server with two tokens of fred's and one of anna's; what happens once it was backed up; and then its tokens.
fn story(place: &Place) -> (Server, [Made; 3]) {
    let server = Server::start(place);
    for (name, role) in [("fred", "user"), ("anna", "token_manager"), ("otto", "admin")] {
        server.done("POST", "/users", json!({"name": name, "role": role}));
    }
    server.done("PATCH", "/users/fred", json!({"groups": ["dev", "ops"]}));
    for subject in ["kept", "taken"] {
        server.done(
            "POST",
            "/users/fred/identities",
            json!({"issuer": "https://id.example", "subject": subject}),
        );
    }
    let tokens = [server.token("fred"), server.token("fred"), server.token("anna")];
    assert!(place.set_password("fred", "an earlier password\n").status.success());
    let (status, said) =
        server.call("POST", "/session", "", json!({"user": "fred", "password": "an earlier password"}));
    assert_eq!(status, 200, "{said}");
    assert_eq!(backup(place, "backup.db")["audit_key"], true);
    (server, tokens)
}

#[test]
fn a_backup_is_made_while_the_server_serves_and_is_the_owners_alone() {
    let place = Place::new();
    let (server, _) = story(&place);
    let path = place.folder.path().join("backup.db");
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
    let said = refused(&place.command(&["backup", "backup.db"]).output().unwrap());
    assert!(said.contains("there already"), "{said}");
    let second = backup(&place, "second.db");
    let log = place.command(&["audit", "verify", "--output", "json"]).output().unwrap();
    assert_eq!(json_of(&log)["head"], second["audit_head"]);
    let text = place.command(&["backup", "third.db"]).output().unwrap();
    assert!(String::from_utf8(text.stdout).unwrap().contains("read back and whole"));
    std::os::unix::fs::symlink("elsewhere", place.folder.path().join("link.db")).unwrap();
    refused(&place.command(&["backup", "link.db"]).output().unwrap());
    let left = std::fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with('.')).collect();
    assert!(left.is_empty(), "{left:?}");
    server.stop();
}

#[test]
fn a_database_with_a_break_in_its_audit_is_not_backed_up() {
    let place = Place::new();
    let (server, _) = story(&place);
    server.stop();
    sql(
        &place.data().join("gatepass.db"),
        "DROP TRIGGER audit_is_not_updated; UPDATE audit SET actor = 'x' WHERE seq = 2",
    );
    let said = refused(&place.command(&["backup", "broken.db"]).output().unwrap());
    assert!(said.contains("no backup was written"), "{said}");
    assert!(!place.folder.path().join("broken.db").exists());
}

#[test]
fn what_has_ended_since_stays_ended_and_the_rest_comes_back_in_a_new_epoch() {
    let place = Place::new();
    let (server, [kept, revoked, annas]) = story(&place);
    let identities = |server: &Server, name: &str| -> Vec<Value> {
        let all = server.done("GET", &format!("/users/{name}/identities"), Value::Null);
        all["identities"].as_array().unwrap().iter().map(|identity| identity["subject"].clone()).collect()
    };
    assert_eq!(identities(&server, "fred"), ["kept", "taken"]);
    let said = refused(&restore(&place, &["backup.db"]));
    assert!(said.contains("another gatepass server"), "{said}");
    server.done("DELETE", &format!("/tokens/{}", revoked.id), Value::Null);
    server.done("PATCH", "/users/anna", json!({"active": false}));
    server.done("PATCH", "/users/otto", json!({"role": "user"}));
    server.done("PATCH", "/users/fred", json!({"groups": ["dev", "new"]}));
    server.done(
        "DELETE",
        "/users/fred/identities?issuer=https%3A%2F%2Fid.example&subject=taken",
        Value::Null,
    );
    server.done("POST", "/users/fred/identities", json!({"issuer": "https://id.example", "subject": "new"}));
    server.done("PATCH", "/settings", json!({"allowed_ips": ["10.0.0.0/8"]}));
    let later = server.token("fred");
    let epoch = server.done("GET", "/fleet", Value::Null)["epoch"].clone();
    let admin = server.stop();
    assert!(place.set_password("fred", "correct horse battery\n").status.success());

    let done = json_of(&restore(&place, &["backup.db"]));
    assert_eq!(done["compared_with"], "the database that was replaced");
    assert_eq!(
        done["ended"],
        json!({"tokens_revoked": 1, "tokens_shortened": 0, "users_deactivated": 1, "roles_lowered": 1,
               "groups_left": 1, "passwords_changed": 1, "identities_removed": 1, "admins_kept": [], "sessions_ended": 1, "push_tokens_ended": 0,
               "settings_changed": ["allowed_ips"]})
    );
    let set_aside = PathBuf::from(done["set_aside"].as_str().unwrap());
    assert_eq!(set_aside.metadata().unwrap().mode() & 0o777, 0o600);
    let verified = ["audit", "verify", "--expect", done["audit_head"].as_str().unwrap()];
    assert!(place.command(&verified).output().unwrap().status.success());

    let server = Server::started(&place, place.command(&["serve", "--listen", "127.0.0.1:0"]), Some(&admin));
    assert!(server.works(&kept) && !server.works(&revoked) && !server.works(&annas) && !server.works(&later));
    assert_ne!(server.done("GET", "/fleet", Value::Null)["epoch"], epoch);
    assert_eq!(server.done("GET", "/users/otto", Value::Null)["role"], "user");
    assert_eq!(
        server.done("GET", "/users/fred", Value::Null)["groups"],
        json!(["dev"]),
        "and not what was added"
    );
    assert_eq!(identities(&server, "fred"), ["kept"], "whoever was disconnected does not sign in again");
    assert_eq!(
        server.done("GET", "/settings", Value::Null)["allowed_ips"],
        json!([]),
        "as the backup has it"
    );
    let entries = server.done("GET", "/audit?action=database.restored", Value::Null);
    assert_eq!(entries["items"][0]["actor"], "server:restore");
    let entries = server.done("GET", "/audit?action=token.revoked", Value::Null);
    assert_eq!(entries["items"][0]["target"], format!("token:{} user:fred", revoked.id));
    server.stop();
}

#[test]
fn where_nothing_tells_what_was_revoked_it_is_asked_about() {
    let place = Place::new();
    let (server, tokens) = story(&place);
    server.done("DELETE", &format!("/tokens/{}", tokens[1].id), Value::Null);
    let admin = server.stop();
    let told = place.data().join("envoy/gatepass.ecds.pb").display().to_string();
    let elsewhere = |name: &str| place.folder.path().join(name).display().to_string();
    let works = |folder: &str| {
        let command = place.command(&["serve", "--listen", "127.0.0.1:0", "--data-dir", folder]);
        let server = Server::started(&place, command, Some(&admin));
        let works = [0, 1, 2].map(|index| server.works(&tokens[index]));
        server.stop();
        works
    };
    let new = elsewhere("new");
    let said = refused(&restore(&place, &["backup.db", "--data-dir", &new]));
    assert!(said.contains("--end-all-tokens") && said.contains("4 of it"), "{said}");
    assert!(files(Path::new(&new)).is_empty(), "nothing was put there");
    for (folder, decision, working) in [
        ("keep", &["--keep-all-tokens"][..], [true, true, true]),
        ("since", &["--since", &told], [true, false, true]),
    ] {
        let folder = elsewhere(folder);
        json_of(&restore(&place, &[&["backup.db", "--data-dir", &folder], decision].concat()));
        assert_eq!(works(&folder), working, "{decision:?}");
        let same = |name: &str| {
            let read = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
            read(Path::new(&folder)) == read(&place.data())
        };
        assert!(same("audit.key") && same("report-key"));
    }
    let end = elsewhere("end");
    let done = json_of(&restore(&place, &["backup.db", "--data-dir", &end, "--end-all-tokens"]));
    assert_eq!(done["ended"]["tokens_revoked"], 4, "the admin's as well");
    let recovered = place.command(&["user", "recover", "admin", "--data-dir", &end]).output().unwrap();
    assert!(recovered.status.success(), "{recovered:?}");

    let said = refused(&restore(&place, &["backup.db", "--data-dir", &new, "--since", "backup.db"]));
    assert!(said.contains("--since"), "{said}");
    // A new installation tells nothing of the old one's tokens.
    let fresh = place.command(&["serve", "--listen", "127.0.0.1:0", "--data-dir", &elsewhere("fresh")]);
    stop(Place::started(fresh).0);
    refused(&restore(&place, &["backup.db", "--data-dir", &elsewhere("fresh")]));
}

#[test]
fn where_the_database_is_lost_what_proxies_were_told_last_tells() {
    let place = Place::new();
    let (server, [kept, revoked, annas]) = story(&place);
    server.done("DELETE", &format!("/tokens/{}", revoked.id), Value::Null);
    server.done("PATCH", "/users/anna", json!({"active": false}));
    let admin = server.stop();
    std::fs::write(place.data().join("gatepass.db"), "no database any more").unwrap();
    let done = json_of(&restore(&place, &["backup.db"]));
    assert_eq!(done["compared_with"], "what proxies were told last");
    assert_eq!(
        (&done["ended"]["tokens_revoked"], &done["ended"]["users_deactivated"]),
        (&json!(1), &json!(1))
    );
    let server = Server::started(&place, place.command(&["serve", "--listen", "127.0.0.1:0"]), Some(&admin));
    assert!(server.works(&kept) && !server.works(&revoked) && !server.works(&annas));
    server.stop();
}

fn sql(path: &Path, sql: &'static str) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        use sqlx::Connection as _;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let mut db = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    });
}

#[test]
fn what_is_no_whole_backup_changes_nothing() {
    let place = Place::new();
    let (server, _) = story(&place);
    server.stop();
    let good = std::fs::read(place.folder.path().join("backup.db")).unwrap();
    let bad = place.folder.path().join("bad.db");
    let before = files(&place.data());
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'later', 1, x'00', 0)";
    let edited = "DROP TRIGGER audit_is_not_updated; UPDATE audit SET actor = 'x' WHERE seq = 2";
    for (content, change, said) in [
        (&b"nothing"[..], None, "no backup"),
        (b"", None, "no backup"),
        (&good[..good.len() / 2], None, "no backup"),
        (b"", Some("CREATE TABLE t (a)"), "another database"),
        (&good, Some(newer), "newer gatepass"),
        (&good, Some(edited), "is not whole"),
        (
            &good,
            Some("UPDATE gatepass_backup SET content = zeroblob(32) WHERE name = 'audit.key'"),
            "is not whole",
        ),
        (
            &good,
            Some("UPDATE gatepass_backup SET content = x'00' WHERE name = 'audit.key'"),
            "--audit-key-file",
        ),
    ] {
        let _ = std::fs::remove_file(&bad);
        std::fs::write(&bad, content).unwrap();
        if let Some(change) = change {
            sql(&bad, change);
        }
        let told = refused(&restore(&place, &["bad.db"]));
        assert!(told.contains(said), "{told}");
        assert_eq!(files(&place.data()), before, "{said}");
    }
    assert!(refused(&restore(&place, &["nosuch.db"])).contains("no such file"));
}

#[test]
fn a_database_that_another_program_copied_is_taken_with_the_folders_key() {
    let place = Place::new();
    let (server, [kept, ..]) = story(&place);
    let admin = server.stop();
    std::fs::copy(place.data().join("gatepass.db"), place.folder.path().join("copy.db")).unwrap();
    json_of(&restore(&place, &["copy.db"]));
    let server = Server::started(&place, place.command(&["serve", "--listen", "127.0.0.1:0"]), Some(&admin));
    assert!(server.works(&kept));
    server.stop();
    let away = place.folder.path().join("away");
    std::fs::create_dir(&away).unwrap();
    chmod(&away, 0o700);
    let away = away.display().to_string();
    assert!(refused(&restore(&place, &["copy.db", "--data-dir", &away])).contains("--audit-key-file"));
    let key = place.data().join("audit.key").display().to_string();
    json_of(&restore(
        &place,
        &["copy.db", "--data-dir", &away, "--audit-key-file", &key, "--keep-all-tokens"],
    ));
}

#[test]
fn a_dump_of_postgres_is_reconciled_with_what_proxies_were_told_last() {
    let place = Place::new();
    let postgres = Postgres::shared();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let [first, second] = [0, 1].map(|_| runtime.block_on(postgres.database()));
    let command = |arguments: &[&str], url: &str| {
        let mut command = place.command(arguments);
        command.env("GATEPASS_DATABASE_URL", url);
        command
    };
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let server = Server::started(&place, command(&serve, &first), None);
    let [kept, revoked] = [0, 1].map(|_| server.token("admin"));
    let dump = postgres.dump(&first);
    server.done("DELETE", &format!("/tokens/{}", revoked.id), Value::Null);
    let epoch = server.done("GET", "/fleet", Value::Null)["epoch"].clone();
    let admin = server.stop();
    postgres.load(&second, &dump);

    for verb in [&["backup", "x.db"][..], &["restore", "x.db"]] {
        let said = refused(&command(verb, &second).output().unwrap());
        assert!(said.contains("pg_"), "{said}");
    }
    std::fs::copy(place.data().join("envoy/gatepass.ecds.pb"), place.folder.path().join("told.pb")).unwrap();
    let reconcile = ["reconcile", "--since", "told.pb", "--output", "json"];
    let ended = json_of(&command(&reconcile, &second).output().unwrap());
    assert_eq!(ended["tokens_revoked"], 1);
    let server = Server::started(&place, command(&serve, &second), Some(&admin));
    assert!(server.works(&kept) && !server.works(&revoked));
    assert_ne!(server.done("GET", "/fleet", Value::Null)["epoch"], epoch);
    server.stop();
    assert!(command(&["audit", "verify"], &second).output().unwrap().status.success());
}
