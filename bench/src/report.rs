//! The table on the terminal.

use std::fmt::Write as _;

use crate::acceptance::Line;
use crate::cold::{Cold, worker_us};
use crate::control_plane::{Call, ControlPlane, Page};
use crate::memory::{Growth, Memory, PUSHED_TOKENS};
use crate::pushing::Observed;
use crate::results::Results;
use crate::stats::{Quartiles, Spread, median};
use crate::variants::{Variant, grouped};

/// Of one processor: what others may use before the numbers are no longer this benchmark's alone.
const QUIET: f64 = 0.05;

/// Everything that people read, in one text.
pub fn text(results: &Results, lines: &[Line]) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    let quick = if results.counts.quick { " (--quick: a look, not a result)" } else { "" };
    writeln!(out, "\nGatepass {}, Envoy {}, {}{quick}", results.revision, results.envoy, results.started)?;
    writeln!(out, "{}", results.machine.line(results.processors))?;
    writeln!(out, "Configurations as {}. {:.0} s in all.", results.form, results.seconds)?;
    let (others, stolen) = (results.others_busy, results.stolen);
    writeln!(out, "Meanwhile others used {others:.2} of a processor, and the hypervisor kept {stolen:.2}.")?;
    if others + stolen > QUIET {
        writeln!(out, "NOT A QUIET MACHINE: the numbers are theirs too, latencies above all.")?;
    }
    writeln!(out)?;
    compared(&mut out, results)?;
    pushes(&mut out, results)?;
    if let Some(cold) = &results.cold {
        first_load(&mut out, cold)?;
    }
    if let Some(memory) = &results.memory {
        resident(&mut out, memory)?;
    }
    for measured in &results.control_plane {
        stored(&mut out, measured)?;
    }
    let (gatepass, noop) = (results.sizes.gatepass as usize, results.sizes.noop as usize);
    writeln!(out, "Module: {} bytes; no-op filter: {} bytes.\n", grouped(gatepass), grouped(noop))?;
    for line in lines {
        let measured = line.measured.map_or("-".to_owned(), |measured| {
            if measured < 1000.0 { format!("{measured:.3}") } else { grouped(measured as usize) }
        });
        let bound = if line.bound < 1000.0 { line.bound.to_string() } else { grouped(line.bound as usize) };
        let (verdict, promise) = (line.verdict(), &line.promise);
        writeln!(out, "{verdict} {promise:58} {measured:>8} (at most {bound}; {})", line.how)?;
    }
    Ok(out)
}

fn compared(out: &mut String, results: &Results) -> std::fmt::Result {
    let Some(cpu) = &results.cpu else { return Ok(()) };
    let rate = results.latency.as_ref().map_or(0.0, |latency| latency.rate);
    writeln!(
        out,
        "Microseconds a request: CPU of all of Envoy and of its worker (medians of the rounds), what the worker's is"
    )?;
    writeln!(out, "above the bare listener's (median and quartiles, paired by round), and latency at")?;
    writeln!(out, "{rate:.0} requests a second.\n")?;
    writeln!(
        out,
        "{:34} {:>7} {:>7} {:>7} {:>15} {:>8} {:>7} {:>7}",
        "", "Envoy", "worker", "added", "quartiles", "/ no-op", "p50", "p99"
    )?;
    let noop = cpu.added_quartiles("noop").median;
    for variant in &results.variants {
        let Some(taken) = cpu.of(&variant.key) else { continue };
        let (process, worker) = (median(&taken.process_us), median(&taken.worker_us));
        let Quartiles { q1, median: added, q3 } = cpu.added_quartiles(&variant.key);
        let (p50, p99) = waited(results, variant);
        let (quartiles, times) = match variant.key.as_str() {
            "bare" => (String::new(), String::new()),
            _ => (format!("{q1:.2} to {q3:.2}"), format!("{:.2}", added / noop)),
        };
        let label = &variant.label;
        write!(out, "{label:34} {process:>7.2} {worker:>7.2} {added:>7.2} {quartiles:>15} {times:>8}")?;
        writeln!(out, " {p50:>7} {p99:>7}")?;
    }
    if let Some(server) = cpu.of("ext-authz") {
        let server = median(&server.server_us);
        writeln!(
            out,
            "\next_authz: only Envoy's time is above; its server took {server:.2} us a request besides."
        )?;
    }
    if let Some(reports) = results.reports {
        writeln!(out, "Usage reports that the filter sent meanwhile: {reports}.")?;
    }
    writeln!(out)
}

