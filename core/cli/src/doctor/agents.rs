//! `tieline doctor agents`: which agent programs there are, in which version, whether they are set up, and whether a message
//! arrives before their models.

use std::{path::Path, process::Stdio, time::Duration};

use serde::Serialize;
use serde_json::json;
use tieline_agents::{
    Agent,
    setup::{Roots, Wiring, connect, disconnect},
};
use tieline_model::runtime::Woken;

use super::{
    turn::{self, Turn},
    woken,
};
use crate::{
    context::Context,
    exit::Failed,
    output::now,
    render::{Cell, Paint, line, span, table},
    run::confirm,
    setup::{Found, Record, find, read, roots, wiring},
};

/// How long a program may take to tell its version.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was found out about one.
#[derive(Debug, Serialize)]
struct Line {
    agent: &'static str,
    program: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    setup: Standing,
    /// What setup would change, each in one sentence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differs: Vec<String>,
    /// What came of a turn, when one was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    turn: Option<Turn>,
    /// By which way it was woken last.
    #[serde(skip_serializing_if = "Option::is_none")]
    woken: Option<Woken>,
}

/// How far a program is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    /// Everything is in its files.
    Done,
    /// Nothing is.
    NotDone,
    /// Something is, and something else is to be.
    Differs,
    /// They cannot be read.
    Broken,
}

/// Runs it.
pub async fn run(context: &Context, named: &[Agent], is_live: bool) -> Result<(), Failed> {
    let record = Record::open(&context.home.data_dir)?;
    let (roots, wiring) = (roots()?, wiring(&context.env)?);
    let mut lines = Vec::new();
    let found = find(named)?;
    for one in &found {
        lines.push(look(one, &roots, &wiring, &record).await?);
    }
    let mut newest = woken::newest(context).await;
    lines.iter_mut().for_each(|line| line.woken = newest.remove(line.agent));
    if is_live || is_wanted(context, &lines)? {
        for (line, one) in lines.iter_mut().zip(&found).filter(|(line, _)| line.setup == Standing::Done) {
            context.out.progress(&format!("{}: one turn …", one.agent.title()));
            line.turn = Some(turn::run(context, one).await?);
        }
        context.out.progress("");
    }
    if context.out.json {
        context.out.json(&json!({ "agents": lines }))?;
    } else {
        context.out.text(&shown(&lines, context))?;
    }
    verdict(&lines, !named.is_empty(), context.out.json)
}

async fn look(found: &Found, roots: &Roots, wiring: &Wiring, record: &Record) -> Result<Line, Failed> {
    let (setup, differs) = standing(found.agent, roots, wiring, record)?;
    Ok(Line {
        agent: found.agent.as_str(),
        program: found.program.to_string_lossy().into_owned(),
        version: version(&found.program).await,
        setup,
        differs,
        turn: None,
        woken: None,
    })
}

/// Asks whether turns are wanted: they cost something, and need the daemon.
fn is_wanted(context: &Context, lines: &[Line]) -> Result<bool, Failed> {
    let ready: Vec<&str> = lines.iter().filter(|line| line.setup == Standing::Done).map(|line| line.agent).collect();
    if ready.is_empty() || !confirm::can_ask(context) || !context.endpoint().is_listening() {
        return Ok(false);
    }
    let question =
        format!("Run {} for one short turn each, to see a message arrive before the model?", ready.join(", "));
    confirm::is_agreed(context, &question, "")
}

fn standing(agent: Agent, roots: &Roots, wiring: &Wiring, record: &Record) -> Result<(Standing, Vec<String>), Failed> {
    let documents = match read(agent, roots, record) {
        Ok(documents) => documents,
        Err(Failed::Input(why)) => return Ok((Standing::Broken, vec![why])),
        Err(failed) => return Err(failed),
    };
    // What a person chose at setup is not told from outside: a daemon of Codex that was left on is left alone.
    let keeps = Wiring { keeps_codex_daemon: true, ..wiring.clone() };
    let drafts = match connect(agent, &documents, &keeps) {
        Ok(drafts) => drafts,
        Err(misfit) => return Ok((Standing::Broken, vec![misfit.to_string()])),
    };
    let differs: Vec<String> = drafts
        .iter()
        .flat_map(|draft| {
            let at = |what: &String| format!("{}: {what}", draft.path.display());
            draft.changes.iter().chain(&draft.warnings).map(at).collect::<Vec<_>>()
        })
        .collect();
    if differs.is_empty() {
        return Ok((Standing::Done, differs));
    }
    let is_there =
        disconnect(agent, &documents).is_ok_and(|drafts| drafts.iter().any(|draft| !draft.changes.is_empty()));
    Ok(if is_there { (Standing::Differs, differs) } else { (Standing::NotDone, Vec::new()) })
}

