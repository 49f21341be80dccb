//! A running Envoy: its ports, its accounts, its log.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::accounting;
use crate::bootstrap::Bootstrap;
use crate::child::Child;
use crate::clock::wait_for;
use crate::log::Log;
use crate::machine::{Processors, pin, real_time};

/// Long enough for the largest configuration in its slowest form.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Envoy, until it is dropped.
pub struct Envoy {
    child: Child,
    admin: SocketAddr,
    listeners: HashMap<String, SocketAddr>,
    workers: Vec<u32>,
    /// What it says.
    pub log: Log,
}

/// How to start one.
#[derive(Clone, Debug)]
pub struct Program {
    /// The binary.
    pub path: PathBuf,
    /// Where its files go.
    pub folder: PathBuf,
    /// Which processor does what.
    pub processors: Processors,
}

impl Envoy {
    /// Starts Envoy, waits until every listener is open, and gives the first worker its processor. `name` is for
    /// its files, `wasm_log` the level at which modules may log.
    ///
    /// # Errors
    /// It does not come up.
    pub fn start(
        program: &Program,
        name: &str,
        bootstrap: &Bootstrap,
        (workers, wasm_log): (usize, &str),
    ) -> anyhow::Result<Self> {
        let file = |ending: &str| program.folder.join(format!("{name}.{ending}"));
        std::fs::write(file("json"), bootstrap.json().to_string())?;
        let _ = std::fs::remove_file(file("admin"));
        let mut arguments: Vec<OsString> = vec!["-c".into(), file("json").into()];
        arguments.extend(["--admin-address-path".into(), file("admin").into()]);
        let workers_text = workers.to_string();
        let wasm_log = format!("wasm:{wasm_log}");
        let fixed = ["--disable-hot-restart", "--log-level", "warning", "--component-log-level", &wasm_log];
        for argument in fixed.into_iter().chain(["--concurrency", &workers_text]) {
            arguments.push(argument.into());
        }
        let mut child = Child::start(&program.path, &arguments, &file("log"))?;
        let admin = wait_for("Envoy's admin port", PATIENCE, || {
            child.check().with_context(|| format!("see {}", file("log").display()))?;
            Ok(std::fs::read_to_string(file("admin")).ok().and_then(|text| text.parse().ok()))
        })?;
        let log = Log::open(&file("log"))?;
        let mut envoy = Self { child, admin, listeners: HashMap::new(), workers: Vec::new(), log };
        wait_for("Envoy to be ready", PATIENCE, || {
            envoy.child.check().with_context(|| format!("see {}", file("log").display()))?;
            Ok(envoy.admin("GET", "/ready")?.starts_with("HTTP/1.1 200").then_some(()))
        })?;
        envoy.listeners = listeners(&envoy.admin("GET", "/listeners")?);
        envoy.share_out(program.processors, workers)?;
        Ok(envoy)
    }

    fn share_out(&mut self, processors: Processors, workers: usize) -> anyhow::Result<()> {
        for thread in accounting::threads(self.id())? {
            pin(Some(thread), processors.others)?;
        }
        for number in 0..workers {
            let thread = accounting::thread_named(self.id(), &format!("wrk:worker_{number}"))?;
            real_time(thread);
            self.workers.push(thread);
        }
        pin(self.workers.first().copied(), processors.worker)
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The thread id of the first worker.
    pub fn worker(&self) -> u32 {
        self.workers.first().copied().unwrap_or_default()
    }

    /// The address of a listener.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn listener(&self, name: &str) -> anyhow::Result<SocketAddr> {
        self.listeners.get(name).copied().with_context(|| format!("Envoy has no listener {name}"))
    }

    /// A page of the admin port, with its head.
    ///
    /// # Errors
    /// The system's.
    pub fn admin(&self, method: &str, path: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(self.admin)?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        let mut text = String::new();
        stream.read_to_string(&mut text).with_context(|| format!("Envoy's answer to {path}"))?;
        Ok(text)
    }

    /// The value of a statistic, 0 while it does not exist.
    ///
    /// # Errors
    /// The system's.
    pub fn statistic(&self, name: &str) -> anyhow::Result<u64> {
        let page = self.admin("GET", &format!("/stats?filter=^{}$", name.replace('.', "\\.")))?;
        let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok());
        Ok(value.unwrap_or(0))
    }

    /// Bytes that Envoy has allocated and not freed, by its own account. The memory of VMs is not among them.
    ///
    /// # Errors
    /// It does not tell, or the system's.
    pub fn allocated_bytes(&self) -> anyhow::Result<u64> {
        let page = self.admin("GET", "/memory")?;
        let value =
            page.split_once("\"allocated\": \"").and_then(|(_, rest)| rest.split('"').next()?.parse().ok());
        value.with_context(|| format!("no number of allocated bytes: {page}"))
    }

    /// Configurations that a discovered filter has taken.
    ///
    /// # Errors
    /// One was rejected, or the system's.
    pub fn taken(&self, filter: &str) -> anyhow::Result<u64> {
        let of = |what: &str| {
            self.statistic(&format!("extension_config_discovery.http_filter.{filter}.update_{what}"))
        };
        anyhow::ensure!(of("rejected")? == 0, "Envoy rejected a configuration of {filter}: see its log");
        of("success")
    }

    /// Sets the level at which the wasm filters may log.
    ///
    /// # Errors
    /// The system's.
    pub fn wasm_log_level(&self, level: &str) -> anyhow::Result<()> {
        self.admin("POST", &format!("/logging?wasm={level}")).map(drop)
    }

    /// Nanoseconds that the first worker has run.
    ///
    /// # Errors
    /// As [`accounting::thread_ns`].
    pub fn worker_ns(&self) -> anyhow::Result<u64> {
        accounting::thread_ns(self.id(), self.worker())
    }

    /// Nanoseconds that all threads have run.
    ///
    /// # Errors
    /// As [`accounting::process_ns`].
    pub fn process_ns(&self) -> anyhow::Result<u64> {
        accounting::process_ns(self.id())
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// As [`accounting::resident_bytes`].
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        accounting::resident_bytes(self.id())
    }
}

/// Names and addresses from the page `/listeners`, a line each: `name::127.0.0.1:1234`.
fn listeners(page: &str) -> HashMap<String, SocketAddr> {
    let pair = |line: &str| {
        let (name, address) = line.split_once("::")?;
        Some((name.to_owned(), address.parse().ok()?))
    };
    page.lines().filter_map(pair).collect()
}

/// The version that a binary tells: `…  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL`.
pub fn version(path: &Path) -> String {
    let output = std::process::Command::new(path).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.split('/').rev().nth(3).unwrap_or("of an unknown version").to_owned()
}
