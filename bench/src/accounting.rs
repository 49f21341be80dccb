//! Processor time and memory as Linux accounts them.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, bail};

/// Nanoseconds that a thread has run.
///
/// # Errors
/// There is no such thread, or the kernel keeps no scheduler statistics (`CONFIG_SCHED_INFO`).
pub fn thread_ns(process: u32, thread: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{process}/task/{thread}/schedstat");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let ran = text.split(' ').next().and_then(|ns| ns.parse().ok());
    ran.with_context(|| format!("{path} holds {text:?}"))
}

/// Nanoseconds that all threads of a process have run. Threads must not end in between.
///
/// # Errors
/// As [`thread_ns`].
pub fn process_ns(process: u32) -> anyhow::Result<u64> {
    threads(process)?.into_iter().map(|thread| thread_ns(process, thread)).sum()
}

/// The thread ids of a process.
///
/// # Errors
/// There is no such process.
pub fn threads(process: u32) -> anyhow::Result<Vec<u32>> {
    let path = format!("/proc/{process}/task");
    let entries = fs::read_dir(&path).with_context(|| format!("cannot read {path}"))?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// The thread of that name.
///
/// # Errors
/// There is none.
pub fn thread_named(process: u32, name: &str) -> anyhow::Result<u32> {
    for thread in threads(process)? {
        let comm = fs::read_to_string(format!("/proc/{process}/task/{thread}/comm")).unwrap_or_default();
        if comm.trim() == name {
            return Ok(thread);
        }
    }
    bail!("process {process} has no thread {name}")
}

/// Resident memory of a process, in bytes.
///
/// # Errors
/// There is no such process.
pub fn resident_bytes(process: u32) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).context("cannot read /proc/…/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    Ok(kib.context("no VmRSS in /proc/…/status")? * 1024)
}

/// What the whole machine's processors did since it started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Busy {
    /// Working for anybody on this machine.
    pub working: Duration,
    /// Taken by the hypervisor for others.
    pub stolen: Duration,
}

impl Busy {
    /// Up to now, in steps of 10 ms.
    pub fn now() -> Self {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let ticks: Vec<u64> =
            line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
        let at = |place: usize| ticks.get(place).copied().unwrap_or(0);
        // user, nice, system, idle, iowait, irq, softirq, steal; USER_HZ is 100 on every Linux in use.
        let working = at(0) + at(1) + at(2) + at(5) + at(6);
        Self { working: Duration::from_millis(working * 10), stolen: Duration::from_millis(at(7) * 10) }
    }

    /// From `before` to this.
    pub fn since(self, before: Self) -> Self {
        Self {
            working: self.working.saturating_sub(before.working),
            stolen: self.stolen.saturating_sub(before.stolen),
        }
    }
}