/// Asks a program for its version. One that does not answer has none.
async fn version(program: &Path) -> Option<String> {
    let mut command = tokio::process::Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    version_in(&String::from_utf8_lossy(&output.stdout))
}

/// Finds the first word that looks like a version.
fn version_in(text: &str) -> Option<String> {
    let words = text.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
    let mut words = words.map(|word| word.strip_prefix('v').unwrap_or(word));
    let is_version = |word: &&str| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit());
    words.find(is_version).map(|word| word.chars().take(40).collect())
}

fn shown(lines: &[Line], context: &Context) -> String {
    let style = &context.out.style;
    let rows: Vec<[Cell; 5]> = lines
        .iter()
        .map(|line| {
            let setup = match line.setup {
                Standing::Done => Cell::new(Paint::Good, "done"),
                Standing::NotDone => Cell::new(Paint::Dim, "not done"),
                Standing::Differs => Cell::new(Paint::Bad, "differs"),
                Standing::Broken => Cell::new(Paint::Bad, "broken"),
            };
            let version = line.version.clone().unwrap_or_else(|| "unknown".into());
            let message = match &line.turn {
                Some(Turn::Seen { ms, .. }) => {
                    Cell::new(Paint::Good, format!("seen after {}", span(i64::try_from(*ms).unwrap_or(i64::MAX))))
                }
                Some(Turn::Failed { .. }) => Cell::new(Paint::Bad, "not seen"),
                None => Cell::new(Paint::Dim, "not tried"),
            };
            [line.agent.into(), version.into(), setup, message, line.program.clone().into()]
        })
        .collect();
    let mut text = table(style, ["AGENT", "VERSION", "SETUP", "A MESSAGE", "PROGRAM"], &rows);
    for found in lines.iter().filter(|found| !found.differs.is_empty()) {
        text.push_str(&format!("\n{}\n", found.agent));
        found.differs.iter().for_each(|what| text.push_str(&format!("  {}\n", line(what))));
    }
    for (agent, turn) in lines.iter().filter_map(|found| Some((found.agent, found.turn.as_ref()?))) {
        match turn {
            Turn::Seen { evidence, .. } => text.push_str(&format!("\n{agent}: {}\n", line(evidence))),
            Turn::Failed { reason } => text.push_str(&format!("\n{agent}: {}\n", line(reason))),
        }
    }
    for (agent, it) in lines.iter().filter_map(|found| Some((found.agent, found.woken.as_ref()?))) {
        text.push_str(&format!("\n{}\n", woken::sentence(agent, it, now(), style)));
    }
    if lines.iter().any(|line| line.setup != Standing::Done) {
        text.push_str("\nto do: `tieline setup --dry-run` shows what is missing\n");
    }
    if lines.iter().any(|line| line.setup == Standing::Done && line.turn.is_none()) {
        text.push_str("\nnot tried: whether a message arrives; `tieline doctor agents --live` runs one turn of each\n");
    }
    text
}

/// It is a no when something is there and is not right, or when what was named is not there.
fn verdict(lines: &[Line], is_named: bool, is_json: bool) -> Result<(), Failed> {
    let is_bad = |line: &&Line| match line.setup {
        _ if matches!(line.turn, Some(Turn::Failed { .. })) => true,
        Standing::Done => false,
        Standing::NotDone => is_named,
        Standing::Differs | Standing::Broken => true,
    };
    match lines.iter().filter(is_bad).count() {
        0 => Ok(()),
        _ if is_json => Err(Failed::No(String::new())),
        bad => Err(Failed::No(format!("{bad} of {} agent programs are not as they should be", lines.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (text, wanted) in [
            ("2.1.330 (Claude Code)\n", Some("2.1.330")),
            ("codex-cli 0.169.0\n", Some("0.169.0")),
            ("0.61.0", Some("0.61.0")),
            ("tool v1.2", Some("1.2")),
            ("no idea", None),
            ("", None),
        ] {
            assert_eq!(version_in(text).as_deref(), wanted, "{text}");
        }
    }
}
