//! The time from the start of a hook to its end, as an agent program waits for it. Beside it, as the least that a process
//! costs here: one that ends at once.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::{
    figure::{Aim, Figure},
    latency::Latencies,
    mesh::Mesh,
    setting::Setting,
};

/// What a mature product in Python takes for the same hook on this kind of machine, in milliseconds: measured by us,
/// version 0.17, interpreter and imports included.
const PEER_MS: f64 = 380.0;

/// Measures it.
pub fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let rounds: u32 = setting.choose(100, 500);
    eprintln!("waits: {rounds} hooks of each kind …");
    let mesh = Mesh::new(&setting.build)?;
    let home = mesh.home.home();
    let root = home.database().ancestors().nth(2).context("a home")?.to_owned();
    let hook = |event: &str, rounds| hooks(&setting.build.binary, &root, event, rounds);
    hook("SessionStart", 1)?;
    // The first ones find cold caches.
    hook("PreToolUse", rounds / 10)?;
    let mut figures = Vec::new();
    let bare = figure("process_alone", &mut process_alone(rounds)?);
    figures.push(bare);
    for (name, event) in [("hook_tool", "PreToolUse"), ("hook_with_room", "PostToolUse"), ("hook_turn_end", "Stop")] {
        let mut waits = hook(event, rounds)?;
        figures.push(figure(name, &mut waits).aim("p50", Aim::AtMost(10.0)));
    }
    mesh.daemon.stop()?;
    let mut waits = hook("PreToolUse", rounds)?;
    figures.push(figure("hook_without_daemon", &mut waits).aim("p50", Aim::AtMost(30.0)));
    figures.push(Figure::new("peer_hook", PEER_MS, "ms"));
    Ok(figures)
}

fn figure(name: &str, waits: &mut Latencies) -> Figure {
    let [p50, p99] = waits.percentiles([50.0, 99.0]);
    Figure::new(name, p50, "ms").latency(p50, p99)
}

fn hooks(binary: &Path, root: &Path, event: &str, rounds: u32) -> Result<Latencies> {
    let payload = json!({
        "session_id": "bench", "cwd": "/work/bench", "prompt_id": "1", "tool_name": "Bash",
        "tool_input": {"command": "cargo test --workspace"}, "tool_use_id": "t",
        "tool_response": {"stdout": "x".repeat(2_000), "stderr": ""}, "last_assistant_message": "done",
    })
    .to_string();
    let mut waits = Latencies::default();
    for _ in 0..rounds {
        let mut command = Command::new(binary);
        command.args(["hook", "--agent", "claude", event]).env("TIELINE_HOME", root);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let begun = Instant::now();
        let mut child = command.spawn().context("failed to start the hook")?;
        child.stdin.take().context("the hook has no input")?.write_all(payload.as_bytes())?;
        let status = child.wait()?;
        waits.add(begun.elapsed());
        ensure!(status.success(), "the hook failed: {status}");
    }
    Ok(waits)
}

fn process_alone(rounds: u32) -> Result<Latencies> {
    let mut waits = Latencies::default();
    for _ in 0..rounds {
        let begun = Instant::now();
        let status = Command::new("true").stdin(Stdio::null()).status().context("failed to start `true`")?;
        waits.add(begun.elapsed());
        ensure!(status.success(), "`true` failed: {status}");
    }
    Ok(waits)
}