fn waited(results: &Results, variant: &Variant) -> (String, String) {
    let found = results.latency.iter().flat_map(|latency| &latency.waited).find(|w| w.key == variant.key);
    let text = |values: &[f64]| format!("{:.0}", median(values));
    found.map_or(("-".into(), "-".into()), |waited| (text(&waited.p50_us), text(&waited.p99_us)))
}

fn pushes(out: &mut String, results: &Results) -> std::fmt::Result {
    if let Some(tail) = &results.tail {
        let (quiet, pushed) = (median(&tail.quiet_us), median(&tail.pushed_us));
        let Quartiles { q1, median, q3 } = Quartiles::of(&tail.ratios());
        writeln!(
            out,
            "p99 at 100,000 tokens and {:.0} requests a second: {quiet:.0} us; with a push a second {pushed:.0} us;",
            tail.rate
        )?;
        writeln!(
            out,
            "ratio in {} pairs: median {median:.2}, quartiles {q1:.2} to {q3:.2}. Envoy took {} of {} pushes.\n",
            tail.ratios().len(),
            tail.taken,
            tail.sent
        )?;
    }
    for (tokens, observed) in [(100_000, &results.pushes), (results.counts.tokens, &results.large_pushes)] {
        if observed.is_empty() {
            continue;
        }
        let (table, count) = (grouped(tokens), observed.len());
        writeln!(out, "Pushes of one changed token at {table} ({count}), milliseconds:")?;
        writeln!(out, "{:46} {:>9} {:>9} {:>9} {:>9} {:>9}", "", "min", "median", "p95", "p99", "max")?;
        let of = |value: fn(&Observed) -> f64| observed.iter().map(value).collect::<Vec<f64>>();
        spread(out, "worker, inside the VM", &worker_us(observed))?;
        spread(out, "main thread, inside its two VMs, together", &main_us(observed))?;
        spread(out, "gap seen by a client of the worker", &of(|o| o.gap_us))?;
        spread(out, "the same without a push", &of(|o| o.quiet_gap_us))?;
        spread(out, "from the rename until Envoy took it", &of(|o| o.taken_us))?;
        writeln!(out)?;
    }
    Ok(())
}

fn main_us(observed: &[Observed]) -> Vec<f64> {
    observed.iter().filter(|o| !o.main_us.is_empty()).map(|o| o.main_us.iter().sum()).collect()
}

fn spread(out: &mut String, label: &str, us: &[f64]) -> std::fmt::Result {
    if us.is_empty() {
        return writeln!(out, "  {label:44} {:>9}", "n/a");
    }
    let Spread { min, median, p95, p99, max, .. } = Spread::of(us);
    write!(out, "  {label:44}")?;
    for value in [min, median, p95, p99, max] {
        write!(out, " {:>9.3}", value / 1000.0)?;
    }
    writeln!(out)
}

fn first_load(out: &mut String, cold: &Cold) -> std::fmt::Result {
    let (tokens, bytes, count) = (grouped(cold.tokens), grouped(cold.bytes), cold.gatepass.len());
    writeln!(
        out,
        "First load of {tokens} tokens ({bytes} bytes) into fresh VMs, {count} times each, milliseconds:"
    )?;
    for (label, observed) in [("Gatepass", &cold.gatepass), ("mere copy of the bytes", &cold.copy)] {
        let inside = worker_us(observed);
        let shown =
            |us: &[f64]| if us.is_empty() { "n/a".into() } else { format!("{:.1}", median(us) / 1000.0) };
        let gaps: Vec<f64> = observed.iter().map(|o| o.gap_us).collect();
        let (inside, gap) = (shown(&inside), shown(&gaps));
        writeln!(
            out,
            "  {label:24} worker, inside the VM {inside:>8}   gap seen by a client {gap:>8} (medians)"
        )?;
    }
    writeln!(out)
}

