//! The program, killed while it writes, again and again: what was acknowledged is there, and all that follows from it fits.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use gatepass_control_plane::delivery::ecds;
use serde_json::{Value, json};

use crate::postgres::Postgres;
use crate::support::{Place, Running};

#[test]
fn killed_while_it_writes_to_sqlite_it_loses_nothing() {
    Killed::with(None).again_and_again(4);
}

#[test]
#[ignore = "takes minutes"]
fn killed_a_hundred_times_while_it_writes_to_sqlite_it_loses_nothing() {
    Killed::with(None).again_and_again(100);
}

#[test]
fn killed_while_it_writes_to_postgres_it_loses_nothing() {
    Killed::with(Some(new_database())).again_and_again(4);
}

#[test]
#[ignore = "takes minutes"]
fn killed_a_hundred_times_while_it_writes_to_postgres_it_loses_nothing() {
    Killed::with(Some(new_database())).again_and_again(100);
}

fn new_database() -> String {
    tokio::runtime::Runtime::new().unwrap().block_on(Postgres::shared().database())
}

/// How many write at once.
const WRITERS: usize = 3;

struct Killed {
    place: Place,
    database: Option<String>,
    ledger: Mutex<Ledger>,
}

/// What callers know.
#[derive(Default)]
struct Ledger {
    /// Tokens whose creation was acknowledged.
    created: Vec<String>,
    /// Those of them that were asked to be revoked.
    to_revoke: BTreeSet<String>,
    /// Those whose revocation was acknowledged.
    revoked: BTreeSet<String>,
}

struct Server {
    process: Running,
    address: String,
}

impl Killed {
    fn with(database: Option<String>) -> Self {
        Self { place: Place::new(), database, ledger: Mutex::default() }
    }

    fn again_and_again(&self, times: usize) {
        let mut server = self.serve();
        let many = json!({"max_tokens_per_user": 10_000});
        assert_eq!(self.call(&server, "PATCH", "/settings", &many).unwrap().0, 200);
        for round in 0..times {
            let enough = self.ledger.lock().unwrap().created.len() + 1 + round * 7 % 13;
            std::thread::scope(|scope| {
                let writers: Vec<_> =
                    (0..WRITERS).map(|_| scope.spawn(|| self.write_until_cut_off(&server))).collect();
                while self.ledger.lock().unwrap().created.len() < enough {
                    assert!(writers.iter().all(|writer| !writer.is_finished()), "nobody has ended it yet");
                    std::thread::sleep(Duration::from_millis(1));
                }
                // By its id and from here, since `server` is lent to the writers.
                let killed = Command::new("kill").args(["-KILL", &server.process.id().to_string()]).status();
                assert!(killed.unwrap().success());
            });
            server.process.wait().unwrap();
            server = self.serve();
            self.check(&server);
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command.envs(self.database.iter().map(|url| ("GATEPASS_DATABASE_URL", url)));
        command
    }

    fn serve(&self) -> Server {
        let (mut process, log) = Place::started(self.command(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--creations-per-minute",
            "0",
        ]));
        let mut said = process.stderr.take().unwrap();
        // Read, or the server would one day wait for room to log.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let ready: Value = serde_json::from_str(log.last().unwrap()).unwrap();
        let address = ready.pointer("/fields/address").and_then(Value::as_str).unwrap().to_owned();
        Server { process, address }
    }

    fn write_until_cut_off(&self, server: &Server) {
        for number in 0.. {
            let wish = json!({"description": "x"});
            let Some((status, made)) = self.call(server, "POST", "/tokens", &wish) else { return };
            assert_eq!(status, 201, "{made}");
            let id = made["id"].as_str().unwrap().to_owned();
            self.ledger.lock().unwrap().created.push(id.clone());
            if number % 4 != 0 {
                self.ledger.lock().unwrap().to_revoke.insert(id.clone());
                let Some((status, said)) =
                    self.call(server, "DELETE", &format!("/tokens/{id}"), &Value::Null)
                else {
                    return;
                };
                assert_eq!(status, 204, "{said}");
                self.ledger.lock().unwrap().revoked.insert(id);
            }
        }
    }

