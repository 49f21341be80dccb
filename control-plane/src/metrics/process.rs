//! The process as the kernel sees it, under the names that all programs use. What cannot be read is left out.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type Number = Gauge<f64, AtomicU64>;

/// Field numbers of `/proc/self/stat`, as in proc_pid_stat(5), from the one behind the program's name.
const FIRST_FIELD: usize = 3;
const USER_TICKS: usize = 14;
const SYSTEM_TICKS: usize = 15;
const START_TICKS: usize = 22;

pub(super) fn registry() -> Registry {
    let mut registry = Registry::with_prefix("process");
    let mut gauge = |name: &str, help: &str, value: Option<f64>| {
        let Some(value) = value else { return };
        let gauge = Number::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    };
    gauge("resident_memory_bytes", "Resident memory in bytes", resident_bytes());
    gauge("open_fds", "Open file descriptors", open_files());
    gauge("max_fds", "Most file descriptors that may be open", max_files());
    let stat = Stat::read();
    gauge(
        "start_time_seconds",
        "When the process began, in Unix seconds",
        stat.as_ref().and_then(Stat::started),
    );
    if let Some(seconds) = stat.as_ref().and_then(Stat::cpu_seconds) {
        registry.register("cpu_seconds", "Time of all processors, in seconds", ConstCounter::new(seconds));
    }
    registry
}

fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

fn open_files() -> Option<f64> {
    let count = std::fs::read_dir("/proc/self/fd").ok()?.count();
    u32::try_from(count).ok().map(f64::from)
}

fn max_files() -> Option<f64> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
    limit.to_string().parse().ok()
}

struct Stat(Vec<String>);

impl Stat {
    fn read() -> Option<Self> {
        let text = std::fs::read_to_string("/proc/self/stat").ok()?;
        // The name stands in parentheses and may hold some, and spaces.
        let (_, fields) = text.rsplit_once(')')?;
        Some(Self(fields.split_ascii_whitespace().map(str::to_owned).collect()))
    }

    fn seconds(&self, field: usize) -> Option<f64> {
        let ticks: f64 = self.0.get(field.checked_sub(FIRST_FIELD)?)?.parse().ok()?;
        let per_second: f64 = rustix::param::clock_ticks_per_second().to_string().parse().ok()?;
        Some(ticks / per_second)
    }

    fn cpu_seconds(&self) -> Option<f64> {
        Some(self.seconds(USER_TICKS)? + self.seconds(SYSTEM_TICKS)?)
    }

    fn started(&self) -> Option<f64> {
        let stat = std::fs::read_to_string("/proc/stat").ok()?;
        let boot: f64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        Some(boot + self.seconds(START_TICKS)?)
    }
}