fn resident(out: &mut String, memory: &Memory) -> std::fmt::Result {
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / 1_048_576.0);
    grown(out, &memory.growth)?;
    let tokens = grouped(memory.tokens);
    let (empty, full) = (mib(memory.empty), mib(memory.full));
    writeln!(out, "Resident memory with one worker: empty {empty}, {tokens} tokens {full}:")?;
    writeln!(
        out,
        "{:.0} bytes a token in all (worker, main thread, Envoy's own copy), {:.0} for each further worker.",
        memory.per_token(),
        memory.per_token_of_a_worker()
    )?;
    if !memory.said.is_empty() {
        writeln!(out, "The module's own account: {}", memory.said)?;
    }
    writeln!(out)
}

fn stored(out: &mut String, measured: &ControlPlane) -> std::fmt::Result {
    let ControlPlane { database, callers, start_seconds, .. } = measured;
    let (tokens, users) = (grouped(measured.tokens), grouped(measured.users));
    let [first, last] = measured.resident.map(|bytes| bytes as f64 / 1_048_576.0);
    writeln!(
        out,
        "The control plane on {database}, {tokens} tokens of {users} users: {start_seconds:.1} s from its start to the"
    )?;
    writeln!(
        out,
        "first answer; {first:.0} MiB resident then, {last:.0} MiB at the end. {callers} callers at once, then lists by one,"
    )?;
    writeln!(out, "milliseconds:")?;
    writeln!(out, "{:46} {:>9} {:>9} {:>9} {:>9} {:>9}", "", "min", "median", "p95", "p99", "max")?;
    let bare = Call { name: "a durable commit of one row, by itself".to_owned(), took: measured.bare_commit };
    for Call { name, took } in std::iter::once(&bare).chain(&measured.calls).chain(&measured.lists) {
        let Spread { min, median, p95, p99, max, .. } = took;
        writeln!(out, "  {name:44} {min:>9.2} {median:>9.2} {p95:>9.2} {p99:>9.2} {max:>9.2}")?;
    }
    writeln!(out)?;
    paged(out, measured)
}

fn paged(out: &mut String, measured: &ControlPlane) -> std::fmt::Result {
    writeln!(
        out,
        "Its pages, milliseconds until all of one is there, and KB of it with all that it loads, by gzip:"
    )?;
    writeln!(out, "{:46} {:>9} {:>9} {:>9} {:>9} {:>9}", "", "min", "median", "p95", "max", "KB")?;
    for Page { name, compressed, took, .. } in &measured.pages {
        let Spread { min, median, p95, max, .. } = took;
        let kb = *compressed as f64 / 1e3;
        writeln!(out, "  {name:44} {min:>9.2} {median:>9.2} {p95:>9.2} {max:>9.2} {kb:>9.1}")?;
    }
    writeln!(out)
}

fn grown(out: &mut String, growth: &[Growth]) -> std::fmt::Result {
    let tokens = grouped(PUSHED_TOKENS);
    writeln!(
        out,
        "Resident memory of Envoy with one worker after so many pushes of {tokens} tokens, MiB, and what"
    )?;
    writeln!(out, "Envoy has kept of each of the last ones outside of VMs, bytes:")?;
    write!(out, "  {:24}", "")?;
    for look in growth.iter().take(1).flat_map(|module| &module.looks) {
        write!(out, " {:>8}", grouped(look.pushes))?;
    }
    writeln!(out, " {:>8}", "a push")?;
    for module in growth {
        write!(out, "  {:24}", module.module)?;
        for look in &module.looks {
            write!(out, " {:>8.1}", look.resident as f64 / 1_048_576.0)?;
        }
        writeln!(out, " {:>8}", module.per_push().map_or("n/a".into(), |bytes| format!("{bytes:.0}")))?;
    }
    writeln!(out)
}
