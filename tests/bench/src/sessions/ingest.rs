//! How fast the transcripts of agent programs are taken in: half of Claude Code's, half of Codex', made from a seed.

use std::{process::Command, time::Instant};

use anyhow::{Context, Result, ensure};
use tieline_tests::corpus;

use crate::{figure::Figure, mesh::Mesh, setting::Setting};

const MIB: u64 = 1 << 20;
const SEED: u64 = 7;

/// Measures it.
pub fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let mib: u64 = setting.choose(6, 60);
    eprintln!("ingest: {mib} MiB of transcripts …");
    let mesh = Mesh::new(&setting.build)?;
    let home = mesh.home.home();
    let root = home.database().ancestors().nth(2).context("a home")?.to_owned();
    let (claude, codex) = (root.join("claude"), root.join("codex"));
    let lines =
        corpus::claude(&claude, SEED, mib * MIB / 2)?.1.lines + corpus::codex(&codex, SEED, mib * MIB / 2)?.1.lines;
    let mut figures = Vec::new();
    for name in ["ingest", "ingest_again"] {
        let begun = Instant::now();
        for (vendor, folder) in [("claude", &claude), ("codex", &codex)] {
            let mut command = Command::new(&setting.build.binary);
            command.args(["import", vendor]).arg(folder).arg("--json").env("TIELINE_HOME", &root);
            let output = command.output().context("failed to start the import")?;
            ensure!(output.status.success(), "the import failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        let seconds = begun.elapsed().as_secs_f64();
        figures.push(Figure::new(name, mib as f64 / seconds, "MiB/s"));
        figures.push(Figure::new(format!("{name}_lines"), lines as f64 / seconds, "line/s"));
    }
    mesh.daemon.stop()?;
    Ok(figures)
}
