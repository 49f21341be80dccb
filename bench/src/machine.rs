//! The machine: which processor does what, who else is busy, and what it is.

use std::num::NonZeroU64;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity, set_current_timer_slack};
use serde::Serialize;

/// Which processor does what. Envoy's worker, whose time is measured, has one to itself.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Processors {
    /// Envoy's worker.
    pub worker: usize,
    /// The load generator.
    pub generator: usize,
    /// Envoy's other threads and the ext_authz server: the generator's where there are only two.
    pub others: usize,
    /// How many there are to choose from.
    pub count: usize,
}

impl Processors {
    /// Shares out the processors that this process may use.
    ///
    /// # Errors
    /// There is only one: then every number would be the scheduler's.
    pub fn choose() -> anyhow::Result<Self> {
        let allowed = sched_getaffinity(None).context("which processors may be used")?;
        let all: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
        let count = all.len();
        match all[..] {
            [worker, generator] => Ok(Self { worker, generator, others: generator, count }),
            [worker, generator, others, ..] => Ok(Self { worker, generator, others, count }),
            _ => anyhow::bail!("two processors are needed: one for Envoy's worker, one for the load"),
        }
    }
}

/// Binds a thread (by its id; `None` is the calling one) to a processor.
pub fn pin(thread: Option<u32>, cpu: usize) -> anyhow::Result<()> {
    let pid = thread.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(pid, &set).with_context(|| format!("cannot bind a thread to processor {cpu}"))
}

/// Has a thread run whenever it can, before all that is not real-time, if the system grants that (to root). What it
/// starts is as usual.
///
/// For what is measured or measures: where other programs are busy, Linux would make both wait for them.
pub fn real_time(thread: u32) -> bool {
    chrt(&["--reset-on-fork", "--fifo", "--pid", "1"], thread)
}

/// While it lives, the calling thread has real-time priority, if it is granted, and timers that are not rounded.
pub struct OnTime {
    thread: u32,
    granted: bool,
}

impl OnTime {
    /// For the calling thread.
    pub fn start() -> Self {
        let _ = set_current_timer_slack(NonZeroU64::new(1));
        let thread = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
        Self { thread, granted: real_time(thread) }
    }

    /// Whether real-time priority was granted.
    pub fn granted(&self) -> bool {
        self.granted
    }
}

impl Drop for OnTime {
    fn drop(&mut self) {
        if self.granted {
            chrt(&["--other", "--pid", "0"], self.thread);
        }
    }
}

fn chrt(arguments: &[&str], thread: u32) -> bool {
    let mut command = Command::new("chrt");
    command.args(arguments).arg(thread.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// What the numbers were measured on.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    processor: String,
    memory_mib: u64,
    kernel: String,
    hypervisor: bool,
}

impl Facts {
    /// Of this machine.
    pub fn read() -> Self {
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name| cpu.lines().find(|line: &&str| line.starts_with(name));
        let value = |line: &str| line.split_once(": ").map_or(String::new(), |(_, value)| value.to_owned());
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let total =
            memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        let names = rustix::system::uname();
        Self {
            processor: field("model name").map_or_else(|| names.machine().to_string_lossy().into(), value),
            memory_mib: total.unwrap_or(0) / 1024,
            kernel: names.release().to_string_lossy().into_owned(),
            hypervisor: field("flags").is_some_and(|flags| flags.contains(" hypervisor")),
        }
    }

    /// One line.
    pub fn line(&self, processors: Processors) -> String {
        let kind = if self.hypervisor { ", virtual" } else { "" };
        let (name, count, memory) = (&self.processor, processors.count, self.memory_mib / 1024);
        format!("{name}, {count} processors{kind}, {memory} GiB, Linux {}", self.kernel)
    }
}
