//! What a benchmark found, as a table and as JSON.

use std::{fs, path::Path};

use anyhow::Context;
use serde::Serialize;

/// Which way is better.
#[derive(Debug, Clone, Copy)]
pub enum Aim {
    /// At least so much.
    AtLeast(f64),
    /// At most so much.
    AtMost(f64),
}

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// Its name, stable between versions.
    pub name: String,
    /// What was measured.
    pub value: f64,
    /// In which unit.
    pub unit: &'static str,
    /// The median latency, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50: Option<f64>,
    /// The latency that 99 of 100 stay below, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<f64>,
    /// The same work done without the daemon, in the unit of `value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<f64>,
    /// `value / ceiling`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    #[serde(skip)]
    aims: Vec<(&'static str, Aim)>,
}

impl Figure {
    /// Makes a figure of a value alone.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        let name = name.into();
        Self { name, value, unit, p50: None, p99: None, ceiling: None, ratio: None, aims: Vec::new() }
    }

    /// Adds latencies.
    pub fn latency(mut self, p50: f64, p99: f64) -> Self {
        (self.p50, self.p99) = (Some(p50), Some(p99));
        self
    }

    /// Adds the ceiling.
    pub fn ceiling(mut self, ceiling: f64) -> Self {
        (self.ceiling, self.ratio) = (Some(ceiling), Some(self.value / ceiling));
        self
    }

    /// Says what the column `of` (`value`, `p50`, `p99`, `ratio`) should be.
    pub fn aim(mut self, of: &'static str, aim: Aim) -> Self {
        self.aims.push((of, aim));
        self
    }

    fn verdict(&self) -> String {
        let one = |(of, aim): &(&'static str, Aim)| {
            let found = match *of {
                "p50" => self.p50,
                "p99" => self.p99,
                "ratio" => self.ratio,
                _ => Some(self.value),
            };
            let (sign, wanted, is_met) = match *aim {
                Aim::AtLeast(wanted) => ("≥", wanted, found.is_some_and(|found| found >= wanted)),
                Aim::AtMost(wanted) => ("≤", wanted, found.is_some_and(|found| found <= wanted)),
            };
            let name = if *of == "value" { String::new() } else { format!("{of} ") };
            format!("{name}{sign} {}: {}", short(wanted), if is_met { "met" } else { "missed" })
        };
        self.aims.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// Prints figures as a table on standard output.
pub fn print(figures: &[Figure]) {
    let head = ["name", "value", "unit", "p50 ms", "p99 ms", "ceiling", "ratio", "aim"].map(str::to_owned);
    let cell = |value: Option<f64>| value.map(short).unwrap_or_default();
    let rows: Vec<[String; 8]> = figures
        .iter()
        .map(|it| {
            let (value, unit) = (short(it.value), it.unit.to_owned());
            [it.name.clone(), value, unit, cell(it.p50), cell(it.p99), cell(it.ceiling), cell(it.ratio), it.verdict()]
        })
        .collect();
    let all = || std::iter::once(&head).chain(&rows);
    let widths: Vec<usize> =
        (0..8).map(|at| all().map(|row| row[at].chars().count()).max().unwrap_or_default()).collect();
    for row in all() {
        let line: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(
                |(at, (cell, width))| {
                    if matches!(at, 0 | 2 | 7) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                },
            )
            .collect();
        println!("{}", line.join("  ").trim_end());
    }
}

/// Writes figures as a JSON array.
pub fn write(figures: &[Figure], file: &Path) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(figures)?;
    fs::write(file, json + "\n").with_context(|| format!("failed to write `{}`", file.display()))
}

/// Three or four digits are all that a run on a shared machine can mean.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_fields_are_left_out_and_the_ratio_follows_the_ceiling() {
        let plain = serde_json::to_string(&Figure::new("idle_rss", 8.5, "MiB")).unwrap();
        assert_eq!(plain, r#"{"name":"idle_rss","value":8.5,"unit":"MiB"}"#);
        let full = Figure::new("a", 30.0, "1/s").latency(1.0, 2.0).ceiling(60.0).aim("ratio", Aim::AtLeast(0.6));
        assert_eq!((full.ratio, full.verdict().as_str()), (Some(0.5), "ratio ≥ 0.60: missed"));
    }
}
