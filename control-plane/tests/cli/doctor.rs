//! `gatepass doctor` on this machine's side: each thing that can be wrong is found, and nothing else is.

use std::net::TcpListener;
use std::path::Path;

use serde_json::Value;

use crate::postgres::Postgres;
use crate::support::{Place, chmod, stop};

/// What it finds that is not as it should be, as `CHECK severity`; and its exit code.
fn wrong(place: &Place, arguments: &[&str]) -> (Vec<String>, i32) {
    let output = place.command(&[&["doctor", "--output", "json"], arguments].concat()).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let mut wrong = Vec::new();
    for finding in found["findings"].as_array().unwrap() {
        let text = |name: &str| finding[name].as_str().unwrap();
        assert!(!text("found").is_empty(), "{finding}");
        assert_eq!(text("do").is_empty(), text("severity") == "ok", "says what to do: {finding}");
        if text("severity") != "ok" {
            wrong.push(format!("{} {}", text("check"), text("severity")));
        }
    }
    (wrong, output.status.code().unwrap())
}

fn found(expected: &[&str], code: i32) -> (Vec<String>, i32) {
    (expected.iter().map(|&text| text.to_owned()).collect(), code)
}

fn sql(path: &Path, sql: &'static str) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        use sqlx::Connection as _;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut db = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    });
}

#[test]
fn all_is_well_with_a_server_and_without() {
    let place = Place::new();
    let (server, log) = place.serve();
    let ready: Value = serde_json::from_str(log.last().unwrap()).unwrap();
    let address = ready["fields"]["address"].as_str().unwrap();
    assert_eq!(wrong(&place, &["--listen", address]), found(&[], 0));
    let free = || {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        port.to_string()
    };
    assert_eq!(wrong(&place, &["--listen", &free()]), found(&["port error"], 3), "another address");
    stop(server);
    assert_eq!(wrong(&place, &["--listen", &free()]), found(&[], 0));
    let table = place.command(&["doctor", "--listen", "127.0.0.1:0"]).output().unwrap();
    let text = String::from_utf8(table.stdout).unwrap();
    assert!(table.status.success() && text.lines().all(|line| line.starts_with("ok ")), "{text}");
}

/// The flag of each listener, and the check that looks there.
const LISTENERS: [(&str, &str); 3] = [
    ("--listen", "port error"),
    ("--dataplane-listen", "port_of_reports error"),
    ("--metrics-listen", "port_of_metrics error"),
];