    fn check(&self, server: &Server) {
        let ledger = self.ledger.lock().unwrap();
        let active = self.active(server);
        for id in &ledger.created {
            let (is_there, asked) = (active.contains(id), ledger.to_revoke.contains(id));
            assert!(is_there || asked, "{id} was created and is not there");
            assert!(!(is_there && ledger.revoked.contains(id)), "{id} was revoked and is there");
        }
        let (status, snapshot) = self.call(server, "GET", "/snapshot", &Value::Null).unwrap();
        assert_eq!(status, 200);
        let published = snapshot["tokens"].as_array().unwrap().iter();
        let published: BTreeSet<_> =
            published.map(|token| token["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(published, active, "the snapshot is the database's");
        let file = std::fs::read(self.place.data().join("envoy/gatepass.ecds.pb")).unwrap();
        let delivered = serde_json::to_value(ecds::configuration(&file).unwrap()).unwrap();
        assert_eq!(sorted(delivered), sorted(snapshot), "and it is what the proxy has");
        self.check_audit(&ledger);
    }

    fn check_audit(&self, ledger: &Ledger) {
        let verified = self.command(&["audit", "verify"]).output().unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
        let exported = self.command(&["audit", "export", "--data"]).output().unwrap();
        assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
        let text = String::from_utf8(exported.stdout).unwrap();
        let entries: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let told_of = |action: &str| -> BTreeSet<&str> {
            let of_action = entries.iter().filter(|entry| entry["action"] == action);
            let target = of_action.map(|entry| entry["target"].as_str().unwrap());
            target.filter_map(|target| target.strip_prefix("token:")?.split(' ').next()).collect()
        };
        let (created, revoked) = (told_of("token.created"), told_of("token.revoked"));
        assert!(ledger.created.iter().all(|id| created.contains(id.as_str())));
        assert!(ledger.revoked.iter().all(|id| revoked.contains(id.as_str())));
    }

    /// The ids of all active tokens.
    fn active(&self, server: &Server) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        let mut path = "/tokens?state=active&limit=200".to_owned();
        loop {
            let (status, page) = self.call(server, "GET", &path, &Value::Null).unwrap();
            assert_eq!(status, 200);
            let items = page["items"].as_array().unwrap().iter();
            ids.extend(items.map(|token| token["id"].as_str().unwrap().to_owned()));
            let Some(cursor) = page["next_cursor"].as_str() else { return ids };
            path = format!("/tokens?state=active&limit=200&cursor={cursor}");
        }
    }

    /// Calls as the first admin; `None` if there was no whole answer.
    fn call(&self, server: &Server, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        let token = std::fs::read_to_string(self.place.data().join("initial-admin-token")).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(&server.address).ok()?;
        let head = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            token.trim(),
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).ok()?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok()?;
        let (head, body) = reply.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let json = if status == 204 { Value::Null } else { serde_json::from_str(body).ok()? };
        Some((status, json))
    }
}

/// The compact encoding has an order of its own.
fn sorted(mut configuration: Value) -> Value {
    configuration["tokens"].as_array_mut().unwrap().sort_by_key(|token| token["id"].to_string());
    configuration
}

#[test]
fn the_databases_password_is_shown_nowhere() {
    const PASSWORD: &str = "hunter2-of-the-database";
    let url = new_database().replace("&user", &format!("&password={PASSWORD}&user"));
    let place = Place::new();
    let told = |arguments: &[&str], url: &str| {
        let mut command = place.command(arguments);
        command.env("GATEPASS_DATABASE_URL", url).env("GATEPASS_LOG", "trace");
        command
    };
    let (server, log) = Place::started(told(&["serve", "--listen", "127.0.0.1:0"], &url));
    assert!(!log.iter().any(|line| line.contains(PASSWORD)), "{log:?}");
    drop(server);
    assert!(!place.data().join("gatepass.db").exists(), "it is in PostgreSQL");
    for (arguments, url) in [
        (&["serve", "--help"][..], url.as_str()),
        (&["audit", "verify", "--nonsense"], &url),
        (&["audit", "verify"], &url.replace("gate_", "nowhere_")),
        (&["audit", "verify"], &format!("postgres://u:{PASSWORD}/x@127.0.0.1/gate")),
        (&["audit", "verify"], &format!("postgres://u:{PASSWORD}@127.0.0.1:1/gate")),
        (&["user", "set-password", "nobody"], &url),
    ] {
        let output = told(arguments, url).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains(PASSWORD) && !said.is_empty(), "{arguments:?}: {said}");
    }
}
