//! Plots as SVG text, readable on light and on dark pages.

use std::fmt::Write as _;

use crate::cold::worker_us;
use crate::cpu::Cpu;
use crate::pushing::Observed;
use crate::stats::{Quartiles, median};
use crate::variants::{Variant, grouped};

const WIDTH: f64 = 860.0;
const LABELS: f64 = 290.0;
const ROW: f64 = 24.0;
const TOP: f64 = 56.0;
const STYLE: &str = "<style>\
    .page{fill:#ffffff}text{fill:#1f2328;font:13px system-ui,sans-serif}.title{font-size:15px;font-weight:600}\
    .note{fill:#59636e;font-size:12px}.grid{stroke:#d1d9e0}.ours{fill:#0969da}.theirs{fill:#818b98}\
    .whisker{stroke:#1f2328;stroke-width:1.5}.dot{fill:#0969da;fill-opacity:.35}.quiet{fill:#818b98;fill-opacity:.35}\
    @media(prefers-color-scheme:dark){.page{fill:#0d1117}text{fill:#e6edf3}.note{fill:#9198a1}.grid{stroke:#3d444d}\
    .ours{fill:#4493f8}.theirs{fill:#6e7681}.whisker{stroke:#e6edf3}.dot{fill:#4493f8;fill-opacity:.45}\
    .quiet{fill:#9198a1;fill-opacity:.45}}</style>";

/// Bars of the added processor time, with quartiles as whiskers.
pub fn added_cpu(cpu: &Cpu, variants: &[Variant]) -> Result<String, std::fmt::Error> {
    let rows: Vec<(&Variant, Quartiles)> = variants
        .iter()
        .filter(|variant| variant.key != "bare")
        .map(|variant| (variant, cpu.added_quartiles(&variant.key)))
        .collect();
    let most = rows.iter().map(|(_, quartiles)| quartiles.q3).fold(1.0, f64::max);
    let step = step_for(most);
    let x = |value: f64| LABELS + (WIDTH - LABELS - 70.0) * value.max(0.0) / most;
    let mut svg = open(
        "CPU added per request, microseconds",
        "Envoy's worker; median and quartiles of the rounds",
        rows.len(),
    )?;
    let bottom = TOP + ROW * rows.len() as f64;
    for mark in 0..=((most / step) as u32) {
        grid(&mut svg, x(f64::from(mark) * step), bottom, &format!("{}", f64::from(mark) * step))?;
    }
    for (place, (variant, quartiles)) in rows.iter().enumerate() {
        let y = TOP + ROW * place as f64;
        let class = if variant.listener.starts_with("gatepass") { "ours" } else { "theirs" };
        let Quartiles { q1, median, q3 } = *quartiles;
        label(&mut svg, y, &variant.label)?;
        let width = x(median) - LABELS;
        writeln!(
            svg,
            r#"<rect class="{class}" x="{LABELS}" y="{:.1}" width="{width:.1}" height="14"/>"#,
            y + 5.0
        )?;
        let middle = y + 12.0;
        writeln!(svg, r#"<path class="whisker" d="M{:.1} {middle}H{:.1}"/>"#, x(q1), x(q3))?;
        writeln!(svg, r#"<text x="{:.1}" y="{:.1}">{median:.1}</text>"#, x(q3.max(median)) + 6.0, y + 17.0)?;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

/// Every push as a dot, on a logarithmic axis.
pub fn stalls(pushes: &[Observed], large: &[Observed], tokens: usize) -> Result<String, std::fmt::Error> {
    let mut rows: Vec<(String, &str, Vec<f64>)> = Vec::new();
    for (table, observed) in [("100,000".to_owned(), pushes), (grouped(tokens), large)] {
        if observed.is_empty() {
            continue;
        }
        let of = |value: fn(&Observed) -> f64| observed.iter().map(value).collect::<Vec<f64>>();
        rows.push((format!("{table}: worker, inside the VM"), "dot", worker_us(observed)));
        rows.push((format!("{table}: gap seen by a client"), "dot", of(|o| o.gap_us)));
        rows.push((format!("{table}: the same, no push"), "quiet", of(|o| o.quiet_gap_us)));
    }
    // From 10 µs to 10 s.
    let x = |us: f64| LABELS + (WIDTH - LABELS - 30.0) * (us.clamp(10.0, 1e7).log10() - 1.0) / 6.0;
    let note = "each dot a push of one changed token; the mark is the median; milliseconds, logarithmic";
    let mut svg = open("How long a push holds up a worker", note, rows.len())?;
    let bottom = TOP + ROW * rows.len() as f64;
    for (us, name) in
        [(1e1, "0.01"), (1e2, "0.1"), (1e3, "1"), (1e4, "10"), (1e5, "100"), (1e6, "1000"), (1e7, "10000")]
    {
        grid(&mut svg, x(us), bottom, name)?;
    }
    for (place, (name, class, values)) in rows.iter().enumerate() {
        let y = TOP + ROW * place as f64;
        label(&mut svg, y, name)?;
        for (number, us) in values.iter().enumerate() {
            // Spread over the row's height, so that equal values do not hide each other.
            let cy = y + 7.0 + (number % 11) as f64;
            writeln!(svg, r#"<circle class="{class}" cx="{:.1}" cy="{cy:.1}" r="2.5"/>"#, x(*us))?;
        }
        if !values.is_empty() {
            let at = x(median(values));
            writeln!(svg, r#"<path class="whisker" d="M{at:.1} {:.1}v18"/>"#, y + 3.0)?;
        }
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn open(title: &str, note: &str, rows: usize) -> Result<String, std::fmt::Error> {
    let height = TOP + ROW * rows as f64 + 34.0;
    let mut svg = String::new();
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">"#
    )?;
    writeln!(svg, "<title>{title}</title>{STYLE}")?;
    writeln!(svg, r#"<rect class="page" width="{WIDTH}" height="{height}"/>"#)?;
    writeln!(
        svg,
        r#"<text class="title" x="16" y="24">{title}</text><text class="note" x="16" y="42">{note}</text>"#
    )?;
    Ok(svg)
}

fn grid(svg: &mut String, x: f64, bottom: f64, name: &str) -> std::fmt::Result {
    writeln!(svg, r#"<path class="grid" d="M{x:.1} {TOP}V{bottom}"/>"#)?;
    writeln!(
        svg,
        r#"<text class="note" x="{x:.1}" y="{:.1}" text-anchor="middle">{name}</text>"#,
        bottom + 18.0
    )
}

fn label(svg: &mut String, y: f64, text: &str) -> std::fmt::Result {
    writeln!(svg, r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{text}</text>"#, LABELS - 10.0, y + 17.0)
}

/// A round distance of grid lines: about six of them.
fn step_for(most: f64) -> f64 {
    let rough = most / 6.0;
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough)
        .unwrap_or(10.0 * power)
}