/// The arguments that have each listener where it is, or another one in its place.
fn listening<'a>(at: &[&'a str; 3], other: Option<(usize, &'a str)>) -> Vec<&'a str> {
    let address = |index: usize| other.filter(|other| other.0 == index).map_or(at[index], |other| other.1);
    LISTENERS.iter().enumerate().flat_map(|(index, (flag, _))| [*flag, address(index)]).collect()
}

#[test]
fn a_port_that_somebody_else_has_is_found_whatever_listens_there() {
    let place = Place::new();
    stop(place.serve().0);
    // An address that nothing else takes a port of once it is free again.
    let other = TcpListener::bind("127.0.0.77:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    let free = ["127.0.0.1:0"; 3];
    assert_eq!(wrong(&place, &listening(&free, None)), found(&[], 0));
    for (index, (_, check)) in LISTENERS.iter().enumerate() {
        assert_eq!(wrong(&place, &listening(&free, Some((index, &taken)))), found(&[check], 3));
    }
    let unused = [&listening(&free, Some((1, &taken))), &["--usage-reports", "false"][..]].concat();
    assert_eq!(wrong(&place, &unused), found(&[], 0), "nothing is to listen there");
    drop(other);
    let twice = [taken.as_str(), &taken, "127.0.0.1:0"];
    assert_eq!(
        wrong(&place, &listening(&twice, None)),
        found(&["port_of_reports error"], 3),
        "one port for two"
    );
}

#[test]
fn each_listener_of_a_server_is_looked_for() {
    let place = Place::new();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
    let (server, log) = Place::started(place.command(&serve));
    let ready: Value = serde_json::from_str(log.last().unwrap()).unwrap();
    let at = ["address", "dataplane", "metrics"].map(|name| ready["fields"][name].as_str().unwrap());
    assert_eq!(wrong(&place, &listening(&at, None)), found(&[], 0));
    for (index, (_, check)) in LISTENERS.iter().enumerate() {
        let nobody = Some((index, "127.0.0.1:1"));
        assert_eq!(wrong(&place, &listening(&at, nobody)), found(&[check], 3));
    }
    stop(server);
}

#[test]
fn what_is_wrong_with_folder_database_and_audit_is_found() {
    let place = Place::new();
    let doctor = || wrong(&place, &["--listen", "127.0.0.1:0"]);
    assert_eq!(doctor(), found(&["data_folder error"], 3), "there is none");
    std::fs::create_dir(place.data()).unwrap();
    chmod(&place.data(), 0o700);
    assert_eq!(doctor(), found(&["database error"], 3), "there is none");
    stop(place.serve().0);
    let database = place.data().join("gatepass.db");
    let good = std::fs::read(&database).unwrap();

    chmod(&place.data(), 0o750);
    assert_eq!(doctor(), found(&["data_folder error"], 3));
    chmod(&place.data(), 0o700);
    chmod(&place.data().join("audit.key"), 0o644);
    assert_eq!(doctor(), found(&["data_folder error"], 3));
    chmod(&place.data().join("audit.key"), 0o600);

    let link = place.data().join("link");
    std::os::unix::fs::symlink("audit.key", &link).unwrap();
    assert_eq!(doctor(), found(&["data_folder warning"], 0));
    std::fs::remove_file(&link).unwrap();

    std::fs::write(&database, "garbage").unwrap();
    assert_eq!(doctor(), found(&["database error"], 3));
    for (change, expected) in [
        ("DELETE FROM _sqlx_migrations WHERE version = 4", &["database error"][..]),
        ("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 4", &["database error"]),
        ("DROP TRIGGER audit_is_not_updated; UPDATE audit SET actor = 'x' WHERE seq = 1", &["audit error"]),
        ("UPDATE meta SET revision = revision + 1", &["delivery warning"]),
        ("UPDATE meta SET epoch = 'x'", &["delivery warning"]),
        (
            "DROP TRIGGER audit_is_not_updated; UPDATE audit SET at = at + 3600 WHERE seq = (SELECT max(seq) FROM audit)",
            &["audit error", "clock error"],
        ),
    ] {
        std::fs::write(&database, &good).unwrap();
        sql(&database, change);
        let code = if expected[0].ends_with("error") { 3 } else { 0 };
        assert_eq!(doctor(), found(expected, code), "{change}");
    }
    std::fs::write(&database, &good).unwrap();
    std::fs::rename(place.data().join("audit.key"), place.data().join("away")).unwrap();
    assert_eq!(doctor(), found(&["audit error"], 3));
    std::fs::write(place.data().join("audit.key"), [7; 32]).unwrap();
    chmod(&place.data().join("audit.key"), 0o600);
    assert_eq!(doctor(), found(&["audit error"], 3), "another key");
    assert_eq!(std::fs::read(&database).unwrap(), good, "it has changed nothing");
}

#[test]
fn it_looks_into_postgres_and_does_not_make_tables_there() {
    let place = Place::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = runtime.block_on(Postgres::shared().database());
    let doctor = || wrong(&place, &["--listen", "127.0.0.1:0", "--database-url", &url]);
    std::fs::create_dir(place.data()).unwrap();
    chmod(&place.data(), 0o700);
    assert_eq!(doctor(), found(&["database error"], 3));
    assert_eq!(doctor(), found(&["database error"], 3), "it is still empty");
    let mut serve = place.command(&["serve", "--listen", "127.0.0.1:0"]);
    serve.env("GATEPASS_DATABASE_URL", &url);
    stop(Place::started(serve).0);
    assert_eq!(doctor(), found(&[], 0));
    runtime.block_on(Postgres::sql(&url, "UPDATE _sqlx_migrations SET version = 9999 WHERE version = 4"));
    assert_eq!(doctor(), found(&["database error"], 3));
}

#[test]
fn an_envoy_that_does_not_answer_is_another_failure_than_a_finding() {
    let place = Place::new();
    let output =
        place.command(&["doctor", "--envoy-only", "--envoy-admin", "http://127.0.0.1:1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--envoy-admin"));
    let output = place.command(&["doctor", "--envoy-only"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
