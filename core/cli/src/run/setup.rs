//! `tieline setup`: shows what changes in the files of agent programs, asks, keeps what was there, and writes.

use serde_json::{Value, json};
use tieline_agents::{Agent, setup::Wiring};

use super::confirm::is_agreed;
use crate::{
    args::Setup,
    context::Context,
    exit::Failed,
    render::{Style, line},
    setup::{Change, Plan, Record, clean, diff, find, plan, roots, undo, undone, wiring, without_us, write_all},
};

/// Runs it.
pub fn run(context: &Context, args: &Setup) -> Result<(), Failed> {
    if args.undo { take_back(context, args) } else { connect(context, args) }
}

fn connect(context: &Context, args: &Setup) -> Result<(), Failed> {
    let found = find(&args.agents)?;
    let agents: Vec<Agent> = found.iter().map(|found| found.agent).collect();
    let roots = roots()?;
    let wiring = Wiring {
        may_use_tools: args.approve_tools,
        keeps_codex_daemon: args.keep_codex_daemon,
        ..wiring(&context.env)?
    };
    let mut record = Record::open(&context.home.data_dir)?;
    let plan = plan(&agents, &roots, &wiring, &record)?;
    for found in &found {
        context.out.note(&format!("{} is {}", found.agent.title(), found.program.display()));
    }
    if plan.changes.is_empty() {
        return tell(context, &plan, false, "already set up");
    }
    if args.dry_run {
        return tell(context, &plan, false, "nothing was written");
    }
    agree(context, args, &plan, "Write this?")?;
    record.prepare(&plan.changes, &without_us(&agents, &roots, &record)?)?;
    write_all(&plan.changes, |_| None)?;
    tell(context, &plan, true, "set up; programs that run now read this when they are started again")
}

fn take_back(context: &Context, args: &Setup) -> Result<(), Failed> {
    let agents = if args.agents.is_empty() { Agent::ALL.to_vec() } else { args.agents.clone() };
    let mut record = Record::open(&context.home.data_dir)?;
    let plan = undo(&agents, &roots()?, &record)?;
    let known = undone(&agents, &record);
    if plan.changes.is_empty() && known.is_empty() {
        return tell(context, &plan, false, "nothing is set up");
    }
    if args.dry_run {
        return tell(context, &plan, false, "nothing was written");
    }
    if !plan.changes.is_empty() {
        agree(context, args, &plan, "Undo this?")?;
    }
    let mode = |path: &std::path::Path| record.entry(path).and_then(|entry| entry.mode);
    write_all(&plan.changes, mode)?;
    known.iter().for_each(|path| clean(path));
    record.forget(&known)?;
    record.drop_folders()?;
    tell(context, &plan, true, "undone; programs that run now notice when they are started again")
}

/// Shows what changes, and gets a yes.
fn agree(context: &Context, args: &Setup, plan: &Plan, question: &str) -> Result<(), Failed> {
    if args.yes {
        return Ok(());
    }
    let style = Style { color: crate::output::may_color(std::io::IsTerminal::is_terminal(&std::io::stderr())) };
    context.out.show(&shown(plan, &style));
    let instead = "what changes is asked about on a terminal, and there is none; look with --dry-run, then add --yes";
    match is_agreed(context, question, instead)? {
        true => Ok(()),
        false => Err(Failed::No("nothing was written".into())),
    }
}

/// Lays a plan out for people: each file with its reasons and its difference.
fn shown(plan: &Plan, style: &Style) -> String {
    let mut out = String::new();
    for change in &plan.changes {
        out.push_str(&format!("{}\n", style.bold(&line(&change.draft.path.to_string_lossy()))));
        for what in &change.draft.changes {
            out.push_str(&format!("  {}\n", line(what)));
        }
        out.push_str(&diff(change, style));
        out.push('\n');
    }
    for warning in &plan.warnings {
        out.push_str(&format!("{} {}\n", style.warn("note:"), line(warning)));
    }
    out
}

/// Prints what was done, or would be.
fn tell(context: &Context, plan: &Plan, is_written: bool, words: &str) -> Result<(), Failed> {
    if context.out.json {
        let files: Vec<Value> = plan.changes.iter().map(of_change).collect();
        return context.out.json(&json!({ "files": files, "warnings": plan.warnings, "written": is_written }));
    }
    if is_written {
        let files = plan.changes.iter().map(|change| format!("  {}\n", line(&change.draft.path.to_string_lossy())));
        return context.out.text(&format!("{words}\n{}", files.collect::<String>()));
    }
    let warnings = plan.warnings.iter().map(|warning| format!("note: {}\n", line(warning))).collect::<String>();
    if plan.changes.is_empty() {
        return context.out.text(&format!("{warnings}{words}"));
    }
    context.out.text(&format!("{}{words}", shown(plan, &context.out.style)))
}

fn of_change(change: &Change) -> Value {
    let becomes = match (&change.before, &change.draft.text) {
        (None, _) => "created",
        (_, None) => "removed",
        _ => "changed",
    };
    json!({
        "agent": change.agent.as_str(),
        "path": change.draft.path,
        "becomes": becomes,
        "changes": change.draft.changes,
        "diff": diff(change, &Style { color: false }),
    })
}
