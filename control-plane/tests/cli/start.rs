use std::net::TcpListener;

use crate::support::{Place, chmod, stop};

#[test]
fn a_second_server_is_told_so() {
    let place = Place::new();
    let (server, _) = place.serve();
    let said = place.refusal(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(said.contains("another gatepass server"), "{said}");
    stop(server);
    let (server, _) = place.serve();
    stop(server);
}

#[test]
fn a_start_that_fails_says_what_to_do() {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = port.local_addr().unwrap().to_string();
    let said = place.refusal(&["serve", "--listen", &taken]);
    assert!(said.contains(&taken) && said.contains("--listen"), "{said}");
    assert!(!place.data().join("initial-admin-token").exists(), "nothing is set up before the port is there");

    let said = place.refusal(&["serve", "--listen", "0.0.0.0:0"]);
    assert!(said.contains("--trusted-proxy"), "{said}");
    let said = place.refusal(&["serve", "--listen", "127.0.0.1:0", "--dataplane-listen", &taken]);
    assert!(said.contains(&taken) && said.contains("--dataplane-listen"), "{said}");
    let said = place.refusal(&["serve", "--listen", "127.0.0.1:0", "--dataplane-listen", "0.0.0.0:0"]);
    assert!(said.contains("--dataplane-tls-certificate") && said.contains("--usage-reports"), "{said}");
    for alone in ["--dataplane-tls-certificate", "--dataplane-tls-key", "--dataplane-client-ca"] {
        let said = place.refusal(&["serve", alone, "file.pem"]);
        assert!(said.contains("required") && said.contains("--dataplane-tls-"), "{alone}: {said}");
    }
    let pair = ["--dataplane-tls-certificate", "no.crt", "--dataplane-tls-key", "no.key"];
    let said = place.refusal(&[&["serve"], &pair[..]].concat());
    assert!(said.contains("no.key") && said.contains("--dataplane-tls-key"), "{said}");
    assert!(!place.data().join("report-key").exists());

    let said = place.refusal(&["serve", "--module", "nosuch.wasm"]);
    assert!(said.contains("nosuch.wasm") && said.contains("make build"), "{said}");
    let said = place.refusal(&["serve", "--public-host", "a:b"]);
    assert!(said.contains("--public-host"), "{said}");
    let said = place.refusal(&["serve", "--data-dir", "gatepass.wasm"]);
    assert!(said.contains("--data-dir"), "{said}");
    assert_eq!(said.matches("os error").count(), 1, "the cause is told once: {said}");
    let said = place.refusal(&["user", "recover", "admin", "--data-dir", "nosuch"]);
    assert!(said.contains("gatepass serve"), "{said}");

    chmod(&place.data(), 0o750);
    let said = place.refusal(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(
        said.contains(&format!("chmod 700 {}", place.data().canonicalize().unwrap().display())),
        "{said}"
    );
}

#[test]
fn a_lost_key_or_a_newer_database_is_not_written_to() {
    let place = Place::new();
    let (server, _) = place.serve();
    stop(server);
    std::fs::rename(place.data().join("audit.key"), place.data().join("audit.key.away")).unwrap();
    let said = place.refusal(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(said.contains("audit.key") && said.contains("backup"), "{said}");
    std::fs::write(place.data().join("audit.key"), "short").unwrap();
    let said = place.refusal(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(said.contains("32 bytes"), "{said}");
    std::fs::rename(place.data().join("audit.key.away"), place.data().join("audit.key")).unwrap();

    let database = place.data().join("gatepass.db");
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        use sqlx::Connection as _;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
        let mut db = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                   VALUES (9999, 'later', 1, x'00', 0)";
        sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    });
    let said = place.refusal(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(said.contains("newer gatepass"), "{said}");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let place = Place::new();
    std::fs::create_dir(place.folder.path().join("dist")).unwrap();
    std::fs::write(place.folder.path().join("dist/gatepass.wasm"), "").unwrap();
    for subcommand in [&["run"][..], &["serve"], &["user", "recover"], &["audit", "verify"]] {
        let help = place.command(subcommand).arg("--help").output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        let names = help.split("[env: ").skip(1).filter_map(|rest| rest.split_once('='));
        let names: Vec<_> = names.map(|(name, _)| name.to_owned()).collect();
        assert!(!names.is_empty(), "{help}");
        let mut command = place.command(subcommand);
        match subcommand {
            ["run"] => {
                let output = command.envs(names.iter().map(|name| (name, ""))).output().unwrap();
                let said = String::from_utf8(output.stderr).unwrap();
                assert!(said.contains("name the Envoy binary"), "it got as far as this: {said}");
            }
            ["serve"] => {
                command.args(["--listen", "127.0.0.1:0", "--dataplane-listen", "127.0.0.1:0"]);
                command.envs(names.iter().map(|name| (name, "")));
                stop(Place::started(command).0);
            }
            ["user", ..] => {
                command.arg("admin").envs(names.iter().map(|name| (name, "")));
                assert!(command.output().unwrap().status.success());
            }
            _ => {
                assert!(command.envs(names.iter().map(|name| (name, ""))).output().unwrap().status.success())
            }
        }
    }
}

#[test]
fn the_log_has_five_levels_and_always_the_heads_of_the_audit() {
    let place = Place::new();
    for bogus in ["bogus", "off", "", "info,h2=trace", "gatepass_control_plane=info", "3"] {
        let said = place.refusal(&["serve", "--log", bogus]);
        assert!(said.contains("error, warn, info, debug, trace"), "{bogus}: {said}");
    }
    let said = place.command(&["serve"]).env("GATEPASS_LOG", "bogus").output().unwrap();
    assert!(!said.status.success());

    let (server, _) = place.serve();
    let recovered = place.command(&["user", "recover", "admin", "--log", "error"]).output().unwrap();
    let log = String::from_utf8(recovered.stderr).unwrap();
    assert!(log.contains("audit_head") && log.lines().count() == 1, "{log}");
    stop(server);
}
