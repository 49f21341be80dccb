//! The binary: what it says at start, and the commands that work on the data folder.
#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("gatepass.wasm"), "").unwrap();
        Self { folder }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepass"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GATEPASS_")) {
            command.env_remove(name);
        }
        command.current_dir(self.folder.path()).env("GATEPASS_DATA_DIR", self.data());
        command.env("GATEPASS_MODULE", "gatepass.wasm").args(arguments).stdin(Stdio::null());
        command
    }

    /// The one sentence that a command says when it fails.
    fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Starts a server on a free port, and returns it once it answers.
    fn serve(&self) -> (Child, Vec<String>) {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = Vec::new();
        for line in BufReader::new(child.stderr.as_mut().unwrap()).lines().map_while(Result::ok) {
            log.push(line);
            if log.last().is_some_and(|line| line.contains("\"ready\"")) {
                break;
            }
        }
        assert!(log.last().is_some_and(|line| line.contains("\"ready\"")), "{log:?}");
        (child, log)
    }

    fn set_password(&self, name: &str, input: &str) -> Output {
        let mut command = self.command(&["user", "set-password", name]);
        let mut child =
            command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }
}

fn stop(mut child: Child) {
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success() && child.wait().unwrap().success());
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn commands_work_beside_a_running_server() {
    let place = Place::new();
    let (server, log) = place.serve();
    let initial = ["initial-admin-password", "initial-admin-token"].map(|name| place.data().join(name));
    for file in &initial {
        let secret = std::fs::read_to_string(file).unwrap();
        let shown = log.iter().any(|line| line.contains(secret.trim()));
        let named = log.iter().any(|line| line.contains(file.to_str().unwrap()));
        assert!(named && !shown, "the log says where it is, not what it is: {log:?}");
    }
    let head = log.iter().find_map(|line| line.split("\"audit_head\":\"").nth(1)?.split('"').next()).unwrap();

    for short in ["", "short\n", "eleven char\n", "control\tcharacter\n", "two lines of\nit\n"] {
        let output = place.set_password("admin", short);
        assert!(!output.status.success() && initial[0].exists(), "{short:?} {output:?}");
    }
    assert!(!place.set_password("nobody", "correct horse battery\n").status.success());
    assert!(place.set_password("admin", "correct horse battery\n").status.success());
    assert!(initial.iter().all(|file| !file.exists()));

    let recovered = place.command(&["user", "recover", "admin"]).output().unwrap();
    let token = std::fs::read_to_string(place.data().join("recovery-token")).unwrap();
    let printed = String::from_utf8(recovered.stdout).unwrap();
    assert!(recovered.status.success() && printed.contains("recovery-token"), "{printed}");
    assert!(token.starts_with("gp_") && !printed.contains(token.trim()));

    let verified = place.command(&["audit", "verify", "--expect", head]).output().unwrap();
    let printed = String::from_utf8(verified.stdout).unwrap();
    assert!(verified.status.success() && printed.contains("Head: 4:"), "{printed}");
    assert_eq!(printed.lines().count(), 5, "four entries and the head: {printed}");
    let later = format!("9:{}", "0".repeat(64));
    let cut = place.command(&["audit", "verify", "--expect", &later]).output().unwrap();
    let sentence = String::from_utf8(cut.stderr).unwrap();
    assert!(cut.status.code() == Some(1) && sentence.contains("entry 4"), "{sentence}");
    stop(server);
}

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
    let said = place.refusal(&["serve", "--module", "nosuch.wasm"]);
    assert!(said.contains("nosuch.wasm") && said.contains("make build"), "{said}");
    let said = place.refusal(&["serve", "--public-host", "a:b"]);
    assert!(said.contains("--public-host"), "{said}");
    let said = place.refusal(&["serve", "--data-dir", "gatepass.wasm"]);
    assert!(said.contains("--data-dir"), "{said}");
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
