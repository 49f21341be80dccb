//! The control plane with many tokens: what a change, a look, a list and a page cost its callers, on SQLite and on PostgreSQL.

mod callers;
mod database;
mod pages;
mod postgres;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::child::Child;
use crate::clock::{now, wait_for};
use crate::stats::Spread;
use callers::Callers;
use database::Database;
pub use pages::Page;
use postgres::Postgres;

/// What was measured on one database. Times are in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct ControlPlane {
    /// `SQLite` or `PostgreSQL`.
    pub database: &'static str,
    /// Tokens that there were.
    pub tokens: usize,
    /// Users that they belong to.
    pub users: usize,
    /// A durable commit of one row, without Gatepass.
    pub bare_commit: Spread,
    /// From the start of the program until it answers, every token read.
    pub start_seconds: f64,
    /// What is resident then, and at the end, in bytes.
    pub resident: [u64; 2],
    /// How many called at once.
    pub callers: usize,
    /// Of each kind of call while all call at once.
    pub calls: Vec<Call>,
    /// Of each list's first page, by one caller.
    pub lists: Vec<Call>,
    /// Of each page that people look at, by one of them.
    pub pages: Vec<Page>,
}

/// How long one kind of call took.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// The call, for people.
    pub name: String,
    /// Milliseconds.
    pub took: Spread,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// Tokens that there are before.
    pub tokens: usize,
    /// Tokens that each caller creates, shows and revokes.
    pub rounds: usize,
}

/// People who have tokens.
const USERS: usize = 50_000;
/// Who call at once.
const CALLERS: usize = 10;
/// How often each list is asked for.
const LOOKS: usize = 20;
/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// First pages of what people look for.
const LISTS: [(&str, &str); 12] = [
    ("everything, newest first", ""),
    ("of one user", "user=user017171"),
    ("of three users", "user=user000001&user=user000002&user=user049999"),
    ("by a creator", "creator=user017171"),
    ("description holds \"jen\"", "description=jen"),
    ("description holds what one has", "description=backup%20777777"),
    ("description holds what none has", "description=zebra%20crossing"),
    ("created today", "created=today"),
    ("never used, longest-lived first", "last_used=never&sort=-expires"),
    ("expires within 7 days", "expires=within_7_days&state=active"),
    ("expired", "expires=expired"),
    ("disabled", "state=disabled"),
];

/// Measures the program on both databases, in `folder`.
///
/// # Errors
/// Something did not do its work, or the system's.
pub fn measure(
    program: &Path,
    module: &Path,
    folder: &Path,
    amount: Amount,
) -> anyhow::Result<Vec<ControlPlane>> {
    let runtime = Runtime::new()?;
    let at = |name: &str| -> anyhow::Result<PathBuf> {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    };
    let mut measured = Vec::new();
    let sqlite = at("sqlite")?;
    let database = Database::sqlite(&sqlite.join("data"));
    measured.push(one(&runtime, (program, module, &sqlite), &database, amount)?);
    let postgres = at("postgres")?;
    let server = Postgres::start(&postgres)?;
    let database = Database::postgres(server.url());
    measured.push(one(&runtime, (program, module, &postgres), &database, amount)?);
    Ok(measured)
}

fn one(
    runtime: &Runtime,
    (program, module, folder): (&Path, &Path, &Path),
    database: &Database,
    amount: Amount,
) -> anyhow::Result<ControlPlane> {
    // The first start makes the schema and the first admin.
    drop(Server::start(program, module, folder, database)?);
    let bare_commit = runtime.block_on(database.bare_commits(folder))?;
    runtime.block_on(database.fill(USERS, amount.tokens))?;
    let began = now();
    let server = Server::start(program, module, folder, database)?;
    let start_seconds = began.elapsed().as_secs_f64();
    let resident = server.resident()?;
    let token = std::fs::read_to_string(folder.join("data/initial-admin-token"))?;
    let callers = Callers::of(server.address, token.trim());
    let calls = runtime.block_on(callers.change_at_once(CALLERS, amount.rounds, USERS))?;
    let lists = runtime.block_on(callers.list(&LISTS, LOOKS))?;
    let password = std::fs::read_to_string(folder.join("data/initial-admin-password"))?;
    let pages = runtime.block_on(pages::look(server.address, password.trim(), LOOKS))?;
    Ok(ControlPlane {
        database: database.name(),
        tokens: amount.tokens,
        users: USERS,
        bare_commit,
        start_seconds,
        resident: [resident, server.resident()?],
        callers: CALLERS,
        calls,
        lists,
        pages,
    })
}

/// A running control plane.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(program: &Path, module: &Path, folder: &Path, database: &Database) -> anyhow::Result<Self> {
        let log = folder.join("gatepass.log");
        let mut arguments: Vec<OsString> = ["serve", "--listen", "127.0.0.1:0", "--usage-reports", "false"]
            .into_iter()
            .chain(["--creations-per-minute", "0", "--log-format", "json", "--data-dir"])
            .map(OsString::from)
            .collect();
        arguments.extend([folder.join("data").into(), "--module".into(), module.into()]);
        if let Some(url) = database.url() {
            arguments.extend(["--database-url".into(), url.into()]);
        }
        let mut child = Child::start(program, &arguments, &log)?;
        let address = wait_for("the control plane", PATIENCE, || {
            child.check()?;
            Ok(ready_at(&std::fs::read_to_string(&log)?))
        })?;
        Ok(Self { child, address })
    }

    fn resident(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(kib.context("a process without memory")? * 1024)
    }
}

/// Where the server of this log answers, once it does.
fn ready_at(log: &str) -> Option<SocketAddr> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut ready = lines.filter(|line| line["fields"]["message"] == "ready");
    ready.next()?["fields"]["address"].as_str()?.parse().ok()
}
