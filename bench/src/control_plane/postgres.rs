//! A PostgreSQL of the benchmark's own, with the settings that it has when it is installed: every commit is durable.

use std::ffi::OsString;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::child::Child;
use crate::clock::wait_for;

/// As whom it runs if this program runs as root, which PostgreSQL refuses.
const NOBODY: u32 = 65534;

/// A running server, with a socket in its folder and no port.
pub struct Postgres {
    folder: PathBuf,
    _server: Child,
}

impl Postgres {
    /// Makes a server in `folder` and starts it.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or does not start.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        let programs = programs()?;
        let own = folder.join("server");
        std::fs::create_dir_all(&own)?;
        let is_root = rustix::process::geteuid().is_root();
        if is_root {
            chown(&own, Some(NOBODY), Some(NOBODY)).context("cannot give a folder to nobody")?;
        }
        let data = own.join("data");
        let line = |program: &str, arguments: &[&str]| -> (PathBuf, Vec<OsString>) {
            let program = programs.join(program);
            let rest =
                ["-D".into(), data.clone().into()].into_iter().chain(arguments.iter().map(OsString::from));
            if !is_root {
                return (program, rest.collect());
            }
            let (user, group) = (format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"));
            let before = [user.into(), group.into(), "--clear-groups".into(), program.into()];
            ("/usr/bin/setpriv".into(), before.into_iter().chain(rest).collect())
        };
        let (program, arguments) =
            line("initdb", &["-U", "gatepass", "-A", "trust", "-E", "UTF8", "--locale", "C"]);
        let done = Command::new(program).args(arguments).current_dir(&own).stdout(Stdio::null()).status()?;
        ensure!(done.success(), "initdb failed: {done}");
        let socket = own.display().to_string();
        let (program, arguments) = line(
            "postgres",
            &["-c", "listen_addresses=", "-c", &format!("unix_socket_directories={socket}")],
        );
        let server = Child::start(&program, &arguments, &folder.join("postgres.log"))?;
        wait_for("PostgreSQL", Duration::from_secs(60), || {
            Ok(own.join(".s.PGSQL.5432").exists().then_some(()))
        })?;
        Ok(Self { folder: own, _server: server })
    }

    /// Its database.
    pub fn url(&self) -> String {
        format!("postgres:///postgres?host={}&user=gatepass", self.folder.display())
    }
}

/// Debian keeps the server's programs out of the search path.
fn programs() -> anyhow::Result<PathBuf> {
    let stated = std::env::var_os("GATEPASS_TEST_POSTGRES").map(PathBuf::from);
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let elsewhere: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut all = stated.into_iter().chain(debian.map(|version| version.path().join("bin"))).chain(elsewhere);
    let found = all.find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file());
    found.context(
        "PostgreSQL's server is missing: name the folder of initdb and postgres in GATEPASS_TEST_POSTGRES",
    )
}
