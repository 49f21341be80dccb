//! A PostgreSQL of the tests' own, which ends with them, however they end.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;

/// A running server. It has a folder, a socket in it, and no port.
pub struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    databases: AtomicU32,
    /// Ends the server and removes the folder once its standard input ends, which this process's end brings about.
    watcher: Child,
}

/// Of somebody else than root, as whom PostgreSQL does not run.
const NOBODY: u32 = 65534;

const WATCH: &str = r#"trap "" HUP INT TERM; cat >/dev/null
    "$1/pg_ctl" -D "$2/data" stop -m immediate >/dev/null 2>&1; cd /; rm -rf "$2""#;

impl Postgres {
    /// The server that the tests of this binary share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A server of one test's own.
    pub fn start() -> Self {
        let programs = programs();
        let folder = TempDir::new().unwrap().keep();
        if rustix::process::geteuid().is_root() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut watch = as_somebody("sh");
        watch.args(["-c", WATCH, "sh"]).arg(&programs).arg(&folder).current_dir(&folder);
        let watcher =
            watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { folder, programs, databases: AtomicU32::new(0), watcher };
        server.run("initdb", &["-U", "gatepass", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync"]);
        server.ctl("start");
        server
    }

    /// The URL of a new, empty database. Where the server can, it sorts as people in America do: what the program sorts
    /// by must not depend on that.
    pub async fn database(&self) -> String {
        let name = format!("gate_{}", self.databases.fetch_add(1, Ordering::SeqCst));
        let mut db = self.connect("postgres").await;
        let version: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int")
            .fetch_one(&mut db)
            .await
            .unwrap();
        let like_people = if version >= 150_000 { "LOCALE_PROVIDER icu ICU_LOCALE 'en-US'" } else { "" };
        let sql = format!("CREATE DATABASE {name} TEMPLATE template0 {like_people}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
        self.url(&name)
    }

    /// Stops the server as a crash would, and starts it again.
    pub fn crash_and_restart(&self) {
        self.ctl("restart");
    }

    /// Stops the server, and starts it as one that recovers from a backup and is promoted at its end.
    pub fn recover(&self) {
        self.run("pg_ctl", &["stop", "-w", "-m", "fast"]);
        let settings = self.data().join("postgresql.auto.conf");
        let mut text = std::fs::read_to_string(&settings).unwrap();
        text.push_str("restore_command = 'false'\nrecovery_target_action = 'promote'\n");
        std::fs::write(&settings, text).unwrap();
        std::fs::write(self.data().join("recovery.signal"), "").unwrap();
        if rustix::process::geteuid().is_root() {
            chown(self.data().join("recovery.signal"), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        self.ctl("start");
    }

    /// Runs SQL in the database that `url` names.
    pub async fn sql(url: &str, sql: &str) {
        let mut db = PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    }

    /// What `pg_dump` writes of the database that `url` names.
    pub fn dump(&self, url: &str) -> Vec<u8> {
        let done =
            as_somebody(self.programs.join("pg_dump")).arg(url).current_dir(&self.folder).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        done.stdout
    }

    /// Has `psql` load such a dump into the database that `url` names.
    pub fn load(&self, url: &str, dump: &[u8]) {
        let mut command = as_somebody(self.programs.join("psql"));
        command.args(["-q", "-v", "ON_ERROR_STOP=1", "-d", url]).current_dir(&self.folder);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), dump).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// The URL of a database of this server.
    pub fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=gatepass", self.folder.display())
    }

    async fn connect(&self, database: &str) -> PgConnection {
        PgConnection::connect(&self.url(database)).await.unwrap()
    }

    fn ctl(&self, what: &str) {
        let socket = format!("-c listen_addresses='' -c unix_socket_directories='{}'", self.folder.display());
        // Only the machine's own crash would show the difference, and no test brings that about.
        let options = format!("{socket} -c fsync=off -c max_connections=60");
        self.run("pg_ctl", &[what, "-w", "-m", "immediate", "-l", &self.log(), "-o", &options]);
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> String {
        self.folder.join("log").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = as_somebody(self.programs.join(program));
        command.arg("-D").arg(self.data()).args(arguments).current_dir(&self.folder);
        // A file: the server that pg_ctl starts would hold a pipe open.
        let said = std::fs::File::create(self.folder.join("said")).unwrap();
        command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
        let done = command.status().unwrap();
        let said = || std::fs::read_to_string(self.folder.join("said")).unwrap_or_default();
        let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        assert!(done.success(), "{program}: {}\n{}", said(), log());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn as_somebody(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Where `initdb` and the server are: distributions keep them out of the search path.
fn programs() -> PathBuf {
    let stated = std::env::var_os("GATEPASS_TEST_POSTGRES").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    let number = |path: &PathBuf| {
        let version = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        version.and_then(|name| name.parse::<u32>().ok())
    };
    debian.sort_by_key(|path| std::cmp::Reverse(number(path)));
    let is_there = |folder: &PathBuf| {
        ["initdb", "pg_ctl", "postgres"].iter().all(|program| {
            let file = folder.join(program).metadata();
            file.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        })
    };
    let found = stated.into_iter().chain(debian).chain(std::env::split_paths(&path)).find(is_there);
    found.unwrap_or_else(|| {
        panic!(
            "PostgreSQL's server is missing: install it (Debian: apt-get install postgresql), or name the folder of \
             initdb, pg_ctl and postgres in GATEPASS_TEST_POSTGRES"
        )
    })
}
